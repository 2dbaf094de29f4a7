use crate::parse;

/// A set of CPUs, one bit each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CpuSet(Vec<u64>);

/// Linux is built for at most 8192; a broken list must not take memory for billions.
const MOST: u64 = 1 << 16;

impl CpuSet {
    /// From a list as `0-3,8`; the empty list is the empty set.
    pub(super) fn parse(list: &[u8]) -> Option<Self> {
        let mut bits = Vec::new();
        for range in list.split(|&byte| byte == b',').filter(|_| !list.is_empty()) {
            let (first, last) = match range.iter().position(|&byte| byte == b'-') {
                Some(dash) => (parse::number(&range[..dash])?, parse::number(&range[dash + 1..])?),
                None => (parse::number(range)?, parse::number(range)?),
            };
            if first > last || last >= MOST {
                return None;
            }
            for cpu in first..=last {
                let word = usize::try_from(cpu / 64).ok()?;
                if bits.len() <= word {
                    bits.resize(word + 1, 0);
                }
                bits[word] |= 1 << (cpu % 64);
            }
        }
        Some(Self(bits))
    }

    pub(super) fn and(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a & b).collect())
    }

    pub(super) fn len(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lists_are_ranges_and_single_cpus() {
        for (list, count) in
            [("", 0), ("0", 1), ("0-3", 4), ("0-3,8,10-11", 7), ("2,2,1-2", 2), ("60-70", 11)]
        {
            assert_eq!(CpuSet::parse(list.as_bytes()).map(|set| set.len()), Some(count), "{list}");
        }
        for list in [",", "a", "3-1", "0-", "-3", "0-99999999999", "1,,2", "0 1"] {
            assert_eq!(CpuSet::parse(list.as_bytes()), None, "{list}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>, list in "[0-9,-]{0,30}") {
            CpuSet::parse(&bytes);
            CpuSet::parse(list.as_bytes());
        }

        #[test]
        fn both_is_in_each(a in 0_u64..300, b in 0_u64..300, c in 0_u64..300) {
            let set = |last| CpuSet::parse(format!("0-{last}").as_bytes()).unwrap();
            let both = set(a).and(&set(b)).and(&set(c));
            prop_assert_eq!(u64::from(both.len()), a.min(b).min(c) + 1);
        }
    }
}
