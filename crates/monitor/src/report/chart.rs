use perfect21_core::Unit;
use serde::Serialize;

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
