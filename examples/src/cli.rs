//! Reading the options of the examples: one sentence for what is wrong.

use std::{fmt::Display, str::FromStr, time::Duration};

/// A whole number from `least` to `most`.
///
/// # Errors
/// One sentence that names the option and the value.
pub fn number<T: FromStr + PartialOrd + Display + Copy>(
    name: &str,
    text: &str,
    least: T,
    most: T,
) -> Result<T, String> {
    match text.parse() {
        Ok(number) if least <= number && number <= most => Ok(number),
        _ => Err(format!("--{name} {text}: must be a whole number from {least} to {most}")),
    }
}

/// A time from 100 ms to 1 h, as in `500ms`, `6s`, `1.5s` or `2m`.
///
/// # Errors
/// One sentence that names the option and the value.
pub fn duration(name: &str, text: &str) -> Result<Duration, String> {
    let refused = || format!("--{name} {text}: must be from 100ms to 1h, as in 500ms, 6s, 1.5s or 2m");
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let number: f64 = text[..split].trim().parse().map_err(|_| refused())?;
    let unit = match &text[split..] {
        "ms" => 0.001,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(refused()),
    };
    let seconds = number * unit;
    if (0.1..=3600.0).contains(&seconds) { Ok(Duration::from_secs_f64(seconds)) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_like_people_write_them() {
        for (text, millis) in
            [("500ms", 500), ("6s", 6000), ("1.5s", 1500), ("2m", 120_000), ("1h", 3_600_000)]
        {
            assert_eq!(duration("duration", text), Ok(Duration::from_millis(millis)));
        }
        for text in ["", "6", "s", "0s", "-1s", "2h", "NaNs", "1e9s", "6 parsecs"] {
            assert!(
                duration("duration", text)
                    .is_err_and(|said| said.starts_with(&format!("--duration {text}:")))
            );
        }
    }
}
