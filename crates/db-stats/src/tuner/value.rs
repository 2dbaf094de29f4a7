//! Values of settings: what `pg_settings` counts in odd units, in bytes.

use perfect21_core::Bytes;
use std::fmt;

/// The value of a setting. `Display` is what SQL takes as a text: `4GB`, `0.9`, `on`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Memory or room on a disk.
    Bytes(Bytes),
    /// A number, or a time in the setting's unit; also `-1` and the like of a setting that is memory otherwise.
    Integer(i64),
    /// A number with a fraction.
    Real(f64),
    /// A word.
    Text(String),
}

/// What a setting counts, as `pg_settings.unit` says: `8kB`, `kB`, `MB`, `ms`.
///
/// `None` where it is no memory.
pub(super) fn bytes_of_unit(unit: &str) -> Option<u64> {
    let split = unit.find(|letter: char| !letter.is_ascii_digit())?;
    let count = if split == 0 { 1 } else { unit[..split].parse::<u64>().ok()? };
    let unit = match &unit[split..] {
        "B" => 1,
        "kB" => 1 << 10,
        "MB" => 1 << 20,
        "GB" => 1 << 30,
        "TB" => 1 << 40,
        _ => return None,
    };
    count.checked_mul(unit)
}

impl Value {
    /// From a text: of `pg_settings`, in the unit, or of a file, perhaps with a unit of its own.
    pub(super) fn parse(text: &str, unit: Option<&str>, vartype: &str) -> Self {
        let trimmed = text.trim();
        match vartype {
            "integer" => integer(trimmed, unit),
            "real" => trimmed.parse().ok().map(Self::Real),
            "bool" => boolean(trimmed).map(|on| Self::Text(on.to_owned())),
            _ => None,
        }
        .unwrap_or_else(|| Self::Text(trimmed.to_owned()))
    }

    pub(super) fn bytes(&self) -> Option<u64> {
        match self {
            Self::Bytes(bytes) => Some(bytes.get()),
            _ => None,
        }
    }

    /// As a number, bytes for memory.
    #[allow(clippy::cast_precision_loss, reason = "compared with a tolerance")]
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Bytes(bytes) => Some(bytes.get() as f64),
            Self::Integer(number) => Some(*number as f64),
            Self::Real(number) => Some(*number),
            Self::Text(_) => None,
        }
    }
}

fn integer(text: &str, unit: Option<&str>) -> Option<Value> {
    let end = text.rfind(|letter: char| letter.is_ascii_digit() || letter == '.').map_or(0, |at| at + 1);
    let (digits, own) = (text[..end].trim(), text[end..].trim());
    let Some(factor) = unit.and_then(bytes_of_unit) else {
        return if own.is_empty() { digits.parse().ok().map(Value::Integer) } else { None };
    };
    if digits.starts_with('-') {
        return digits.parse().ok().map(Value::Integer);
    }
    let factor = if own.is_empty() { factor } else { bytes_of_unit(own)? };
    if let Ok(whole) = digits.parse::<u64>() {
        return whole.checked_mul(factor).map(|bytes| Value::Bytes(Bytes::new(bytes)));
    }
    let number: f64 = digits.parse().ok()?;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "the server rounds a fraction, too; casts saturate"
    )]
    let bytes = (number * factor as f64).round() as u64;
    Some(Value::Bytes(Bytes::new(bytes)))
}

fn boolean(text: &str) -> Option<&'static str> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" | "1" => Some("on"),
        "off" | "false" | "no" | "0" => Some("off"),
        _ => None,
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => {
                let units =
                    [("TB", 1 << 40), ("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10), ("B", 1_u64)];
                let bytes = bytes.get();
                // Whole in its unit, since the server would round a fraction in another way than we.
                let fits = units.iter().find(|(_, size)| bytes > 0 && bytes.is_multiple_of(*size));
                match fits {
                    Some((unit, size)) => write!(f, "{}{unit}", bytes / size),
                    None => f.write_str("0"),
                }
            }
            Self::Integer(number) => write!(f, "{number}"),
            Self::Real(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_units_become_bytes_and_are_written_whole() {
        for (text, unit, expected, written) in [
            ("16384", Some("8kB"), Value::Bytes(Bytes::mib(128)), "128MB"),
            ("4096", Some("kB"), Value::Bytes(Bytes::mib(4)), "4MB"),
            ("1024", Some("MB"), Value::Bytes(Bytes::gib(1)), "1GB"),
            ("16777216", Some("B"), Value::Bytes(Bytes::mib(16)), "16MB"),
            ("655", Some("kB"), Value::Bytes(Bytes::kib(655)), "655kB"),
            ("64MB", Some("8kB"), Value::Bytes(Bytes::mib(64)), "64MB"),
            (" 1.5 GB ", Some("kB"), Value::Bytes(Bytes::mib(1536)), "1536MB"),
            ("0", Some("8kB"), Value::Bytes(Bytes::new(0)), "0"),
            ("-1", Some("8kB"), Value::Integer(-1), "-1"),
            ("-1", Some("kB"), Value::Integer(-1), "-1"),
            ("300", Some("s"), Value::Integer(300), "300"),
            ("5min", Some("s"), Value::Text("5min".into()), "5min"),
            ("200", None, Value::Integer(200), "200"),
            (
                "18446744073709551615",
                Some("8kB"),
                Value::Text("18446744073709551615".into()),
                "18446744073709551615",
            ),
            ("é", Some("8kB"), Value::Text("é".into()), "é"),
            ("", Some("8kB"), Value::Text(String::new()), ""),
        ] {
            let value = Value::parse(text, unit, "integer");
            assert_eq!(value, expected, "{text} in {unit:?}");
            assert_eq!(value.to_string(), written);
        }
        assert_eq!(Value::parse("TRUE", None, "bool"), Value::Text("on".into()));
        assert_eq!(Value::parse("0.9", None, "real").to_string(), "0.9");
        assert_eq!(Value::parse("lz4", None, "enum").to_string(), "lz4");
    }
}
