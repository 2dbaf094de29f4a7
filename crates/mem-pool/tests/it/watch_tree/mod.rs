//! A machine as a kernel would show it, in a directory of the test's own, and a clock that the test moves.

use perfect21_core::ManualClock;
use perfect21_mem_pool::watch::{Watch, WatchBuilder};
use std::{fs, path::PathBuf, time::Duration};

pub(crate) struct Machine {
    directory: tempfile::TempDir,
    pub(crate) clock: ManualClock,
}

impl Machine {
    /// 8 GiB of which half is available, a process of 100 MB, no cgroups, no PSI.
    pub(crate) fn new() -> Self {
        let machine = Self { directory: tempfile::tempdir().unwrap(), clock: ManualClock::new() };
        machine.available_kib(4 << 20);
        machine.write("proc/self/statm", "731 407 300 6 0 112 0\n");
        machine.write("proc/self/status", "VmHWM:\t  9000 kB\nThreads:\t2\n");
        machine.write("proc/self/limits", "Max open files            1024  4096  files\n");
        machine.rss(100_000_000);
        machine
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    #[allow(dead_code, reason = "each test file uses some")]
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    #[allow(dead_code, reason = "each test file uses some")]
    pub(crate) fn rss(&self, bytes: u64) {
        let pages = bytes / 4096;
        self.write(
            "proc/self/stat",
            format!("7 (a) S 1 7 7 0 -1 4194304 101 0 3 0 250 50 0 0 20 0 2 0 89715 2998272 {pages} 1 1 1"),
        );
    }

    #[allow(dead_code, reason = "each test file uses some")]
    pub(crate) fn available_kib(&self, kib: u64) {
        self.write(
            "proc/meminfo",
            format!("MemTotal: 8388608 kB\nMemAvailable: {kib} kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n"),
        );
    }

    /// Stalls in percent of the last 10 s.
    #[allow(dead_code, reason = "each test file uses some")]
    pub(crate) fn stalls(&self, path: &str, some: f64, full: f64) {
        let line = |kind, percent: f64| format!("{kind} avg10={percent:.2} avg60=0.00 avg300=0.00 total=7\n");
        self.write(path, line("some", some) + &line("full", full));
    }

    /// Version 2 only, with us in `/app`.
    #[allow(dead_code, reason = "each test file uses some")]
    pub(crate) fn cgroup_v2(&self, limit: &str) {
        self.write("proc/self/cgroup", "0::/app\n");
        self.write(
            "proc/self/mountinfo",
            "22 1 8:1 / / rw - ext4 /dev/vda rw\n30 24 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n",
        );
        self.write("sys/fs/cgroup/app/memory.current", "1000\n");
        self.write("sys/fs/cgroup/app/memory.max", limit);
    }

    /// Version 1, with us in `/app`.
    #[allow(dead_code, reason = "each test file uses some")]
    pub(crate) fn cgroup_v1(&self, limit: &str) {
        self.write("proc/self/cgroup", "9:memory:/app\n0::/\n");
        self.write(
            "proc/self/mountinfo",
            "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
             41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
        );
        self.write("sys/fs/cgroup/memory/app/memory.usage_in_bytes", "1000\n");
        self.write("sys/fs/cgroup/memory/app/memory.limit_in_bytes", limit);
    }

    pub(crate) fn builder(&self) -> WatchBuilder {
        Watch::builder().root(self.directory.path()).clock(self.clock.clone()).purge(|| {})
    }

    #[allow(dead_code, reason = "each test file uses some")]
    pub(crate) fn watch(&self) -> Watch {
        self.builder().build().unwrap()
    }

    #[allow(dead_code, reason = "each test file uses some")]
    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}
