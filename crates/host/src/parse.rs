//! Numbers out of the bytes that the kernel writes: no allocation, no UTF-8 check, no panic on any input.

/// The fields of a line, split at blanks.
pub(crate) fn fields(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty())
}

/// The lines, without their ends.
pub(crate) fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|&byte| byte == b'\n')
}

/// A decimal number without sign; anything else, and what does not fit, is `None`.
pub(crate) fn number(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0_u64, |total, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then_some(())?;
        total.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// A number with a sign.
pub(crate) fn signed(bytes: &[u8]) -> Option<i64> {
    match bytes.strip_prefix(b"-") {
        Some(digits) => 0_i64.checked_sub_unsigned(number(digits)?),
        None => i64::try_from(number(bytes)?).ok(),
    }
}

/// A decimal fraction without sign or exponent, such as a load average.
pub(crate) fn decimal(bytes: &[u8]) -> Option<f64> {
    if !bytes.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.') {
        return None;
    }
    std::str::from_utf8(bytes).ok()?.parse().ok().filter(|value: &f64| value.is_finite())
}

/// What follows `key` on the first line that begins with it, blanks trimmed.
pub(crate) fn value_of<'a>(bytes: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    lines(bytes).find_map(|line| line.strip_prefix(key)).map(<[u8]>::trim_ascii)
}

/// The number that follows `key`, such as `VmHWM:`; a unit may follow the number.
pub(crate) fn number_of(bytes: &[u8], key: &[u8]) -> Option<u64> {
    number(fields(value_of(bytes, key)?).next()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_plain_decimals() {
        for (text, expected) in [
            ("0", Some(0)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1 ", None),
            ("1e3", None),
        ] {
            assert_eq!(number(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(signed(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(signed(b"9223372036854775808"), None);
        assert_eq!(signed(b"--1"), None);
        assert_eq!(decimal(b"1.25"), Some(1.25));
        for text in ["inf", "NaN", "1e5", "-1", "", ".", "1.2.3"] {
            assert_eq!(decimal(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn numbers_read_back_as_written(value: u64, signed_value: i64) {
            prop_assert_eq!(number(value.to_string().as_bytes()), Some(value));
            prop_assert_eq!(signed(signed_value.to_string().as_bytes()), Some(signed_value));
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>, key in "[A-Za-z:]{0,3}") {
            number(&bytes);
            signed(&bytes);
            decimal(&bytes);
            number_of(&bytes, key.as_bytes());
            prop_assert!(fields(&bytes).all(|field| !field.is_empty()));
        }
    }
}
