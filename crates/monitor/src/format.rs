use perfect21_core::{Bytes, Unit};

/// A value in base units as people write it.
///
/// ```
/// use perfect21_monitor::{Unit, quantity};
///
/// assert_eq!(quantity(0.0123, Unit::Seconds), "12.3 ms");
/// assert_eq!(quantity(0.8561, Unit::Ratio), "85.6 %");
/// assert_eq!(quantity(1_572_864.0, Unit::Bytes), "1.5 MiB");
/// assert_eq!(quantity(2000.0, Unit::PerSecond), "2000/s");
/// ```
#[must_use]
pub fn quantity(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Seconds => seconds(value),
        Unit::Bytes if value >= 0.0 => Bytes::new(value as u64).to_string(),
        Unit::Ratio => format!("{:.1} %", value * 100.0),
        Unit::PerSecond => format!("{}/s", significant(value)),
        _ => significant(value),
    }
}

fn seconds(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude == 0.0 {
        "0 s".to_owned()
    } else if magnitude < 1e-6 {
        format!("{} ns", significant(value * 1e9))
    } else if magnitude < 1e-3 {
        format!("{} µs", significant(value * 1e6))
    } else if magnitude < 1.0 {
        format!("{} ms", significant(value * 1e3))
    } else {
        format!("{} s", significant(value))
    }
}

/// Three significant digits; whole numbers stay whole.
pub(crate) fn significant(value: f64) -> String {
    let magnitude = value.abs();
    if value.fract() == 0.0 || magnitude >= 100.0 {
        format!("{value:.0}")
    } else if magnitude >= 10.0 {
        format!("{value:.1}")
    } else if magnitude >= 0.01 {
        format!("{value:.2}")
    } else {
        format!("{value:.4}")
    }
}

/// Text as it may stand in HTML and SVG, in attributes too.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_like_people_write_them() {
        for (value, unit, text) in [
            (0.0123, Unit::Seconds, "12.3 ms"),
            (0.000_25, Unit::Seconds, "250 µs"),
            (2.0, Unit::Seconds, "2 s"),
            (0.0, Unit::Seconds, "0 s"),
            (88_185_242.0, Unit::Bytes, "84.1 MiB"),
            (0.8561, Unit::Ratio, "85.6 %"),
            (2000.4, Unit::PerSecond, "2000/s"),
            (2.345, Unit::Count, "2.35"),
        ] {
            assert_eq!(quantity(value, unit), text);
        }
    }
}
