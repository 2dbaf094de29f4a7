//! A tick reads everything there is; what is not there, or broken, is no data with its reason and spoils nothing else.
#![cfg(target_os = "linux")]

use crate::tree::Tree;
use perfect21_host::{Bytes, CgroupCpu, CpuTimes, Disk, ErrorKind, Host, Limits, Process, Sample};
use std::{fs, process::Command, time::Duration};

fn sample(tree: &Tree) -> Sample {
    Host::builder().root(tree.path()).disk(tree.path()).build().unwrap().sample()
}

const STALLS: &str =
    "some avg10=2.50 avg60=0.00 avg300=0.00 total=7\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";

#[test]
fn everything_there_is_is_read() {
    let tree = Tree::new()
        .v2("/app")
        .with("sys/fs/cgroup/app/memory.current", "1048576\n")
        .with(
            "sys/fs/cgroup/app/memory.stat",
            "anon 700000\nfile 300000\ninactive_file 262144\nactive_file 1\n",
        )
        .with("sys/fs/cgroup/app/memory.max", "2097152\n")
        .with(
            "sys/fs/cgroup/app/cpu.stat",
            "usage_usec 1\nnr_periods 10\nnr_throttled 2\nthrottled_usec 3000\n",
        )
        .with("sys/fs/cgroup/app/memory.pressure", STALLS)
        .with("proc/pressure/cpu", STALLS)
        .with("proc/pressure/memory", STALLS)
        .with("proc/pressure/io", STALLS);
    let sample = sample(&tree);
    let process = sample.process.unwrap();
    assert_eq!((process.cpu_time, process.threads), (Duration::from_secs(3), Some(2)));
    assert_eq!(process.major_faults, Some(3));
    assert_eq!(sample.peak_rss.unwrap(), Bytes::kib(9000));
    let descriptors = sample.descriptors.unwrap();
    assert_eq!((descriptors.open, descriptors.limit), (2, Some(1024)));
    assert_eq!(sample.cpu.unwrap().idle, Duration::from_secs(40));
    assert_eq!(sample.memory.unwrap().total, Bytes::gib(8));
    assert_eq!(sample.load.unwrap().threads, Some(850));
    assert_eq!(sample.processes.unwrap(), 2);
    let network = sample.network.unwrap();
    assert_eq!((network.interfaces, network.received.bytes, network.sent.dropped), (1, 1, Some(8)));
    for psi in [sample.psi.cpu, sample.psi.memory, sample.psi.io, sample.cgroup.psi.memory] {
        assert_eq!(psi.unwrap().some.total, Duration::from_micros(7));
    }
    let memory = sample.cgroup.memory.unwrap();
    assert_eq!((memory.current, memory.limit), (Bytes::mib(1), Some(Bytes::mib(2))));
    assert_eq!((memory.inactive_file, memory.working_set()), (Some(Bytes::kib(256)), Bytes::kib(768)));
    let cpu = sample.cgroup.cpu.unwrap();
    assert_eq!((cpu.periods, cpu.throttled), (10, Duration::from_millis(3)));
}

#[test]
fn version_1_tells_memory_and_throttling_too() {
    let sample = sample(
        &Tree::new()
            .v1("/app")
            .with("sys/fs/cgroup/memory/app/memory.usage_in_bytes", "1048576\n")
            .with("sys/fs/cgroup/memory/app/memory.limit_in_bytes", "9223372036854771712\n")
            .with(
                "sys/fs/cgroup/memory/app/memory.stat",
                "cache 9\ninactive_file 7\ntotal_inactive_file 1048577\n",
            )
            .with(
                "sys/fs/cgroup/cpu,cpuacct/app/cpu.stat",
                "nr_periods 10\nnr_throttled 2\nthrottled_time 3000000\n",
            ),
    );
    let memory = sample.cgroup.memory.unwrap();
    assert_eq!((memory.current, memory.limit), (Bytes::mib(1), None));
    // Read a moment later, it may be more than all.
    assert_eq!((memory.inactive_file, memory.working_set()), (Some(Bytes::new(1_048_577)), Bytes::new(0)));
    assert_eq!(sample.cgroup.cpu.unwrap().throttled, Duration::from_millis(3));
    assert_eq!(sample.cgroup.psi.cpu.unwrap_err().kind(), ErrorKind::Missing);
}

