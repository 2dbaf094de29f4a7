//! Spans of time as they are written in arguments.

use std::time::Duration;
use syn::{Error, LitStr, Result};

/// `500ms`, `60s`, `5m`, `1h`.
pub(crate) fn duration(given: &LitStr) -> Result<Duration> {
    let refuse = || Error::new_spanned(given, "must be a duration above zero: `500ms`, `60s`, `5m` or `1h`");
    let text = given.value();
    let digits = text.len() - text.trim_start_matches(|digit: char| digit.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(refuse()),
    };
    let millis = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    millis.filter(|millis| *millis > 0).map(Duration::from_millis).ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit_and_are_above_zero() {
        let read = |text| duration(&LitStr::new(text, proc_macro2::Span::call_site())).ok();
        assert_eq!(read("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(read("5 m"), Some(Duration::from_secs(300)));
        assert_eq!(read("1h"), Some(Duration::from_secs(3600)));
        for wrong in
            ["", "5", "0s", "1.5s", "-1s", "s", "1d", "99999999999999999999s", "18446744073709551615h"]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
