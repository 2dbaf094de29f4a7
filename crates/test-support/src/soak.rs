//! The length of tests that run many rounds.

use std::env;

/// Returns `long` under `scripts/soak`, which sets `PERFECT21_SOAK`, and `short` otherwise.
///
/// # Examples
///
/// ```
/// use perfect21_test_support::soak;
///
/// for round in 0..soak::rounds(1_000, 100_000) {
///     assert!(round < 100_000);
/// }
/// ```
#[must_use]
pub fn rounds(short: u32, long: u32) -> u32 {
    if env::var_os("PERFECT21_SOAK").is_some() { long } else { short }
}
