//! One model of a report, printed in several ways.

mod html;
mod markdown;
mod svg;
mod text;

use crate::{
    baseline::{Baseline, Grade},
    format::quantity,
};
use perfect21_core::{Cell, Unit};
use serde::{Serialize, ser::SerializeStruct};

/// A measured value, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Measured {
    /// In the base unit of its baseline.
    Value(f64),
    /// Not measured; the sentence says how it would be.
    NoData(String),
}

impl Measured {
    /// A measured value; NaN and infinity become no data.
    #[must_use]
    pub fn value(value: f64) -> Self {
        if value.is_finite() {
            Self::Value(value)
        } else {
            Self::NoData("the value is not a number".to_owned())
        }
    }

    /// Not measured, and how it would be.
    #[must_use]
    pub fn no_data(remedy: impl Into<String>) -> Self {
        Self::NoData(remedy.into())
    }

    /// The value, if there is one.
    #[must_use]
    pub fn get(&self) -> Option<f64> {
        match self {
            Self::Value(value) => Some(*value),
            Self::NoData(_) => None,
        }
    }

    fn show(&self, unit: Unit) -> String {
        match self {
            Self::Value(value) => quantity(*value, unit),
            Self::NoData(remedy) => format!("no data: {remedy}"),
        }
    }
}

/// One figure of the scoreboard, measured for each subject of the report.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Row {
    /// What should be reached.
    pub baseline: Baseline,
    /// What was reached, a subject each.
    pub measured: Vec<Measured>,
}

impl Row {
    /// A figure, measured for each subject in the report's order.
    #[must_use]
    pub fn new(baseline: Baseline, measured: impl IntoIterator<Item = Measured>) -> Self {
        Self { baseline, measured: measured.into_iter().collect() }
    }

    /// How the subject of this index stands.
    #[must_use]
    pub fn grade(&self, subject: usize) -> Grade {
        self.baseline.grade(self.measured.get(subject).and_then(Measured::get))
    }

    /// How many times better the last subject is than the first; `None` with fewer than two values.
    #[must_use]
    pub fn gain(&self) -> Option<f64> {
        match &self.measured[..] {
            [first, .., last] => self.baseline.gain(first.get()?, last.get()?),
            _ => None,
        }
    }

    /// The gain in words that a worse result cannot hide behind.
    fn verdict(&self, subjects: &[String]) -> String {
        let last = subjects.last().map_or("", String::as_str);
        match self.gain() {
            None => "–".to_owned(),
            Some(gain) if gain >= 1.05 => format!("{gain:.2} × better"),
            Some(gain) if gain > 1.0 / 1.05 => format!("{last} is not better (same within 5 %)"),
            Some(gain) => format!("{last} is worse ({:.2} ×)", 1.0 / gain),
        }
    }
}

impl Serialize for Row {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let grades: Vec<Grade> = (0..self.measured.len()).map(|subject| self.grade(subject)).collect();
        let mut row = serializer.serialize_struct("Row", 4)?;
        row.serialize_field("baseline", &self.baseline)?;
        row.serialize_field("measured", &self.measured)?;
        row.serialize_field("grades", &grades)?;
        row.serialize_field("gain", &self.gain())?;
        row.end()
    }
}

/// A line of a [`Chart`]: a gap in the data is a gap in the line.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Series {
    /// What people read in the legend.
    pub name: String,
    /// Ascending in x; `None` breaks the line.
    pub points: Vec<(f64, Option<f64>)>,
}

impl Series {
    /// A line without gaps.
    #[must_use]
    pub fn new(name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self { name: name.into(), points: points.into_iter().map(|(x, y)| (x, Some(y))).collect() }
    }
}

/// How a [`Chart`] draws its series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChartKind {
    /// Lines over x.
    Lines,
    /// Groups of bars, one for each whole x.
    Bars,
}

/// A horizontal line that the figures are held against.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Limit {
    /// What people read beside it.
    pub name: String,
    /// In the unit of y.
    pub y: f64,
}

/// A picture of measured values.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Chart {
    /// What people read above it.
    pub title: String,
    /// Lines or bars.
    pub kind: ChartKind,
    /// What people read below it.
    pub x_title: String,
    /// Names for x = 0, 1, 2…; empty where x is a number.
    pub categories: Vec<String>,
    /// Unit of y.
    #[serde(skip)]
    pub unit: Unit,
    /// Lines to hold the figures against; drawn only where they fall into the picture.
    pub limits: Vec<Limit>,
    /// The values.
    pub series: Vec<Series>,
}

impl Chart {
    /// Lines over a number.
    #[must_use]
    pub fn lines(title: impl Into<String>, x_title: impl Into<String>, unit: Unit) -> Self {
        Self {
            title: title.into(),
            kind: ChartKind::Lines,
            x_title: x_title.into(),
            categories: Vec::new(),
            unit,
            limits: Vec::new(),
            series: Vec::new(),
        }
    }

    /// Groups of bars over names.
    #[must_use]
    pub fn bars<C: Into<String>>(
        title: impl Into<String>,
        categories: impl IntoIterator<Item = C>,
        unit: Unit,
    ) -> Self {
        let categories = categories.into_iter().map(Into::into).collect();
        Self { kind: ChartKind::Bars, categories, ..Self::lines(title, "", unit) }
    }

    /// Names x = 0, 1, 2….
    #[must_use]
    pub fn categories<C: Into<String>>(mut self, names: impl IntoIterator<Item = C>) -> Self {
        self.categories = names.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a line to hold the figures against.
    #[must_use]
    pub fn limit(mut self, name: impl Into<String>, y: f64) -> Self {
        self.limits.push(Limit { name: name.into(), y });
        self
    }

    /// Adds values.
    #[must_use]
    pub fn series(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }
}

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
