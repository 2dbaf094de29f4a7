//! Process readings agree with what `/proc` says, and an ended process is gone.
#![cfg(target_os = "linux")]

use perfect21_host::{Bytes, CpuShare, ErrorKind, Process, ProcessUsage};
use perfect21_test_support::wait::DEADLINE;
use std::{
    fs::{self, File},
    hint::black_box,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Waits on its input: it lives until we close it, and ends by itself should this test be killed.
fn child() -> Child {
    Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
}

fn status(pid: u32, key: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

fn burn(enough: impl Fn() -> bool) {
    let started = Instant::now();
    while !enough() {
        black_box((0..100_000_u64).fold(0, u64::wrapping_add));
        assert!(started.elapsed() < DEADLINE, "no CPU time for us within {DEADLINE:?}");
    }
}

#[test]
fn memory_is_what_the_status_file_says() {
    let me = Process::current().unwrap();
    let held = black_box(vec![7_u8; 64 << 20]);
    let (rss, usage, kib) = (me.rss().unwrap(), me.usage().unwrap(), status(me.pid(), "VmRSS:"));
    // Other tests run beside this one, and the kernel keeps a few pages per CPU uncounted.
    let near = |bytes: Bytes| bytes.get().abs_diff(kib * 1024) < 8 << 20;
    assert!(near(rss) && near(usage.rss), "{rss} and {} where the status file says {kib} KiB", usage.rss);
    assert!(rss >= Bytes::mib(56), "{rss}");
    drop(held);
    let (now, peak) = (me.rss().unwrap(), me.peak_rss().unwrap());
    let slack = Bytes::mib(8);
    assert!(peak >= Bytes::mib(56) && peak + slack >= now, "peak {peak}, now {now}");
    assert!(peak <= Bytes::kib(status(me.pid(), "VmHWM:")) + slack);
}

/// User and system ticks of 10 ms, the 14th and 15th field.
fn stat_cpu(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    Duration::from_millis(10 * (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()))
}

#[test]
fn cpu_time_is_what_the_stat_file_says() {
    let me = Process::current().unwrap();
    let first = me.usage().unwrap();
    burn(|| me.usage().unwrap().cpu_time > first.cpu_time + Duration::from_millis(200));
    let (before, usage, after) = (stat_cpu(me.pid()), me.usage().unwrap(), stat_cpu(me.pid()));
    let tick = Duration::from_millis(20);
    assert!(
        before <= usage.cpu_time + tick && usage.cpu_time <= after + tick,
        "{before:?} <= {:?} <= {after:?}",
        usage.cpu_time
    );
    let share = CpuShare::between(&first, &usage).unwrap().cores();
    let cores = std::thread::available_parallelism().unwrap().get() as f64;
    assert!(share > 0.0 && share < cores + 0.5, "{share} of {cores} cores");
}

#[test]
fn cpu_time_counts_threads_that_have_ended() {
    let me = Process::current().unwrap();
    let before = me.usage().unwrap().cpu_time;
    let worker = std::thread::spawn(|| {
        let me = Process::current().unwrap();
        let start = me.usage().unwrap().cpu_time;
        burn(|| me.usage().unwrap().cpu_time > start + Duration::from_millis(50));
    });
    worker.join().unwrap();
    assert!(me.usage().unwrap().cpu_time >= before + Duration::from_millis(50));
}

#[test]
fn threads_are_counted() {
    let me = Process::current().unwrap();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let waiting = std::thread::spawn(move || stopped.recv().is_err());
    assert!(me.usage().unwrap().threads >= Some(2));
    drop(stop);
    assert!(waiting.join().unwrap());
}

#[test]
fn descriptors_are_those_in_the_fd_directory() {
    // Of a child, whose descriptors no other test opens and closes.
    let mut child = child();
    let process = Process::of(child.id()).unwrap();
    let count = || fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap().count() as u64;
    let started = Instant::now();
    loop {
        let seen = (count(), process.descriptors().unwrap().open, count());
        // The fresh child still closes what it inherited and opens its libraries.
        if seen.0 >= 3 && seen.0 == seen.1 && seen.1 == seen.2 {
            break;
        }
        assert!(started.elapsed() < DEADLINE, "still {seen:?} after {DEADLINE:?}");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn own_descriptors_grow_with_each_file_opened() {
    let me = Process::current().unwrap();
    let files: Vec<_> = (0..100).map(|_| File::open("/dev/null").unwrap()).collect();
    let descriptors = me.descriptors().unwrap();
    assert!(descriptors.open >= files.len() as u64, "{descriptors:?}");
    assert!(descriptors.limit.is_none_or(|limit| limit >= descriptors.open), "{descriptors:?}");
}

#[test]
fn another_process_is_read_while_it_lives() {
    let mut child = child();
    let process = Process::of(child.id()).unwrap();
    let usage: ProcessUsage = process.usage().unwrap();
    assert_eq!(usage.threads, Some(1));
    assert!(process.rss().unwrap() > Bytes::new(0));
    assert!(process.peak_rss().unwrap() >= usage.rss);
    child.kill().unwrap();
    child.wait().unwrap();
}

fn kinds(process: &Process) -> [Option<ErrorKind>; 4] {
    [
        process.usage().err().map(|error| error.kind()),
        process.rss().err().map(|error| error.kind()),
        process.peak_rss().err().map(|error| error.kind()),
        process.descriptors().err().map(|error| error.kind()),
    ]
}

#[test]
fn an_ended_process_is_gone_before_and_after_it_is_waited_for() {
    let mut child = child();
    let process = Process::of(child.id()).unwrap();
    child.kill().unwrap();
    let started = Instant::now();
    while kinds(&process) != [Some(ErrorKind::Gone); 4] {
        assert!(started.elapsed() < DEADLINE, "{:?} {:?}", kinds(&process), process.usage());
        std::thread::yield_now();
    }
    child.wait().unwrap();
    assert_eq!(kinds(&process), [Some(ErrorKind::Gone); 4]);
    let error = process.usage().unwrap_err();
    assert!(error.to_string().starts_with(&format!("there is no process {}", child.id())), "{error}");
}

#[test]
fn a_process_that_never_was_is_gone() {
    let error = Process::of(u32::MAX).unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Gone, None));
}

#[test]
fn a_kernel_thread_has_no_peak() {
    // Number 2 makes the kernel's threads; in a container it is something else, or nothing.
    let Ok(process) = Process::of(2) else { return };
    if fs::read_to_string("/proc/2/comm").unwrap_or_default().trim() != "kthreadd" {
        return;
    }
    assert_eq!(process.rss().unwrap(), Bytes::new(0));
    assert_eq!(process.peak_rss().unwrap_err().kind(), ErrorKind::Missing);
}

#[test]
fn readings_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Process>();
}
