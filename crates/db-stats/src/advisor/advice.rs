pub use crate::Confidence;
use crate::{session::Fields, sql::Ident};
use perfect21_core::{Finding, Severity};
use std::fmt;

/// One thing that should be changed, with the numbers behind it and the way back.
///
/// Converts to [`perfect21_core::Finding`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Advice {
    /// The check that found it, in `snake_case`; silences all of the check.
    pub check: &'static str,
    /// `check:object`, the same in every run: silences this one.
    pub key: String,
    /// How much it matters.
    pub severity: Severity,
    /// What it is about, as people read it.
    pub object: String,
    /// The measured numbers.
    pub evidence: String,
    /// What to do, in words.
    pub advice: String,
    /// What it is expected to bring, where that can be told.
    pub gain: Option<String>,
    /// Statements that do it, in this order and each by itself: some refuse to run within a transaction. Empty where SQL
    /// does not help.
    pub fix: Vec<String>,
    /// Statements that take `fix` back, in this order and each by itself. Empty where nothing takes it back, or where
    /// there is nothing to take back.
    pub undo: Vec<String>,
    /// How sure it is.
    pub confidence: Confidence,
}

impl Advice {
    pub(crate) fn new(check: &'static str, object: impl fmt::Display, severity: Severity) -> Self {
        let object = object.to_string();
        Self {
            check,
            key: format!("{check}:{object}"),
            severity,
            object,
            evidence: String::new(),
            advice: String::new(),
            gain: None,
            fix: Vec::new(),
            undo: Vec::new(),
            confidence: Confidence::High,
        }
    }

    pub(crate) fn evidence(mut self, evidence: impl Into<String>) -> Self {
        self.evidence = evidence.into();
        self
    }

    pub(crate) fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = advice.into();
        self
    }

    pub(crate) fn gain(mut self, gain: impl Into<String>) -> Self {
        self.gain = Some(gain.into());
        self
    }

    pub(crate) fn fix(mut self, statement: impl Into<String>) -> Self {
        self.fix.push(statement.into());
        self
    }

    pub(crate) fn undo(mut self, statement: impl Into<String>) -> Self {
        self.undo.push(statement.into());
        self
    }

    pub(crate) fn confidence(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }
}

impl From<&Advice> for Finding {
    fn from(advice: &Advice) -> Self {
        let fix = if advice.fix.is_empty() { advice.advice.clone() } else { advice.fix.join(";\n") };
        let evidence = format!("{}: {}", advice.object, advice.evidence);
        let mut finding = Self::new(advice.key.clone(), advice.severity, evidence, fix);
        finding.expected_gain.clone_from(&advice.gain);
        if !advice.undo.is_empty() {
            finding.undo = Some(advice.undo.join(";\n"));
        }
        finding
    }
}

/// A name with its schema. `Display` is how people write it, quoted only where it must be; [`sql`](Self::sql) is always
/// quoted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Name {
    pub(crate) schema: String,
    pub(crate) name: String,
}

impl Name {
    /// Two columns: the schema, and the name.
    pub(crate) fn read(fields: &mut Fields<'_>) -> Result<Self, tokio_postgres::Error> {
        Ok(Self { schema: fields.next()?, name: fields.next()? })
    }

    pub(crate) fn sql(&self) -> String {
        format!("{}.{}", Ident(&self.schema), Ident(&self.name))
    }

    /// Another object of the same schema.
    pub(crate) fn sibling(&self, name: &str) -> Self {
        Self { schema: self.schema.clone(), name: name.to_owned() }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", Plain(&self.schema), Plain(&self.name))
    }
}

/// A name that is quoted only if it is not plain.
pub(crate) struct Plain<'a>(pub(crate) &'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = self.0.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
            && self.0.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if is_plain { f.write_str(self.0) } else { Ident(self.0).fmt(f) }
    }
}

/// `"a", "b"`, as in a statement.
pub(crate) fn columns(names: &[String]) -> String {
    names.iter().map(|name| Ident(name).to_string()).collect::<Vec<_>>().join(", ")
}

/// `a, b`, as people read it.
pub(crate) fn plain_columns(names: &[String]) -> String {
    names.iter().map(|name| Plain(name).to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_for_people_only_where_they_must_be() {
        let name = Name { schema: "public".into(), name: "a.\"B;".into() };
        assert_eq!(name.to_string(), "public.\"a.\"\"B;\"");
        assert_eq!(name.sql(), "\"public\".\"a.\"\"B;\"");
        assert_eq!(plain_columns(&["id".into(), "9".into()]), "id, \"9\"");
    }

    #[test]
    fn a_finding_carries_the_statements_or_else_the_words() {
        let advice = Advice::new("c", "o", Severity::Info).evidence("e").advice("words");
        assert_eq!(Finding::from(&advice).fix, "words");
        let advice = advice.fix("A").fix("B").undo("U").gain("g");
        let finding = Finding::from(&advice);
        assert_eq!((finding.key.as_str(), finding.evidence.as_str()), ("c:o", "o: e"));
        assert_eq!((finding.fix.as_str(), finding.undo.as_deref()), ("A;\nB", Some("U")));
        assert_eq!(finding.expected_gain.as_deref(), Some("g"));
    }
}
