//! The machine's CPU time and load.

use std::time::Duration;

/// What all CPUs of the machine did since it started; two of them give the share that was busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CpuTimes {
    /// Programs, those at low priority and guests of virtual machines included.
    pub user: Duration,
    /// The kernel, for programs.
    pub system: Duration,
    /// The kernel, for devices (hard and soft interrupts).
    pub interrupts: Duration,
    /// Nothing to do.
    pub idle: Duration,
    /// Nothing to do while a disk was waited for. The kernel lets it go back a little at times.
    pub iowait: Duration,
    /// Wanted to run, and the hypervisor ran somebody else.
    pub steal: Duration,
}

impl CpuTimes {
    /// Time in which a CPU worked; stolen time is none.
    #[must_use]
    pub fn busy(&self) -> Duration {
        self.user.saturating_add(self.system).saturating_add(self.interrupts)
    }

    /// All time of all CPUs.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.busy().saturating_add(self.idle).saturating_add(self.iowait).saturating_add(self.steal)
    }

    /// The busy share of the whole machine between two readings, from 0 to 1.
    ///
    /// `None` where no time passed or a counter went back: there is no number for "since the machine started", and
    /// none for the moment in which a counter began anew.
    ///
    /// ```
    /// use perfect21_host::CpuTimes;
    /// use std::time::Duration;
    ///
    /// let mut earlier = CpuTimes::default();
    /// earlier.idle = Duration::from_secs(100);
    /// let mut later = earlier;
    /// later.idle += Duration::from_secs(3);
    /// later.user += Duration::from_secs(1);
    /// assert_eq!(CpuTimes::busy_between(&earlier, &later), Some(0.25));
    /// assert_eq!(CpuTimes::busy_between(&later, &earlier), None);
    /// ```
    #[must_use]
    pub fn busy_between(earlier: &Self, later: &Self) -> Option<f64> {
        Self::share(earlier, later, Self::busy)
    }

    /// The stolen share of the whole machine between two readings, from 0 to 1; `None` as for
    /// [`busy_between`](Self::busy_between).
    #[must_use]
    pub fn steal_between(earlier: &Self, later: &Self) -> Option<f64> {
        Self::share(earlier, later, |times| times.steal)
    }

    fn share(earlier: &Self, later: &Self, part: impl Fn(&Self) -> Duration) -> Option<f64> {
        let passed = later.total().checked_sub(earlier.total()).filter(|passed| !passed.is_zero())?;
        let part = part(later).checked_sub(part(earlier))?;
        // Above 1 where `iowait` went back by more than the rest went on.
        Some((part.as_secs_f64() / passed.as_secs_f64()).min(1.0))
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        use crate::{parse, process::ticks};

        let mut numbers = [0_u64; 8];
        let mut fields = parse::fields(parse::value_of(bytes, b"cpu ")?);
        for number in &mut numbers {
            *number = parse::number(fields.next()?)?;
        }
        // Guests are counted in user and nice already.
        let [user, nice, system, idle, iowait, irq, softirq, steal] = numbers;
        Some(Self {
            user: ticks(user.checked_add(nice)?),
            system: ticks(system),
            interrupts: ticks(irq.checked_add(softirq)?),
            idle: ticks(idle),
            iowait: ticks(iowait),
            steal: ticks(steal),
        })
    }
}

/// How many threads run or want to, and on Linux wait for a disk, on average.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct Load {
    /// Over the last minute.
    pub one: f64,
    /// Over the last five minutes.
    pub five: f64,
    /// Over the last fifteen minutes.
    pub fifteen: f64,
    /// Threads of the machine that run or want to at this moment; `None` where it is not told.
    pub running: Option<u64>,
    /// Threads of the machine; `None` where it is not told.
    pub threads: Option<u64>,
}

#[cfg(target_os = "linux")]
impl Load {
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        use crate::parse;

        let mut fields = parse::fields(bytes);
        let mut average = || fields.next().and_then(parse::decimal);
        let (one, five, fifteen) = (average()?, average()?, average()?);
        let counts = fields.next()?;
        let slash = counts.iter().position(|&byte| byte == b'/')?;
        let running = Some(parse::number(&counts[..slash])?);
        let threads = Some(parse::number(&counts[slash + 1..])?);
        Some(Self { one, five, fifteen, running, threads })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_the_first_line_of_stat() {
        let times =
            CpuTimes::parse(b"cpu  100 20 30 4000 50 6 7 8 90 1\ncpu0 1 1 1 1 1 1 1 1 0 0\n").unwrap();
        assert_eq!(times.busy(), Duration::from_millis(1630));
        assert_eq!(times.total(), Duration::from_millis(42_210));
        assert_eq!(CpuTimes::parse(b"cpu  100 20 30\n"), None, "too few");
        assert_eq!(CpuTimes::parse(b"cpu0 100 20 30 4000 50 6 7 8 90 1\n"), None, "one CPU only");
    }

    #[test]
    fn iowait_going_back_gives_no_share_above_one() {
        let hour = Duration::from_secs(3600);
        let earlier = CpuTimes { iowait: hour, ..CpuTimes::default() };
        let later = CpuTimes { user: hour, iowait: hour / 2, ..earlier };
        assert_eq!(CpuTimes::busy_between(&earlier, &later), Some(1.0));
        assert_eq!(CpuTimes::busy_between(&later, &later), None, "no time passed");
    }

    #[test]
    fn reads_the_load() {
        let load = Load::parse(b"0.52 1.00 13.37 3/850 12345\n").unwrap();
        assert_eq!((load.one, load.fifteen), (0.52, 13.37));
        assert_eq!((load.running, load.threads), (Some(3), Some(850)));
        for text in ["", "0.52 1.00 13.37", "0.52 1.00 13.37 3 850", "a b c 3/850", "nan 1 1 1/1"] {
            assert_eq!(Load::parse(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>, text in "(cpu |)[0-9 ./]{0,120}") {
            CpuTimes::parse(&bytes);
            Load::parse(&bytes);
            CpuTimes::parse(text.as_bytes());
            Load::parse(text.as_bytes());
        }

        #[test]
        fn any_two_readings_give_a_share_or_none(a: [u32; 6], b: [u32; 6]) {
            let times = |n: [u32; 6]| {
                let [user, system, interrupts, idle, iowait, steal] =
                    n.map(|n| Duration::from_millis(n.into()));
                CpuTimes { user, system, interrupts, idle, iowait, steal }
            };
            let share = CpuTimes::busy_between(&times(a), &times(b));
            prop_assert!(share.is_none_or(|share| (0.0..=1.0).contains(&share)));
        }
    }
}
