use crate::parse;

/// What we use of `/proc/<pid>/stat`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) state: u8,
    pub(super) major_faults: u64,
    pub(super) cpu_ticks: u64,
    pub(super) threads: u64,
    pub(super) rss_pages: u64,
}

impl Stat {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        // The name stands in parentheses, and may hold blanks and parentheses of its own.
        let after_name = bytes.iter().rposition(|&byte| byte == b')')? + 1;
        let mut fields = parse::fields(&bytes[after_name..]);
        let state = *fields.next()?.first()?;
        let mut number = |skip| fields.nth(skip).and_then(parse::number);
        let major_faults = number(8)?;
        let cpu_ticks = number(1)?.checked_add(number(0)?)?;
        let threads = number(4)?;
        let rss_pages = number(3)?;
        Some(Self { state, major_faults, cpu_ticks, threads, rss_pages })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REST: &str = "S 1 2 3 0 -1 4194304 101 0 7 0 250 50 0 0 20 0 9 0 89715 2998272 407 184467 1 1";

    #[test]
    fn a_name_may_look_like_the_rest_of_the_line() {
        for name in ["cat", "a b", ") R 1 2 3", "((", ")"] {
            let stat = Stat::parse(format!("42 ({name}) {REST}\n").as_bytes());
            let expected = Stat { state: b'S', major_faults: 7, cpu_ticks: 300, threads: 9, rss_pages: 407 };
            assert_eq!(stat, Some(expected), "{name}");
        }
    }

    #[test]
    fn a_cut_line_is_no_reading() {
        let whole = format!("42 (cat) {REST}");
        let enough = whole.find("407").unwrap() + 1;
        for end in 0..enough {
            assert_eq!(Stat::parse(&whole.as_bytes()[..end]), None, "{}", &whole[..end]);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>, rest in "[0-9 )(SZ-]{0,200}") {
            Stat::parse(&bytes);
            Stat::parse(format!("1 (x) {rest}").as_bytes());
        }
    }
}
