//! Pressure stall information (PSI): how long work waited for a resource. Kernel documentation: accounting/psi.

use crate::Error;
use std::time::Duration;

/// Pressure on the three resources, of the machine or of a cgroup.
///
/// Kernels before 4.20, and those that were started with `psi=0`, do not count it: then each is an error of the kind
/// [`Missing`](crate::ErrorKind::Missing).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Psi {
    /// Waiting for a CPU.
    pub cpu: Result<Stalls, Error>,
    /// Waiting for memory: reclaim, swap, pages read again.
    pub memory: Result<Stalls, Error>,
    /// Waiting for a disk.
    pub io: Result<Stalls, Error>,
}

/// Waiting for one resource.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Stalls {
    /// Some of the tasks waited.
    pub some: Stall,
    /// All of the tasks waited; older kernels do not tell it for the CPU.
    pub full: Option<Stall>,
}

/// A share of the time, from 0 to 1, over the last seconds, and the total.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Stall {
    /// Over 10 s.
    pub avg10: f64,
    /// Over 60 s.
    pub avg60: f64,
    /// Over 300 s.
    pub avg300: f64,
    /// Ever.
    pub total: Duration,
}

#[cfg(target_os = "linux")]
pub(crate) use linux::PsiFiles;

#[cfg(target_os = "linux")]
mod linux {
    use super::{Psi, Stall, Stalls};
    use crate::{Error, kept::Kept, parse};
    use std::{path::Path, time::Duration};

    const EXPECTED: &str = "`some avg10=… avg60=… avg300=… total=…`, and perhaps the same for `full`";

    /// The three files, held open.
    #[derive(Debug)]
    pub(crate) struct PsiFiles([Result<Kept, Error>; 3]);

    impl PsiFiles {
        pub(crate) fn of_machine(root: &Path) -> Self {
            Self(["cpu", "memory", "io"].map(|name| Kept::open(root.join("proc/pressure").join(name))))
        }

        pub(crate) fn of_cgroup(cgroup: &Path) -> Self {
            Self(["cpu.pressure", "memory.pressure", "io.pressure"].map(|name| Kept::open(cgroup.join(name))))
        }

        pub(crate) fn none(reason: &Error) -> Self {
            Self([(); 3].map(|()| Err(reason.clone())))
        }

        pub(crate) fn read(&self) -> Psi {
            let read = |file: &Result<Kept, Error>| match file {
                Ok(file) => file.parse(&mut [0; 256], EXPECTED, Stalls::parse),
                Err(error) => Err(error.clone()),
            };
            let [cpu, memory, io] = &self.0;
            Psi { cpu: read(cpu), memory: read(memory), io: read(io) }
        }
    }

    impl Stalls {
        pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
            let some = Stall::parse(parse::value_of(bytes, b"some ")?)?;
            let full = match parse::value_of(bytes, b"full ") {
                Some(full) => Some(Stall::parse(full)?),
                None => None,
            };
            Some(Self { some, full })
        }
    }

    impl Stall {
        fn parse(line: &[u8]) -> Option<Self> {
            let mut fields = parse::fields(line);
            let mut next = |key: &[u8]| fields.next().and_then(|field| field.strip_prefix(key));
            let share = |percent: &[u8]| parse::decimal(percent).map(|percent| percent / 100.0);
            Some(Self {
                avg10: share(next(b"avg10=")?)?,
                avg60: share(next(b"avg60=")?)?,
                avg300: share(next(b"avg300=")?)?,
                total: Duration::from_micros(parse::number(next(b"total=")?)?),
            })
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn percent_become_shares() {
        let stalls = Stalls::parse(
            b"some avg10=2.50 avg60=0.16 avg300=0.37 total=5218693\nfull avg10=0.00 avg60=0.16 avg300=0.37 total=7\n",
        )
        .unwrap();
        assert!((stalls.some.avg10 - 0.025).abs() < 1e-9);
        assert_eq!(stalls.some.total, Duration::from_micros(5_218_693));
        assert_eq!(stalls.full.unwrap().total, Duration::from_micros(7));
    }

    #[test]
    fn older_kernels_tell_no_full_for_the_cpu() {
        let stalls = Stalls::parse(b"some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n").unwrap();
        assert_eq!(stalls.full, None);
    }

    #[test]
    fn a_broken_line_is_no_reading() {
        for text in [
            "",
            "some",
            "some avg10=0.00 avg60=0.00 avg300=0.00",
            "some avg10=x avg60=0.00 avg300=0.00 total=1",
            "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\nfull what",
        ] {
            assert_eq!(Stalls::parse(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>, text in "some avg10=[0-9.]{0,9} avg60=[0-9. =avg]{0,40}") {
            Stalls::parse(&bytes);
            Stalls::parse(text.as_bytes());
        }
    }
}
