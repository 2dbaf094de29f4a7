use crate::format::quantity;
use perfect21_core::Cell;
use serde::Serialize;

/// Rows of words and numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Table {
    /// What people read above it.
    pub title: String,
    /// Column heads.
    pub head: Vec<String>,
    /// Rows as they are shown, as long as the head.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new<H: Into<String>>(title: impl Into<String>, head: impl IntoIterator<Item = H>) -> Self {
        Self { title: title.into(), head: head.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row; missing cells are shown as `–`.
    pub fn push<C: Into<String>>(&mut self, cells: impl IntoIterator<Item = C>) {
        let mut row: Vec<String> = cells.into_iter().take(self.head.len()).map(Into::into).collect();
        row.resize(self.head.len(), "–".to_owned());
        self.rows.push(row);
    }
}

impl From<&perfect21_core::Table> for Table {
    fn from(facts: &perfect21_core::Table) -> Self {
        let mut table = Self::new(facts.title.clone(), facts.columns.iter().map(|column| column.name));
        for row in &facts.rows {
            table.push(row.iter().zip(&facts.columns).map(|(cell, column)| match cell {
                Cell::Text(text) => text.clone(),
                Cell::Number(number) => quantity(*number, column.unit),
                _ => "no data".to_owned(),
            }));
        }
        table
    }
}