#[test]
fn memory_is_that_of_the_cgroup_whose_limit_binds_also_when_limits_change() {
    let tree = Tree::new().v2("/pod/app");
    for (cgroup, current, limit) in [("pod", "300", "1000"), ("pod/app", "100", "max")] {
        tree.write(&format!("sys/fs/cgroup/{cgroup}/memory.current"), current);
        tree.write(&format!("sys/fs/cgroup/{cgroup}/memory.max"), limit);
    }
    let mut host = Host::builder().root(tree.path()).build().unwrap();
    let mut memory = || host.sample().cgroup.memory.map(|memory| (memory.current, memory.limit)).unwrap();
    assert_eq!(memory(), (Bytes::new(300), Some(Bytes::new(1000))));
    tree.write("sys/fs/cgroup/pod/app/memory.max", "500");
    assert_eq!(memory(), (Bytes::new(100), Some(Bytes::new(500))));
    tree.write("sys/fs/cgroup/pod/memory.max", "max");
    tree.write("sys/fs/cgroup/pod/app/memory.max", "max");
    assert_eq!(memory(), (Bytes::new(100), None));
}

#[test]
fn what_is_absent_is_missing_and_the_rest_stays() {
    let sample = sample(&Tree::new());
    for kind in [
        sample.psi.cpu.unwrap_err().kind(),
        sample.psi.io.unwrap_err().kind(),
        sample.cgroup.memory.unwrap_err().kind(),
        sample.cgroup.cpu.unwrap_err().kind(),
        sample.cgroup.psi.memory.unwrap_err().kind(),
    ] {
        assert_eq!(kind, ErrorKind::Missing);
    }
    assert!(sample.memory.is_ok() && sample.cpu.is_ok() && sample.process.is_ok());
}

#[test]
fn what_is_broken_is_malformed_and_the_rest_stays() {
    type Pick = fn(Sample) -> Option<ErrorKind>;
    let cases: [(&str, Pick); 8] = [
        ("proc/stat", |sample| sample.cpu.err().map(|error| error.kind())),
        ("proc/meminfo", |sample| sample.memory.err().map(|error| error.kind())),
        ("proc/loadavg", |sample| sample.load.err().map(|error| error.kind())),
        ("proc/net/dev", |sample| sample.network.err().map(|error| error.kind())),
        ("proc/self/stat", |sample| sample.process.err().map(|error| error.kind())),
        ("proc/self/limits", |sample| sample.descriptors.err().map(|error| error.kind())),
        ("proc/pressure/io", |sample| sample.psi.io.err().map(|error| error.kind())),
        ("sys/fs/cgroup/app/memory.current", |sample| sample.cgroup.memory.err().map(|error| error.kind())),
    ];
    for (path, pick) in cases {
        for garbage in [b"".as_slice(), b"\xff\xff\xff", b"a\nb\nc: d\n", &[b'9'; 6000]] {
            let tree = Tree::new().v2("/app").with("sys/fs/cgroup/app/memory.max", "max");
            tree.write(path, garbage);
            let sample = sample(&tree);
            assert!(sample.disk.is_ok());
            assert_eq!(pick(sample), Some(ErrorKind::Malformed), "{path}");
        }
    }
}

#[test]
fn an_empty_root_gives_a_sample_without_data() {
    let empty = tempfile::tempdir().unwrap();
    let sample = Host::builder().root(empty.path()).disk("/nowhere/at/all").build().unwrap().sample();
    assert_eq!(sample.process.unwrap_err().kind(), ErrorKind::Missing);
    assert_eq!(sample.processes.unwrap_err().kind(), ErrorKind::Missing);
    assert_eq!(sample.disk.unwrap_err().kind(), ErrorKind::Missing);
}

