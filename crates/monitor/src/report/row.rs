use crate::{
    baseline::{Baseline, Grade},
    format::quantity,
};
use perfect21_core::Unit;
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

    pub(super) fn show(&self, unit: Unit) -> String {
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
    pub(super) fn verdict(&self, subjects: &[String]) -> String {
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
