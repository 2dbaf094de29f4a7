use super::{Descriptors, ProcessUsage, stat::Stat};
use crate::{
    Error, ErrorKind,
    kept::{Directory, Kept},
    parse,
};
use perfect21_core::Bytes;
use rustix::time::ClockId;
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// A process whose files in `/proc` stay open: its CPU time, memory, threads and descriptors.
///
/// The open files belong to the process and not to its number: once it has ended, every reading fails with
/// [`ErrorKind::Gone`], also when another process got its number by then. A process that has ended and that its parent
/// has not waited for yet (a zombie) is gone too.
///
/// It holds five descriptors, and allocates nothing to read. Share it by reference or in an `Arc`.
///
/// ```
/// use perfect21_host::Process;
///
/// let me = Process::current()?;
/// let usage = me.usage()?;
/// println!("{:?} of CPU, {} now, {} at most", usage.cpu_time, usage.rss, me.peak_rss()?);
/// assert!(me.descriptors()?.open >= 5);
/// # Ok::<(), perfect21_host::Error>(())
/// ```
#[derive(Debug)]
pub struct Process {
    pid: u32,
    /// Read from the machine's own `/proc`, and not a copy of one.
    real: bool,
    ours: bool,
    directory: Directory,
    stat: Kept,
    statm: Kept,
    status: Kept,
    limits: Kept,
}

impl Process {
    /// Ourselves. CPU time is exact, by the process's own CPU clock.
    ///
    /// # Errors
    /// Where `/proc` is not mounted.
    pub fn current() -> Result<Self, Error> {
        Self::current_in(Path::new("/"))
    }

    /// Another process. Its CPU time comes in steps of 10 ms, so take readings 100 ms apart or more.
    ///
    /// Everybody may read CPU time and memory of a process; its descriptors only its owner.
    ///
    /// # Errors
    /// [`ErrorKind::Gone`] where there is no such process, or `/proc` hides it from us.
    pub fn of(pid: u32) -> Result<Self, Error> {
        Self::of_in(Path::new("/"), pid)
    }

    /// Ourselves, as seen from the file tree under `root`: a host's files mounted in a container, a copy in a test.
    ///
    /// # Errors
    /// As [`Process::current`].
    pub fn current_in(root: &Path) -> Result<Self, Error> {
        Self::open(root, "self", std::process::id())
    }

    /// Another process, as seen from the file tree under `root`.
    ///
    /// # Errors
    /// As [`Process::of`].
    pub fn of_in(root: &Path, pid: u32) -> Result<Self, Error> {
        Self::open(root, &pid.to_string(), pid).map_err(|error| match error.kind() {
            // A machine without `/proc` knows no process at all, and that is another matter.
            ErrorKind::Missing if root.join("proc").is_dir() => Error::gone(pid),
            _ => error,
        })
    }

    fn open(root: &Path, name: &str, pid: u32) -> Result<Self, Error> {
        let directory = Directory::open(root.join("proc").join(name))?;
        let open = |name| Kept::open_in(&directory, name);
        let (stat, statm, status, limits) = (open("stat")?, open("statm")?, open("status")?, open("limits")?);
        let real = directory.is_proc();
        let ours = real && root == Path::new("/") && pid == std::process::id();
        Ok(Self { pid, real, ours, stat, statm, status, limits, directory })
    }

    /// Its number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// CPU time, memory, threads and faults: one read of 3 µs.
    ///
    /// # Errors
    /// [`ErrorKind::Gone`] once it has ended.
    pub fn usage(&self) -> Result<ProcessUsage, Error> {
        let at = Instant::now();
        let stat = self.stat()?;
        self.still_runs(&stat)?;
        let cpu_time = if self.ours { own_cpu_time() } else { ticks(stat.cpu_ticks) };
        Ok(ProcessUsage {
            at,
            cpu_time,
            rss: pages(stat.rss_pages),
            threads: u32::try_from(stat.threads).ok(),
            major_faults: Some(stat.major_faults),
        })
    }

    /// Resident memory: one read of 1 µs.
    ///
    /// # Errors
    /// [`ErrorKind::Gone`] once it has ended.
    pub fn rss(&self) -> Result<Bytes, Error> {
        let resident = self.read(&self.statm, &mut [0; 160], "seven numbers of pages", |bytes| {
            parse::fields(bytes).nth(1).and_then(parse::number)
        })?;
        // A process that ended and was not waited for shows zero pages; so does a kernel thread, and truly.
        if resident == 0 {
            self.still_runs(&self.stat()?)?;
        }
        Ok(pages(resident))
    }

