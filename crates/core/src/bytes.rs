use std::{error::Error, fmt, str::FromStr};

/// A number of bytes that reads and prints like people write sizes.
///
/// `kB`, `MB`, `GB`, `TB` are powers of 1000, `KiB`, `MiB`, `GiB`, `TiB` powers of 1024. A bare `k` or `M` is refused:
/// half of its readers would guess wrong. It prints in powers of 1024.
///
/// ```
/// use perfect21_core::Bytes;
///
/// assert_eq!("500 MB".parse(), Ok(Bytes::new(500_000_000)));
/// assert_eq!("1.5GiB".parse(), Ok(Bytes::gib(1) + Bytes::mib(512)));
/// assert_eq!(Bytes::new(1_610_612_736).to_string(), "1.5 GiB");
/// assert_eq!(
///     "10M".parse::<Bytes>().unwrap_err().to_string(),
///     "size `10M`: the unit `M` is ambiguous; write MB (1000²) or MiB (1024²)"
/// );
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes(u64);

const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

impl Bytes {
    /// This many bytes.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// This many KiB (1024 bytes), saturating.
    #[must_use]
    pub const fn kib(n: u64) -> Self {
        Self(n.saturating_mul(1 << 10))
    }

    /// This many MiB (1024² bytes), saturating.
    #[must_use]
    pub const fn mib(n: u64) -> Self {
        Self(n.saturating_mul(1 << 20))
    }

    /// This many GiB (1024³ bytes), saturating.
    #[must_use]
    pub const fn gib(n: u64) -> Self {
        Self(n.saturating_mul(1 << 30))
    }

    /// The plain number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// In MiB, with a fraction.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "exact below 2^53 bytes, and shown with one digit beyond")]
    pub fn as_mib(self) -> f64 {
        self.0 as f64 / f64::from(1 << 20)
    }
}

impl std::ops::Add for Bytes {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl From<u64> for Bytes {
    fn from(bytes: u64) -> Self {
        Self(bytes)
    }
}

impl From<Bytes> for u64 {
    fn from(bytes: Bytes) -> Self {
        bytes.0
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut unit = "B";
        let mut size = 1;
        for (name, factor) in UNITS.into_iter().filter(|(name, _)| name.contains('i')) {
            if self.0 >= factor {
                (unit, size) = (name, factor);
            }
        }
        let tenths = u128::from(self.0) * 10 / u128::from(size);
        match (tenths / 10, tenths % 10) {
            (whole, 0) => write!(f, "{whole} {unit}"),
            (whole, tenth) => write!(f, "{whole}.{tenth} {unit}"),
        }
    }
}

impl FromStr for Bytes {
    type Err = ParseBytesError;

    fn from_str(text: &str) -> Result<Self, ParseBytesError> {
        let error = |problem| ParseBytesError { text: text.chars().take(40).collect(), problem };
        let trimmed = text.trim();
        let split = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
        let (digits, unit) = (&trimmed[..split], trimmed[split..].trim_start());
        let factor = match UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)) {
            Some((_, factor)) => *factor,
            None if unit.is_empty() => 1,
            None => return Err(error(Problem::unit(unit))),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() || fraction.contains('.') || digits.ends_with('.') {
            return Err(error(Problem::Number));
        }
        scale(whole, fraction, factor).map(Self).ok_or_else(|| error(Problem::TooLarge))
    }
}

/// Exact for whole numbers; a fraction is cut after 18 digits and rounded down to a byte.
fn scale(whole: &str, fraction: &str, factor: u64) -> Option<u64> {
    let whole = whole.parse::<u64>().ok()?.checked_mul(factor)?;
    let fraction = &fraction[..fraction.len().min(18)];
    let part = match fraction.parse::<u128>() {
        Ok(digits) => digits * u128::from(factor) / 10u128.pow(u32::try_from(fraction.len()).ok()?),
        Err(_) => 0,
    };
    whole.checked_add(u64::try_from(part).ok()?)
}

/// A text that is no size; says why, and what would be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseBytesError {
    text: String,
    problem: Problem,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Problem {
    Number,
    TooLarge,
    AmbiguousUnit(char),
    Unit(String),
}

impl Problem {
    fn unit(unit: &str) -> Self {
        match (unit.to_ascii_uppercase().as_str(), unit.chars().next()) {
            ("K" | "M" | "G" | "T", Some(letter)) => Self::AmbiguousUnit(letter),
            _ => Self::Unit(unit.chars().take(20).collect()),
        }
    }
}

impl fmt::Display for ParseBytesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "size `{}`: ", self.text)?;
        match &self.problem {
            Problem::Number => f.write_str("it does not start with a number; write for example 512 MiB"),
            Problem::TooLarge => f.write_str("more than 16 EiB"),
            Problem::AmbiguousUnit(letter) => {
                let (letter, power) = match letter.to_ascii_uppercase() {
                    'K' => ('K', ""),
                    'M' => ('M', "²"),
                    'G' => ('G', "³"),
                    letter => (letter, "⁴"),
                };
                let si = if letter == 'K' { 'k' } else { letter };
                write!(
                    f,
                    "the unit `{letter}` is ambiguous; write {si}B (1000{power}) or {letter}iB (1024{power})"
                )
            }
            Problem::Unit(unit) => {
                write!(f, "unknown unit `{unit}`; use B, kB, MB, GB, TB, KiB, MiB, GiB or TiB")
            }
        }
    }
}

impl Error for ParseBytesError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, bytes) in [
            ("0", 0),
            ("17", 17),
            ("17B", 17),
            (" 10 mb ", 10_000_000),
            ("10MiB", 10 << 20),
            ("0.5kib", 512),
            ("1.000000001GB", 1_000_000_001),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_size() {
        for text in [
            "",
            "MB",
            ".5MB",
            "5.MB",
            "1.2.3MB",
            "-1",
            "10 parsecs",
            "10K",
            "1e9",
            "18446744073709551616",
            "99999999TiB",
        ] {
            let message = text.parse::<Bytes>().unwrap_err().to_string();
            assert!(message.starts_with(&format!("size `{text}`: ")), "{message}");
        }
    }

    #[test]
    fn prints_the_largest_unit_that_fits() {
        for (bytes, text) in
            [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (1 << 20, "1 MiB"), (u64::MAX, "16777215.9 TiB")]
        {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }
}
