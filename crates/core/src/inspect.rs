use crate::Unit;
use std::{sync::Arc, time::Duration};

/// One value in a [`Table`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Cell {
    /// Words.
    Text(String),
    /// A number in its column's unit.
    Number(f64),
    /// Not known: shown as "no data", never as zero.
    NoData,
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

/// The head of a [`Table`]'s column, or an axis of a [`Curve`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Column {
    /// What people read above it.
    pub name: &'static str,
    /// What its numbers count.
    pub unit: Unit,
}

impl Column {
    /// Names a column.
    #[must_use]
    pub const fn new(name: &'static str, unit: Unit) -> Self {
        Self { name, unit }
    }
}

/// Rows of facts, at most [`Table::MAX_ROWS`]; what did not fit is counted in `left_out`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Table {
    /// Stable name in `snake_case`.
    pub key: &'static str,
    /// What people read above it.
    pub title: String,
    /// One head for each cell of a row.
    pub columns: Vec<Column>,
    /// The rows, most important first, each as long as `columns`.
    pub rows: Vec<Vec<Cell>>,
    /// Rows that were not taken.
    pub left_out: u64,
    /// How long ago the facts were true.
    pub age: Duration,
}

impl Table {
    /// The most rows a table takes.
    pub const MAX_ROWS: usize = 1000;

    /// An empty table, true now.
    #[must_use]
    pub fn new(key: &'static str, title: impl Into<String>, columns: &[Column]) -> Self {
        Self {
            key,
            title: title.into(),
            columns: columns.to_vec(),
            rows: Vec::new(),
            left_out: 0,
            age: Duration::ZERO,
        }
    }

    /// Adds a row; cells that are missing become [`Cell::NoData`], cells beyond the last column are dropped.
    pub fn push(&mut self, cells: impl IntoIterator<Item = Cell>) {
        if self.rows.len() == Self::MAX_ROWS {
            self.left_out += 1;
            return;
        }
        let mut row: Vec<Cell> = cells.into_iter().take(self.columns.len()).collect();
        row.resize(self.columns.len(), Cell::NoData);
        self.rows.push(row);
    }
}

/// Points of one measured relation, such as hit rate over cache size, at most [`Curve::MAX_POINTS`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Curve {
    /// Stable name in `snake_case`.
    pub key: &'static str,
    /// What people read above it.
    pub title: String,
    /// The horizontal axis.
    pub x: Column,
    /// The vertical axis.
    pub y: Column,
    /// Points in rising `x`.
    pub points: Vec<(f64, f64)>,
    /// Points that were not taken.
    pub left_out: u64,
    /// How long ago the curve was true.
    pub age: Duration,
}

impl Curve {
    /// The most points a curve takes.
    pub const MAX_POINTS: usize = 1000;

    /// A curve without points, true now.
    #[must_use]
    pub fn new(key: &'static str, title: impl Into<String>, x: Column, y: Column) -> Self {
        Self { key, title: title.into(), x, y, points: Vec::new(), left_out: 0, age: Duration::ZERO }
    }

    /// Adds a point.
    pub fn push(&mut self, x: f64, y: f64) {
        if self.points.len() == Self::MAX_POINTS {
            self.left_out += 1;
        } else {
            self.points.push((x, y));
        }
    }
}

/// How much a [`Finding`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// Good to know.
    Info,
    /// Costs something today.
    Warning,
    /// Fails soon, or fails now.
    Critical,
}

/// Something that should be changed: why we believe it, what it would bring, how to do it and how to take it back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Stable name by which it can be silenced.
    pub key: String,
    /// How much it matters.
    pub severity: Severity,
    /// The measured facts behind it.
    pub evidence: String,
    /// What the fix is expected to bring, where that can be told.
    pub expected_gain: Option<String>,
    /// What to do: a statement or setting where there is one.
    pub fix: String,
    /// How to take the fix back, where that needs saying.
    pub undo: Option<String>,
}

impl Finding {
    /// A finding without expected gain or undo.
    #[must_use]
    pub fn new(
        key: impl Into<String>,
        severity: Severity,
        evidence: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            key: key.into(),
            severity,
            evidence: evidence.into(),
            expected_gain: None,
            fix: fix.into(),
            undo: None,
        }
    }

    /// Says what the fix is expected to bring.
    #[must_use]
    pub fn expected_gain(mut self, gain: impl Into<String>) -> Self {
        self.expected_gain = Some(gain.into());
        self
    }

    /// Says how to take the fix back.
    #[must_use]
    pub fn undo(mut self, undo: impl Into<String>) -> Self {
        self.undo = Some(undo.into());
        self
    }
}

/// Receives the facts of an [`Inspect`].
pub trait Sections {
    /// Takes a table.
    fn table(&mut self, table: Table);

    /// Takes a curve.
    fn curve(&mut self, curve: Curve);

    /// Takes a finding.
    fn finding(&mut self, finding: Finding);
}

/// A part whose facts can be read by people: which statements are slow, what more memory would buy.
///
/// Like [`Observe`](crate::Observe) it neither blocks nor does I/O: facts that cost a query are refreshed by a task of
/// the part's own and carry their age.
pub trait Inspect: Send + Sync {
    /// Writes the current facts.
    fn inspect(&self, sections: &mut dyn Sections);
}

impl<T: Inspect + ?Sized> Inspect for Arc<T> {
    fn inspect(&self, sections: &mut dyn Sections) {
        (**self).inspect(sections);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_curves_are_bounded_and_say_what_they_left_out() {
        let column = Column::new("n", Unit::Count);
        let mut table = Table::new("t", "T", &[column, column]);
        let mut curve = Curve::new("c", "C", column, column);
        for i in 0..Table::MAX_ROWS + 3 {
            table.push([Cell::Number(i as f64)]);
            curve.push(i as f64, 0.0);
        }
        assert_eq!((table.rows.len(), table.left_out), (Table::MAX_ROWS, 3));
        assert_eq!((curve.points.len(), curve.left_out), (Curve::MAX_POINTS, 3));
        assert_eq!(table.rows[7], [Cell::Number(7.0), Cell::NoData]);
    }
}
