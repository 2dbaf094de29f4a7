use std::{
    io::{self, Write},
    time::Duration,
};

/// How long something took, each time.
#[derive(Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(crate) fn print(mut self, out: &mut impl Write, what: &str) -> io::Result<()> {
        self.0.sort_unstable();
        let of = |share: usize| {
            let time = self.0.get((self.0.len() * share).div_ceil(1000).saturating_sub(1));
            format!("{:.1?}", time.copied().unwrap_or_default())
        };
        writeln!(out, "{what:<44} {:>9} {:>9} {:>9}", of(500), of(990), of(1000))
    }
}
