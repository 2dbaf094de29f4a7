use super::{
    Advice,
    check::{millis, slow_statement},
    snapshot::Statements,
};
use perfect21_core::{Column, Finding, Inspect, Sections, Severity, Table, Unit};
use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

/// Statements shown by their share.
const SHOWN: usize = 10;

/// What an [`Advisor`](super::Advisor) found in one look. `Display` is text for people, [`to_html`](Self::to_html) a page;
/// neither asks the server. Takes up to some 2 MB, for the statements of a [comparison](super::Advisor::compare).
#[derive(Debug, Clone)]
pub struct Report {
    database: String,
    version: i32,
    advice: Vec<Advice>,
    left_out: BTreeMap<&'static str, usize>,
    statements: Option<Statements>,
    began: Instant,
    took: Duration,
}

/// A statement and its part of all time.
pub(super) struct Share {
    pub(super) text: String,
    pub(super) share: f64,
    pub(super) calls: i64,
    pub(super) mean_ms: f64,
}

impl Report {
    pub(super) fn new(
        database: String,
        version: i32,
        advice: Vec<Advice>,
        left_out: BTreeMap<&'static str, usize>,
        mut statements: Option<Statements>,
        began: Instant,
    ) -> Self {
        // Normalised, they are no longer than 1 KiB and have no constants.
        for statement in statements.iter_mut().flat_map(|statements| &mut statements.all) {
            statement.text = crate::normalize(&statement.text);
        }
        Self { database, version, advice, left_out, statements, began, took: began.elapsed() }
    }

    /// What was found, the most severe first.
    #[must_use]
    pub fn advice(&self) -> &[Advice] {
        &self.advice
    }

    /// How many findings there were too many of, by check.
    #[must_use]
    pub fn left_out(&self) -> &BTreeMap<&'static str, usize> {
        &self.left_out
    }

    /// How long ago the look began.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// How long the look took.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.took
    }

    /// The database that was looked at.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The page: self-contained, without scripts, with all names escaped.
    ///
    /// # Examples
    /// ```no_run
    /// # fn example(report: perfect21_db_stats::advisor::Report) -> std::io::Result<()> {
    /// std::fs::write("advice.html", report.to_html())
    /// # }
    /// ```
    #[must_use]
    pub fn to_html(&self) -> String {
        super::html::page(self)
    }

    /// Major and minor, as people write them.
    pub(super) fn version(&self) -> String {
        format!("{}.{}", self.version / 10_000, self.version % 10_000)
    }

    pub(super) fn statements(&self) -> Option<&Statements> {
        self.statements.as_ref()
    }

    pub(super) fn replace(&mut self, advice: Vec<Advice>, left_out: BTreeMap<&'static str, usize>) {
        self.advice = advice;
        for (check, count) in left_out {
            *self.left_out.entry(check).or_insert(0) += count;
        }
    }

    /// The statements with most of the time.
    pub(super) fn shares(&self) -> Vec<Share> {
        let Some(statements) = &self.statements else { return Vec::new() };
        let total = statements.total_ms.max(f64::MIN_POSITIVE);
        let seen = statements.all.iter().take(SHOWN).filter(|statement| statement.total_ms / total >= 0.0005);
        let first = seen.map(|statement| Share {
            text: slow_statement::short(&statement.text),
            share: statement.total_ms / total,
            calls: statement.calls,
            mean_ms: statement.mean_ms(),
        });
        first.collect()
    }

    /// "3 critical, 1 warning, 0 info".
    pub(super) fn counts(&self) -> String {
        let count = |severity| self.advice.iter().filter(|advice| advice.severity == severity).count();
        format!(
            "{} critical, {} warning, {} info",
            count(Severity::Critical),
            count(Severity::Warning),
            count(Severity::Info)
        )
    }
}

pub(super) fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::Warning => "warning",
        _ => "info",
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (version, counts) = (self.version(), self.counts());
        writeln!(
            f,
            "Database {} on PostgreSQL {version}: {counts}; looked for {:.1?}",
            self.database, self.took
        )?;
        let shares = self.shares();
        if !shares.is_empty() {
            writeln!(f, "\nWhere the time goes:")?;
        }
        for share in shares {
            let bar = "█".repeat((share.share * 20.0).round() as usize);
            let (percent, mean) = (share.share * 100.0, millis(share.mean_ms));
            let text: String = share.text.chars().take(80).collect();
            writeln!(f, "{percent:>5.1} % {bar:<20} {:>9} × {mean:<9} {text}", share.calls)?;
        }
        for advice in &self.advice {
            let (severity, confidence) = (word(advice.severity).to_uppercase(), advice.confidence);
            writeln!(f, "\n{severity} {}  (confidence {confidence})", advice.key)?;
            lines(f, "     ", &advice.evidence)?;
            lines(f, "  do ", &advice.advice)?;
            if let Some(gain) = &advice.gain {
                lines(f, "gain ", gain)?;
            }
            for statement in &advice.fix {
                lines(f, " fix ", &format!("{statement};"))?;
            }
            for statement in &advice.undo {
                lines(f, "undo ", &format!("{statement};"))?;
            }
        }
        for (check, count) in &self.left_out {
            writeln!(f, "\n{count} more of {check}")?;
        }
        Ok(())
    }
}

/// Texts of more than one line stay under each other.
fn lines(f: &mut fmt::Formatter<'_>, head: &str, text: &str) -> fmt::Result {
    for (nth, line) in text.lines().enumerate() {
        writeln!(f, "  {} {line}", if nth == 0 { head } else { "     " })?;
    }
    Ok(())
}

/// The findings, and the statements by their share of the time, with the report's age.
impl Inspect for Report {
    fn inspect(&self, sections: &mut dyn Sections) {
        let columns = [
            Column::new("statement", Unit::Count),
            Column::new("share", Unit::Ratio),
            Column::new("calls", Unit::Count),
            Column::new("mean", Unit::Seconds),
        ];
        let mut table = Table::new("statements_by_time", "Where the server's time goes", &columns);
        table.age = self.age();
        for share in self.shares() {
            table.push([
                share.text.as_str().into(),
                share.share.into(),
                (share.calls as f64).into(),
                (share.mean_ms / 1e3).into(),
            ]);
        }
        sections.table(table);
        for advice in &self.advice {
            let mut finding = Finding::from(advice);
            finding.evidence.push_str(&format!(" (seen {} s ago)", self.age().as_secs()));
            sections.finding(finding);
        }
    }
}
