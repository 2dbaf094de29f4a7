//! The machine's memory.

use perfect21_core::Bytes;

/// Memory of the whole machine, whatever our container may use of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Memory {
    /// All there is.
    pub total: Bytes,
    /// What programs could still take without swapping: free memory, and caches that can be dropped.
    pub available: Bytes,
    /// Space to swap to; zero is none.
    pub swap_total: Bytes,
    /// Of that, what is in use.
    pub swap_used: Bytes,
}

impl Memory {
    /// What is not available any more, as a share from 0 to 1.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "sizes below 2^53")]
    pub fn used_ratio(&self) -> f64 {
        let total = self.total.get().max(1);
        total.saturating_sub(self.available.get()) as f64 / total as f64
    }

    #[cfg(target_os = "linux")]
    pub(crate) const EXPECTED: &str = "MemTotal, MemAvailable, SwapTotal and SwapFree in kB";

    #[cfg(target_os = "linux")]
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let kib = |key: &[u8]| crate::parse::number_of(bytes, key).map(Bytes::kib);
        let (swap_total, swap_free) = (kib(b"SwapTotal:")?, kib(b"SwapFree:")?);
        Some(Self {
            total: kib(b"MemTotal:")?,
            available: kib(b"MemAvailable:")?,
            swap_total,
            swap_used: Bytes::new(swap_total.get().saturating_sub(swap_free.get())),
        })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "MemTotal:  1000 kB\nMemFree:  100 kB\nMemAvailable:  250 kB\nSwapCached:  3 kB\n\
                        SwapTotal:  40 kB\nSwapFree:  30 kB\n";

    #[test]
    fn reads_kibibytes() {
        let memory = Memory::parse(TEXT.as_bytes()).unwrap();
        assert_eq!((memory.total, memory.swap_used), (Bytes::kib(1000), Bytes::kib(10)));
        assert!((memory.used_ratio() - 0.75).abs() < 1e-9);
    }

    #[test]
    fn a_missing_line_is_no_reading() {
        for key in ["MemTotal", "MemAvailable", "SwapTotal", "SwapFree"] {
            assert_eq!(Memory::parse(TEXT.replace(key, "Other").as_bytes()), None, "{key}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>, total: u64, free: u64) {
            Memory::parse(&bytes);
            let text = format!("MemTotal: {total}\nMemAvailable: {free}\nSwapTotal: {free}\nSwapFree: {total}\n");
            let ratio = Memory::parse(text.as_bytes()).map(|memory| memory.used_ratio());
            prop_assert!(ratio.is_some_and(|ratio| (0.0..=1.0).contains(&ratio)));
        }
    }
}
