//! File trees as a kernel would show them, in a directory of the test's own.

use std::{
    fs,
    path::{Path, PathBuf},
};

pub(crate) struct Tree(tempfile::TempDir);

impl Tree {
    /// A machine of four CPUs and 8 GiB, without cgroups and PSI.
    pub(crate) fn new() -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        let status = "Name:\tx\nVmHWM:\t  9000 kB\nThreads:\t2\nCpus_allowed_list:\t0-127\n";
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194304 101 0 3 0 250 50 0 0 20 0 2 0 89715 2998272 407 1 1 1";
        tree.with("sys/devices/system/cpu/online", "0-3\n")
            .with(
                "proc/meminfo",
                "MemTotal: 8388608 kB\nMemAvailable: 4194304 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n",
            )
            .with("proc/stat", "cpu  100 20 30 4000 50 6 7 8 90 1\ncpu0 1 1 1 1 1 1 1 1 0 0\n")
            .with("proc/loadavg", "0.52 1.00 13.37 3/850 12345\n")
            .with(
                "proc/net/dev",
                "head\nhead\n lo: 9 9 9 9 0 0 0 0 9 9 9 9 0 0 0 0\neth0: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n",
            )
            .with("proc/self/status", status)
            .with("proc/self/stat", stat)
            .with("proc/self/statm", "731 407 300 6 0 112 0\n")
            .with(
                "proc/self/limits",
                "Limit  Soft  Hard  Units\nMax open files            1024  4096  files\n",
            )
            .with("proc/self/fd/0", "")
            .with("proc/self/fd/1", "")
            .with("proc/1/stat", "")
            .with("proc/22/stat", "")
            .with("proc/sys/kernel/x", "")
    }

    pub(crate) fn with(self, path: &str, content: &str) -> Self {
        self.write(path, content);
        self
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Only version 2, with us in `cgroup`.
    #[allow(dead_code, reason = "each test file uses some")]
    pub(crate) fn v2(self, cgroup: &str) -> Self {
        self.with("proc/self/cgroup", &format!("0::{cgroup}\n")).with(
            "proc/self/mountinfo",
            "22 1 8:1 / / rw - ext4 /dev/vda rw\n30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n",
        )
    }

    /// Version 1 for memory and CPU, with us in `cgroup`, and a version 2 hierarchy beside them as systemd has it.
    #[allow(dead_code, reason = "each test file uses some")]
    pub(crate) fn v1(self, cgroup: &str) -> Self {
        self.with(
            "proc/self/cgroup",
            &format!("9:memory:{cgroup}\n2:cpu,cpuacct:{cgroup}\n1:name=systemd:/\n0::/\n"),
        )
        .with(
            "proc/self/mountinfo",
            "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 master:1 - cgroup cgroup rw,cpu,cpuacct\n\
                 35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                 41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
        )
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    #[allow(dead_code, reason = "each test file uses some")]
    pub(crate) fn join(&self, path: &str) -> PathBuf {
        self.path().join(path)
    }
}