    /// The most memory that was ever resident (`VmHWM`). Unlike `getrusage`, it starts anew when a program is executed.
    ///
    /// # Errors
    /// [`ErrorKind::Gone`] once it has ended, [`ErrorKind::Missing`] for a kernel thread.
    pub fn peak_rss(&self) -> Result<Bytes, Error> {
        let peak = self.read(&self.status, &mut [0; 4096], "a line `VmHWM: … kB`", |bytes| {
            parse::number_of(bytes, b"VmHWM:").map(Bytes::kib)
        });
        peak.or_else(|error| {
            let stat = self.stat()?;
            self.still_runs(&stat)?;
            // Kernel threads lack the line.
            let kernel = error.kind() == ErrorKind::Malformed && stat.rss_pages == 0;
            Err(if kernel {
                Error::unknown("peak memory", "a kernel thread has none of its own")
            } else {
                error
            })
        })
    }

    /// Open file descriptors and their limit. One system call on Linux 6.2 and later, before that one per 50 open.
    ///
    /// # Errors
    /// [`ErrorKind::Gone`] once it has ended, [`ErrorKind::Denied`] for another user's process.
    pub fn descriptors(&self) -> Result<Descriptors, Error> {
        let limit = self.read(&self.limits, &mut [0; 2048], "a line `Max open files`", |bytes| {
            let limit = parse::fields(parse::value_of(bytes, b"Max open files")?).next()?;
            if limit == b"unlimited" { Some(None) } else { parse::number(limit).map(Some) }
        })?;
        match self.open_descriptors() {
            Ok(open @ 1..) => Ok(Descriptors { open, limit }),
            // A zombie has a directory without entries, or one that is closed to us.
            result => {
                self.still_runs(&self.stat()?)?;
                Ok(Descriptors { open: result.map_err(|error| self.or_gone(error))?, limit })
            }
        }
    }

    fn open_descriptors(&self) -> Result<u64, Error> {
        if self.real {
            // Since Linux 6.2 the size of the directory is the number of descriptors; before that it is zero.
            let size = self.directory.stat("fd")?.st_size;
            if let Ok(open @ 1..) = u64::try_from(size) {
                return Ok(open);
            }
        }
        let mut open = 0;
        self.directory.each("fd", |_, _| open += 1)?;
        // The descriptor that the listing itself took was not there before.
        Ok(open - u64::from(self.ours && open > 0))
    }

    /// A process that has ended and was not waited for still has files, with zeros where memory was.
    fn still_runs(&self, stat: &Stat) -> Result<(), Error> {
        match stat.state {
            b'Z' | b'X' | b'x' if stat.threads <= 1 => Err(Error::gone(self.pid)),
            b'Z' | b'X' | b'x' => {
                Err(Error::unknown("memory", "the first thread has ended before the others"))
            }
            _ => Ok(()),
        }
    }

    fn stat(&self) -> Result<Stat, Error> {
        self.read(&self.stat, &mut [0; 1024], "the fields of proc_pid_stat(5)", Stat::parse)
    }

    fn read<T>(
        &self,
        file: &Kept,
        buffer: &mut [u8],
        expected: &'static str,
        parser: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<T, Error> {
        file.parse(buffer, expected, parser).map_err(|error| self.or_gone(error))
    }

    /// The files of a process that has ended answer "no such process".
    #[cold]
    fn or_gone(&self, error: Error) -> Error {
        let gone = rustix::io::Errno::SRCH.raw_os_error();
        if error.os_error() == Some(gone) || (self.real && error.kind() == ErrorKind::Missing) {
            return Error::gone(self.pid);
        }
        error
    }
}

fn own_cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

fn pages(pages: u64) -> Bytes {
    Bytes::new(pages.saturating_mul(rustix::param::page_size() as u64))
}

pub(crate) fn ticks(ticks: u64) -> Duration {
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Duration::from_secs(ticks / per_second)
        + Duration::from_nanos(ticks % per_second * (1_000_000_000 / per_second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_hundredths() {
        assert_eq!(ticks(12_345), Duration::from_millis(123_450));
        assert!(ticks(u64::MAX) > Duration::from_secs(1 << 56));
    }
}
