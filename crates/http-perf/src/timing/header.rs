//! Durations as header values, written without a formatter.

use http::HeaderValue;
use std::time::Duration;

/// Seconds with six digits after the point: `0.000123`.
pub(super) fn process_time(duration: Duration) -> HeaderValue {
    fixed_point(b"", duration.as_micros(), 6)
}

/// Milliseconds with three digits after the point: `app;dur=0.123`.
pub(super) fn server_timing(duration: Duration) -> HeaderValue {
    fixed_point(b"app;dur=", duration.as_micros(), 3)
}

/// Writes `number` with its last `decimals` digits behind a point.
fn fixed_point(prefix: &[u8], number: u128, decimals: usize) -> HeaderValue {
    // 20 digits, a point and the prefix.
    let mut buffer = [0; 32];
    let mut rest = u64::try_from(number).unwrap_or(u64::MAX);
    let mut start = buffer.len();
    let mut digits = 0;
    while rest > 0 || digits <= decimals {
        start -= 1;
        if digits == decimals && buffer.len() - start == decimals + 1 {
            buffer[start] = b'.';
            start -= 1;
        }
        buffer[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        digits += 1;
    }
    start -= prefix.len();
    buffer[start..start + prefix.len()].copy_from_slice(prefix);
    HeaderValue::from_bytes(&buffer[start..]).unwrap_or(HeaderValue::from_static("0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_print_in_full() {
        for (micros, seconds, millis) in [
            (0, "0.000000", "app;dur=0.000"),
            (7, "0.000007", "app;dur=0.007"),
            (123, "0.000123", "app;dur=0.123"),
            (1_000, "0.001000", "app;dur=1.000"),
            (999_999, "0.999999", "app;dur=999.999"),
            (1_000_000, "1.000000", "app;dur=1000.000"),
            (75_001_002, "75.001002", "app;dur=75001.002"),
            (u64::MAX, "18446744073709.551615", "app;dur=18446744073709551.615"),
        ] {
            let duration = Duration::from_micros(micros);
            assert_eq!(process_time(duration), seconds);
            assert_eq!(server_timing(duration), millis);
        }
        assert_eq!(process_time(Duration::MAX), "18446744073709.551615");
        assert_eq!(process_time(Duration::from_nanos(1_999)), "0.000001");
    }
}