#[test]
fn a_process_of_many_groups_has_a_longer_status() {
    let groups = "100000 ".repeat(3000);
    let status = format!("Groups:\t{groups}\nVmHWM:\t 7000 kB\nCpus_allowed_list:\t0-1\n");
    let tree = Tree::new().with("proc/self/status", &status);
    assert_eq!(sample(&tree).peak_rss.unwrap(), Bytes::kib(7000));
    assert_eq!(Limits::read_in(tree.path()).unwrap().allowed_cpus, 2);
}

#[test]
fn memory_of_a_process_whose_first_thread_ended_is_not_known() {
    let tree = Tree::new()
        .with("proc/self/stat", "7 (a) Z 1 7 7 0 -1 4194304 101 0 3 0 250 50 0 0 20 0 2 0 89715 0 0 1")
        .with("proc/self/statm", "0 0 0 0 0 0 0\n");
    let process = Process::current_in(tree.path()).unwrap();
    assert_eq!(process.rss().unwrap_err().kind(), ErrorKind::Missing);
    assert_eq!(process.usage().unwrap_err().kind(), ErrorKind::Missing);
    assert_eq!(Process::of_in(tree.path(), 4711).unwrap_err().kind(), ErrorKind::Gone);
}

#[test]
fn a_root_that_is_no_directory_is_refused() {
    let error = Host::builder().root("/nowhere/at/all").build().unwrap_err();
    assert_eq!(error.to_string(), "root = /nowhere/at/all: must be a directory");
}

#[test]
fn more_interfaces_than_a_page_are_all_summed() {
    let tree = Tree::new();
    let line = |n| format!("veth{n}: 1 1 1 1 0 0 0 0 1 1 1 1 0 0 0 0\n");
    tree.write("proc/net/dev", format!("head\nhead\n{}", (0..1000).map(line).collect::<String>()));
    assert_eq!(sample(&tree).network.unwrap().received.bytes, 1000);
}

#[test]
fn this_machine_is_read_whole() {
    let mut host = Host::new();
    let (first, sample) = (host.sample(), host.sample());
    let (cpu, earlier) = (sample.cpu.unwrap(), first.cpu.unwrap());
    assert!(cpu.total() >= earlier.total());
    assert!(CpuTimes::busy_between(&earlier, &cpu).is_none_or(|busy| (0.0..=1.0).contains(&busy)));
    let memory = sample.memory.unwrap();
    assert!(memory.available <= memory.total);
    assert!(sample.load.unwrap().threads >= Some(1));
    assert!(sample.network.is_ok() && sample.process.is_ok() && sample.descriptors.is_ok());
    if let (Ok(earlier), Ok(later)) = (first.cgroup.cpu, sample.cgroup.cpu) {
        assert!(CgroupCpu::throttled_between(&earlier, &later).is_none_or(|share| share <= 1.0));
    }
}

#[test]
fn processes_are_those_listed_in_proc() {
    let list = || {
        let names = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit)).count() as u64
    };
    let (before, counted, after) = (list(), Host::new().sample().processes.unwrap(), list());
    // Others start and end processes meanwhile.
    let slack = 16 + before / 4;
    assert!(
        before.min(after) <= counted + slack && counted <= before.max(after) + slack,
        "{before} {counted} {after}"
    );
}

#[test]
fn the_disk_is_counted_as_df_does() {
    for path in ["/", "/proc", "/tmp"] {
        let output = Command::new("df").args(["-P", "-B1", path]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let line: Vec<_> = text.lines().nth(1).unwrap().split_whitespace().collect();
        let disk = Disk::of(path).unwrap();
        assert_eq!(disk.total, Bytes::new(line[1].parse().unwrap()), "{path}");
        let percent = line[4].strip_suffix('%').and_then(|percent| percent.parse::<f64>().ok());
        match (disk.used_ratio(), percent) {
            (Some(ratio), Some(percent)) => {
                // df rounds up.
                let off = percent - 100.0 * ratio;
                assert!((-0.1..=1.1).contains(&off), "{path}: df {percent} %, ours {ratio}");
            }
            (ratio, percent) => assert_eq!((ratio, percent), (None, None), "{path}"),
        }
    }
}

#[test]
fn a_host_is_sent_between_threads() {
    fn sent<T: Send + Sync>() {}
    sent::<Host>();
    sent::<Sample>();
}
