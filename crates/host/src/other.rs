//! Where there is no `/proc`: what `sysinfo` knows, by the same names. Compiled, and not tested.

use crate::{
    Cgroup, Descriptors, Disk, Error, LimitedBy, Limits, Load, Memory, Network, ProcessUsage, Psi, Sample,
};
use perfect21_core::{Bytes, Clock};
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use sysinfo::{Disks, Networks, Pid, ProcessRefreshKind, ProcessesToUpdate, System};

const NOT_TOLD: &str = "this operating system does not tell it";

#[cold]
fn no_data(what: &'static str) -> Error {
    Error::unknown(what, NOT_TOLD)
}

/// A process: its CPU time, memory and descriptors.
pub struct Process {
    pid: Pid,
    started: u64,
    system: Mutex<System>,
}

impl Process {
    /// Ourselves.
    ///
    /// # Errors
    /// Where the operating system does not tell.
    pub fn current() -> Result<Self, Error> {
        Self::of(std::process::id())
    }

    /// Another process.
    ///
    /// # Errors
    /// [`ErrorKind::Gone`](crate::ErrorKind::Gone) where there is none.
    pub fn of(pid: u32) -> Result<Self, Error> {
        let system = System::new().map_err(|_| no_data("a process"))?;
        let mut process = Self { pid: Pid::from_u32(pid), started: 0, system: Mutex::new(system) };
        process.started = process.with(|process| Ok(process.start_time()))?;
        Ok(process)
    }

    /// Its number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.as_u32()
    }

    /// CPU time and memory.
    ///
    /// # Errors
    /// [`ErrorKind::Gone`](crate::ErrorKind::Gone) once it has ended.
    pub fn usage(&self) -> Result<ProcessUsage, Error> {
        let at = Instant::now();
        self.with(|process| {
            Ok(ProcessUsage {
                at,
                cpu_time: Duration::from_millis(process.accumulated_cpu_time()),
                rss: Bytes::new(process.memory()),
                threads: None,
                major_faults: None,
            })
        })
    }

    /// Resident memory.
    ///
    /// # Errors
    /// As [`Process::usage`].
    pub fn rss(&self) -> Result<Bytes, Error> {
        self.with(|process| Ok(Bytes::new(process.memory())))
    }

    /// Not told.
    ///
    /// # Errors
    /// Always [`ErrorKind::Missing`](crate::ErrorKind::Missing).
    pub fn peak_rss(&self) -> Result<Bytes, Error> {
        Err(no_data("peak memory"))
    }

    /// Open file descriptors and their limit.
    ///
    /// # Errors
    /// As [`Process::usage`].
    pub fn descriptors(&self) -> Result<Descriptors, Error> {
        self.with(|process| {
            let open = process.open_files().ok_or_else(|| no_data("open files"))? as u64;
            Ok(Descriptors { open, limit: process.open_files_limit().map(|limit| limit as u64) })
        })
    }

    fn with<T>(&self, read: impl FnOnce(&sysinfo::Process) -> Result<T, Error>) -> Result<T, Error> {
        let mut system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        let what = ProcessRefreshKind::nothing().with_cpu().with_memory();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[self.pid]), true, what);
        let process = system.process(self.pid).filter(|process| process.exists());
        // Another process with the same number began at another time.
        let same = |process: &&sysinfo::Process| self.started == 0 || self.started == process.start_time();
        read(process.filter(same).ok_or_else(|| Error::gone(self.pid.as_u32()))?)
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("pid", &self.pid).finish_non_exhaustive()
    }
}

impl Limits {
    /// Reads the limits of this process: the machine's.
    ///
    /// # Errors
    /// Where the operating system does not tell.
    pub fn read() -> Result<Self, Error> {
        let memory = memory()?.total;
        let parallelism = std::thread::available_parallelism().map_err(|_| no_data("the CPUs"))?;
        let cpus = u32::try_from(parallelism.get()).unwrap_or(u32::MAX);
        Ok(Self {
            cores: f64::from(cpus),
            cpu_quota: None,
            allowed_cpus: cpus,
            online_cpus: cpus,
            memory,
            memory_limited_by: LimitedBy::Machine,
            machine_memory: memory,
        })
    }
}

impl Disk {
    /// Asks for the disk that holds a path. Here all that is not available counts as used.
    ///
    /// # Errors
    /// Where there is no such path, or no disk is known for it.
    pub fn of(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let full = path.canonicalize().map_err(|cause| Error::read(path, cause))?;
        let disks = Disks::new_with_refreshed_list().map_err(|_| no_data("the disks"))?;
        let holds = disks.iter().filter(|disk| full.starts_with(disk.mount_point()));
        let disk = holds
            .max_by_key(|disk| disk.mount_point().components().count())
            .ok_or_else(|| no_data("the disk"))?;
        let (total, available) = (disk.total_space(), disk.available_space());
        Ok(Self {
            path: path.to_owned(),
            total: total.into(),
            used: total.saturating_sub(available).into(),
            available: available.into(),
        })
    }
}

fn memory() -> Result<Memory, Error> {
    let mut system = System::new().map_err(|_| no_data("memory"))?;
    system.refresh_memory();
    Ok(Memory {
        total: system.total_memory().into(),
        available: system.available_memory().into(),
        swap_total: system.total_swap().into(),
        swap_used: system.used_swap().into(),
    })
}

/// Reads this process and its machine at every tick again.
#[derive(Debug)]
pub struct Host {
    clock: Arc<dyn Clock>,
    disk: PathBuf,
    process: Result<Process, Error>,
}

impl Host {
    pub(crate) fn open(_root: &Path, disk: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self { clock, disk, process: Process::current() }
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    pub(crate) fn disk(&self) -> &Path {
        &self.disk
    }

    /// Reads everything once.
    pub fn sample(&mut self) -> Sample {
        Sample {
            at: self.clock.now(),
            process: self.of_process(Process::usage),
            peak_rss: Err(no_data("peak memory")),
            descriptors: self.of_process(Process::descriptors),
            cgroup: Cgroup {
                memory: Err(no_data("memory of the cgroup")),
                cpu: Err(no_data("CPU time of the cgroup")),
                psi: no_psi(),
            },
            cpu: Err(no_data("CPU time of the machine")),
            memory: memory(),
            load: load(),
            processes: Err(no_data("the number of processes")),
            network: network(),
            disk: Disk::of(&self.disk),
            psi: no_psi(),
        }
    }

    fn of_process<T>(&self, read: impl FnOnce(&Process) -> Result<T, Error>) -> Result<T, Error> {
        self.process.as_ref().map_err(Error::clone).and_then(read)
    }
}

fn no_psi() -> Psi {
    let none = || Err(no_data("pressure"));
    Psi { cpu: none(), memory: none(), io: none() }
}

fn load() -> Result<Load, Error> {
    let load = System::load_average().map_err(|_| no_data("the load"))?;
    Ok(Load { one: load.one, five: load.five, fifteen: load.fifteen, running: None, threads: None })
}

fn network() -> Result<Network, Error> {
    let networks = Networks::new_with_refreshed_list().map_err(|_| no_data("the network"))?;
    let mut network = Network::default();
    for (_, data) in networks.iter().filter(|(name, _)| !matches!(name.to_str(), Some("lo" | "lo0"))) {
        let received =
            [data.total_received(), data.total_packets_received(), data.total_errors_on_received()];
        let sent =
            [data.total_transmitted(), data.total_packets_transmitted(), data.total_errors_on_transmitted()];
        network.received.add(received, None);
        network.sent.add(sent, None);
        network.interfaces += 1;
    }
    Ok(network)
}
