//! One model of a report, printed in several ways.

mod chart;
mod html;
mod markdown;
mod row;
mod svg;
mod table;
mod text;

pub use chart::{Chart, ChartKind, Limit, Series};
pub use row::{Measured, Row};
pub use table::Table;

use serde::Serialize;

/// A report on one or more subjects: a scoreboard, charts, tables and notes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// What people read first.
    pub title: String,
    /// What is compared; gains are of the last over the first.
    pub subjects: Vec<String>,
    /// Why the report is not complete, where it is not.
    pub partial: Option<String>,
    /// Where and how it was measured.
    pub setup: Vec<(String, String)>,
    /// The scoreboard.
    pub rows: Vec<Row>,
    /// Pictures.
    pub charts: Vec<Chart>,
    /// Details.
    pub tables: Vec<Table>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

impl Report {
    /// An empty report.
    #[must_use]
    pub fn new<S: Into<String>>(title: impl Into<String>, subjects: impl IntoIterator<Item = S>) -> Self {
        Self {
            title: title.into(),
            subjects: subjects.into_iter().map(Into::into).collect(),
            partial: None,
            setup: Vec::new(),
            rows: Vec::new(),
            charts: Vec::new(),
            tables: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Adds a figure.
    pub fn row(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Adds a line about how it was measured.
    pub fn setup(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.setup.push((name.into(), value.into()));
    }

    /// For a terminal: the scoreboard and the notes.
    #[must_use]
    pub fn to_text(&self) -> String {
        text::render(self)
    }

    /// The whole report but the charts, as GitHub Markdown.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        markdown::render(self)
    }

    /// The whole report as one HTML page that asks for nothing else: inline SVG, no script.
    #[must_use]
    pub fn to_html(&self) -> String {
        html::render(self)
    }
}
