//! The last sample as metrics.

use crate::{CgroupMemory, Host, Sample, Stalls};
use perfect21_core::{Bytes, Clock, Label, Metric, Observe, Reading, Unit, Visitor};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// A [`Host`] shared between whoever ticks and whoever observes; a cheap handle.
///
/// [`tick`](Self::tick) reads the machine and is called by a task or thread of the user's, say each second.
/// [`Observe`] writes the last sample with its age, without reading anything, and never waits for a tick that is under
/// way.
///
/// ```
/// use perfect21_host::{Host, HostSource};
///
/// let source = HostSource::new(Host::new());
/// let ticking = source.clone();
/// std::thread::spawn(move || ticking.tick()).join().unwrap();
/// assert!(source.last().is_some());
/// ```
#[derive(Debug, Clone)]
pub struct HostSource(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: Arc<dyn Clock>,
    /// The path whose disk is read, as a label: also where the disk cannot be read.
    disk: String,
    host: Mutex<Host>,
    last: Mutex<Option<Arc<Sample>>>,
}

impl HostSource {
    /// Nothing is read before the first tick; until then every number is no data.
    #[must_use]
    pub fn new(host: Host) -> Self {
        let (clock, disk) = (host.clock(), host.disk().to_string_lossy().into_owned());
        Self(Arc::new(Shared { clock, disk, host: Mutex::new(host), last: Mutex::new(None) }))
    }

    /// Reads the machine, and makes that the last sample. A second call at the same time waits for the first.
    pub fn tick(&self) -> Arc<Sample> {
        let mut host = self.0.host.lock().unwrap_or_else(PoisonError::into_inner);
        let sample = Arc::new(host.sample());
        // Still under the host's lock, so that samples are seen in the order in which they were taken.
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&sample));
        sample
    }

    /// What the last tick read.
    #[must_use]
    pub fn last(&self) -> Option<Arc<Sample>> {
        self.0.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

const PROCESS_CPU: Metric = Metric::new("process_cpu", Unit::Seconds, "CPU time used by this process, ever.");
const PROCESS_RSS: Metric = Metric::new("process_rss", Unit::Bytes, "Resident memory of this process.");
const PROCESS_PEAK: Metric = Metric::new("process_peak_rss", Unit::Bytes, "Most resident memory ever.");
const PROCESS_THREADS: Metric = Metric::new("process_threads", Unit::Count, "Threads of this process.");
const DESCRIPTORS: Metric = Metric::new("process_descriptors", Unit::Count, "File descriptors open.");
const DESCRIPTOR_LIMIT: Metric =
    Metric::new("process_descriptor_limit", Unit::Count, "File descriptors that may be open.");
const CGROUP_MEMORY: Metric =
    Metric::new("cgroup_memory", Unit::Bytes, "Memory of our cgroup, page cache included.");
const CGROUP_WORKING_SET: Metric = Metric::new(
    "cgroup_memory_working_set",
    Unit::Bytes,
    "Memory of our cgroup without inactive page cache.",
);
const CGROUP_LIMIT: Metric = Metric::new("cgroup_memory_limit", Unit::Bytes, "Memory limit of our cgroup.");
const CGROUP_THROTTLED: Metric =
    Metric::new("cgroup_throttled", Unit::Seconds, "Time that the CPU quota took from our cgroup, ever.");
const CGROUP_STALL: Metric =
    Metric::new("cgroup_stall", Unit::Ratio, "Share of the last 10 s that our cgroup waited for a resource.");
const HOST_CPU: Metric = Metric::new("host_cpu", Unit::Seconds, "CPU time of the machine by use, ever.");
const HOST_MEMORY: Metric = Metric::new("host_memory", Unit::Bytes, "Memory of the machine.");
const HOST_MEMORY_AVAILABLE: Metric =
    Metric::new("host_memory_available", Unit::Bytes, "Memory that programs could still take.");
const HOST_SWAP_USED: Metric = Metric::new("host_swap_used", Unit::Bytes, "Swap space in use.");
const HOST_LOAD: Metric = Metric::new("host_load", Unit::Count, "Threads that run or want to, on average.");
const HOST_PROCESSES: Metric = Metric::new("host_processes", Unit::Count, "Processes of the machine.");
const NETWORK_BYTES: Metric = Metric::new("host_network_bytes", Unit::Bytes, "Network traffic.");
const NETWORK_PACKETS: Metric = Metric::new("host_network_packets", Unit::Count, "Network packets.");
const NETWORK_ERRORS: Metric = Metric::new("host_network_errors", Unit::Count, "Broken network packets.");
const NETWORK_DROPPED: Metric = Metric::new("host_network_dropped", Unit::Count, "Dropped network packets.");
const DISK_USED: Metric =
    Metric::new("host_disk_used", Unit::Ratio, "Share of the disk in use, as df counts.");
const DISK_AVAILABLE: Metric = Metric::new("host_disk_available", Unit::Bytes, "Room left on the disk.");
const HOST_STALL: Metric =
    Metric::new("host_stall", Unit::Ratio, "Share of the last 10 s that the machine waited for a resource.");

impl Observe for HostSource {
    fn observe(&self, visitor: &mut dyn Visitor) {
        let Some(sample) = self.last() else { return };
        let age = self.0.clock.now().saturating_duration_since(sample.at);
        let mut writer = Writer { visitor, age };
        writer.process(&sample);
        writer.cgroup(&sample);
        writer.machine(&sample);
        writer.network(&sample);
        writer.disk(&sample, &self.0.disk);
    }
}

/// Writes what is known with the age of the sample, and the rest as no data.
struct Writer<'a> {
    visitor: &'a mut dyn Visitor,
    age: Duration,
}

