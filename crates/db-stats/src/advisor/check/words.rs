//! Numbers as people read them.

use perfect21_core::Bytes;

pub(in super::super) fn bytes(number: i64) -> String {
    Bytes::new(u64::try_from(number).unwrap_or_default()).to_string()
}

pub(in super::super) fn seconds(number: f64) -> String {
    match number {
        n if n < 120.0 => format!("{n:.0} s"),
        n if n < 7_200.0 => format!("{:.0} min", n / 60.0),
        n if n < 172_800.0 => format!("{:.0} h", n / 3_600.0),
        n => format!("{:.0} days", n / 86_400.0),
    }
}

pub(in super::super) fn millis(number: f64) -> String {
    match number {
        n if n < 10.0 => format!("{n:.2} ms"),
        n if n < 10_000.0 => format!("{n:.0} ms"),
        n => seconds(n / 1000.0),
    }
}

pub(in super::super) fn rows(number: f64) -> String {
    match number {
        n if n < 10_000.0 => format!("{n:.0}"),
        n if n < 1e7 => format!("{:.0} thousand", n / 1e3),
        n => format!("{:.1} million", n / 1e6),
    }
}

/// "1 session", "2 sessions".
pub(in super::super) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