#[allow(clippy::cast_precision_loss, reason = "metrics are floating point; exact below 2^53")]
impl Writer<'_> {
    fn gauge(&mut self, metric: &Metric, labels: &[Label<'_>], value: Option<f64>) {
        let reading = value.map_or(Reading::NO_DATA, |value| Reading::aged(value, self.age));
        self.visitor.gauge(metric, labels, reading);
    }

    fn bytes(&mut self, metric: &Metric, labels: &[Label<'_>], bytes: Option<Bytes>) {
        self.gauge(metric, labels, bytes.map(|bytes| bytes.get() as f64));
    }

    fn process(&mut self, sample: &Sample) {
        let usage = sample.process.as_ref().ok();
        self.gauge(&PROCESS_CPU, &[], usage.map(|usage| usage.cpu_time.as_secs_f64()));
        self.bytes(&PROCESS_RSS, &[], usage.map(|usage| usage.rss));
        self.bytes(&PROCESS_PEAK, &[], sample.peak_rss.as_ref().ok().copied());
        self.gauge(&PROCESS_THREADS, &[], usage.and_then(|usage| usage.threads).map(f64::from));
        let descriptors = sample.descriptors.as_ref().ok();
        self.gauge(&DESCRIPTORS, &[], descriptors.map(|descriptors| descriptors.open as f64));
        let limit = descriptors.and_then(|descriptors| descriptors.limit);
        self.gauge(&DESCRIPTOR_LIMIT, &[], limit.map(|limit| limit as f64));
    }

    fn cgroup(&mut self, sample: &Sample) {
        let memory: Option<&CgroupMemory> = sample.cgroup.memory.as_ref().ok();
        self.bytes(&CGROUP_MEMORY, &[], memory.map(|memory| memory.current));
        // Where the kernel does not tell what is inactive, it is not known.
        let working_set =
            memory.filter(|memory| memory.inactive_file.is_some()).map(CgroupMemory::working_set);
        self.bytes(&CGROUP_WORKING_SET, &[], working_set);
        self.bytes(&CGROUP_LIMIT, &[], memory.and_then(|memory| memory.limit));
        let cpu = sample.cgroup.cpu.as_ref().ok();
        self.gauge(&CGROUP_THROTTLED, &[], cpu.map(|cpu| cpu.throttled.as_secs_f64()));
        let psi = &sample.cgroup.psi;
        self.stalls(&CGROUP_STALL, [psi.cpu.as_ref().ok(), psi.memory.as_ref().ok(), psi.io.as_ref().ok()]);
    }

    fn machine(&mut self, sample: &Sample) {
        let cpu = sample.cpu.as_ref().ok();
        for (mode, time) in [
            ("user", cpu.map(|cpu| cpu.user)),
            ("system", cpu.map(|cpu| cpu.system)),
            ("interrupts", cpu.map(|cpu| cpu.interrupts)),
            ("idle", cpu.map(|cpu| cpu.idle)),
            ("iowait", cpu.map(|cpu| cpu.iowait)),
            ("steal", cpu.map(|cpu| cpu.steal)),
        ] {
            self.gauge(&HOST_CPU, &[("mode", mode)], time.map(|time| time.as_secs_f64()));
        }
        let memory = sample.memory.as_ref().ok();
        self.bytes(&HOST_MEMORY, &[], memory.map(|memory| memory.total));
        self.bytes(&HOST_MEMORY_AVAILABLE, &[], memory.map(|memory| memory.available));
        self.bytes(&HOST_SWAP_USED, &[], memory.map(|memory| memory.swap_used));
        let load = sample.load.as_ref().ok();
        self.gauge(&HOST_LOAD, &[("minutes", "1")], load.map(|load| load.one));
        self.gauge(&HOST_LOAD, &[("minutes", "5")], load.map(|load| load.five));
        self.gauge(&HOST_LOAD, &[("minutes", "15")], load.map(|load| load.fifteen));
        self.gauge(&HOST_PROCESSES, &[], sample.processes.as_ref().ok().map(|count| *count as f64));
        let psi = &sample.psi;
        self.stalls(&HOST_STALL, [psi.cpu.as_ref().ok(), psi.memory.as_ref().ok(), psi.io.as_ref().ok()]);
    }

    fn stalls(&mut self, metric: &Metric, [cpu, memory, io]: [Option<&Stalls>; 3]) {
        for (resource, stalls) in [("cpu", cpu), ("memory", memory), ("io", io)] {
            let labels = [("resource", resource), ("tasks", "some")];
            self.gauge(metric, &labels, stalls.map(|stalls| stalls.some.avg10));
            let labels = [("resource", resource), ("tasks", "full")];
            self.gauge(metric, &labels, stalls.and_then(|stalls| stalls.full).map(|full| full.avg10));
        }
    }

    /// A counter that is not known is not written: it has no value that would say so.
    fn network(&mut self, sample: &Sample) {
        let Ok(network) = &sample.network else { return };
        for (direction, traffic) in [("received", &network.received), ("sent", &network.sent)] {
            let labels = [("direction", direction)];
            self.visitor.counter(&NETWORK_BYTES, &labels, traffic.bytes);
            self.visitor.counter(&NETWORK_PACKETS, &labels, traffic.packets);
            self.visitor.counter(&NETWORK_ERRORS, &labels, traffic.errors);
            if let Some(dropped) = traffic.dropped {
                self.visitor.counter(&NETWORK_DROPPED, &labels, dropped);
            }
        }
    }

    fn disk(&mut self, sample: &Sample, path: &str) {
        let disk = sample.disk.as_ref().ok();
        let labels = [("path", path)];
        self.gauge(&DISK_USED, &labels, disk.and_then(crate::Disk::used_ratio));
        self.bytes(&DISK_AVAILABLE, &labels, disk.map(|disk| disk.available));
    }
}
