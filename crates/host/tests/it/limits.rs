//! Limits are found wherever a container or service manager sets them, and a broken file is an error that says so.
#![cfg(target_os = "linux")]

use crate::tree::Tree;
use perfect21_host::{Bytes, ErrorKind, LimitedBy, Limits};
use std::{error::Error as _, fs};

const CG: &str = "sys/fs/cgroup";

fn read(tree: &Tree) -> Limits {
    Limits::read_in(tree.path()).unwrap()
}

#[test]
fn without_cgroups_the_machine_is_the_limit() {
    for tree in [Tree::new(), Tree::new().v2("/"), Tree::new().v1("/"), Tree::new().v2("/not/mounted/here")] {
        let limits = read(&tree);
        assert_eq!((limits.cores, limits.cpu_quota), (4.0, None));
        assert_eq!((limits.allowed_cpus, limits.online_cpus), (4, 4));
        assert_eq!((limits.memory, limits.memory_limited_by), (Bytes::gib(8), LimitedBy::Machine));
    }
}

#[test]
fn version_2_limits_bind() {
    let tree = Tree::new()
        .v2("/app")
        .with("sys/fs/cgroup/app/cpu.max", "150000 100000\n")
        .with("sys/fs/cgroup/app/memory.max", "536870912\n");
    let limits = read(&tree);
    assert_eq!((limits.cores, limits.cpu_quota), (1.5, Some(1.5)));
    assert_eq!(limits.memory, Bytes::mib(512));
    assert_eq!(limits.memory_limited_by, LimitedBy::Cgroup(tree.join("sys/fs/cgroup/app")));
}

#[test]
fn version_1_limits_bind() {
    let tree = Tree::new()
        .v1("/docker/1")
        .with("sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_quota_us", "50000\n")
        .with("sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_period_us", "100000\n")
        .with("sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "268435456\n")
        .with("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    let limits = read(&tree);
    assert_eq!((limits.cores, limits.cpu_quota), (0.5, Some(0.5)));
    assert_eq!(limits.memory, Bytes::mib(256));
}

#[test]
fn no_limit_is_none() {
    let v2 = Tree::new()
        .v2("/app")
        .with("sys/fs/cgroup/app/cpu.max", "max 100000\n")
        .with("sys/fs/cgroup/app/memory.max", "max\n");
    let v1 = Tree::new()
        .v1("/")
        .with("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n")
        .with("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n")
        .with("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    for tree in [v2, v1] {
        let limits = read(&tree);
        assert_eq!((limits.cpu_quota, limits.memory_limited_by), (None, LimitedBy::Machine));
    }
}

#[test]
fn the_smallest_on_the_way_up_binds() {
    let tree = Tree::new()
        .v2("/pod/app/worker")
        .with("sys/fs/cgroup/pod/cpu.max", "200000 100000")
        .with("sys/fs/cgroup/pod/memory.max", "1073741824")
        .with("sys/fs/cgroup/pod/app/cpu.max", "max 100000")
        .with("sys/fs/cgroup/pod/app/memory.max", "2147483648")
        .with("sys/fs/cgroup/pod/app/worker/cpu.max", "300000 100000");
    let limits = read(&tree);
    assert_eq!(limits.cpu_quota, Some(2.0));
    assert_eq!(limits.memory, Bytes::gib(1));
    assert_eq!(limits.memory_limited_by, LimitedBy::Cgroup(tree.join("sys/fs/cgroup/pod")));
}

#[test]
fn a_limit_beside_our_path_does_not_bind() {
    let tree = Tree::new().v2("/app").with("sys/fs/cgroup/other/memory.max", "1048576");
    assert_eq!(read(&tree).memory, Bytes::gib(8));
}

#[test]
fn a_limit_above_the_machine_does_not_bind() {
    let tree = Tree::new()
        .v2("/app")
        .with("sys/fs/cgroup/app/memory.max", "1099511627776")
        .with("sys/fs/cgroup/app/cpu.max", "6400000 100000");
    let limits = read(&tree);
    assert_eq!((limits.memory, limits.memory_limited_by), (Bytes::gib(8), LimitedBy::Machine));
    assert_eq!((limits.cores, limits.cpu_quota), (4.0, Some(64.0)));
}

#[test]
fn in_a_hybrid_each_controller_is_read_where_it_is() {
    let tree = Tree::new()
        .with("proc/self/cgroup", "9:memory:/m\n0::/u\n")
        .with(
            "proc/self/mountinfo",
            "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
             41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
        )
        .with("sys/fs/cgroup/memory/m/memory.limit_in_bytes", "104857600")
        .with("sys/fs/cgroup/unified/u/memory.max", "1")
        .with("sys/fs/cgroup/unified/u/cpu.max", "100000 100000");
    let limits = read(&tree);
    assert_eq!((limits.memory, limits.cpu_quota), (Bytes::mib(100), Some(1.0)));
}

#[test]
fn a_container_that_sees_its_host_path_finds_its_own_part() {
    let tree = Tree::new()
        .with("proc/self/cgroup", "9:memory:/docker/1\n")
        .with(
            "proc/self/mountinfo",
            "35 31 0:32 /docker/1 /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
        )
        .with("sys/fs/cgroup/memory/memory.limit_in_bytes", "104857600");
    assert_eq!(read(&tree).memory, Bytes::mib(100));
}

#[test]
fn of_two_mounts_the_one_that_shows_us_counts() {
    let tree = Tree::new()
        .with("proc/self/cgroup", "0::/app\n")
        .with(
            "proc/self/mountinfo",
            "35 31 0:32 / /elsewhere rw - cgroup2 none rw\n36 31 0:32 / /sys/fs/cgroup rw - cgroup2 none rw\n",
        )
        .with("elsewhere/memory.max", "max")
        .with("sys/fs/cgroup/app/memory.max", "104857600");
    assert_eq!(read(&tree).memory, Bytes::mib(100));
}

#[test]
fn cores_are_bounded_by_affinity_and_cpuset() {
    let affinity = Tree::new().with("proc/self/status", "Cpus_allowed_list:\t1,3\n");
    assert_eq!(read(&affinity).cores, 2.0);
    let cpuset = Tree::new().v2("/app").with("sys/fs/cgroup/app/cpuset.cpus.effective", "0-2\n");
    assert_eq!(read(&cpuset).cores, 3.0);
    let empty = Tree::new().v2("/app").with("sys/fs/cgroup/app/cpuset.cpus.effective", "\n");
    assert_eq!(read(&empty).cores, 4.0);
    let all = affinity.v2("/app").with("sys/fs/cgroup/app/cpuset.cpus.effective", "2-3\n");
    let all = all.with("sys/fs/cgroup/app/cpu.max", "250000 100000\n");
    assert_eq!((read(&all).cores, read(&all).allowed_cpus), (1.0, 1));
}

#[test]
fn without_sys_the_affinity_says_how_many_cpus_there_are() {
    let tree = Tree::new().with("proc/self/status", "Cpus_allowed_list:\t0-7\n");
    fs::remove_dir_all(tree.join("sys")).unwrap();
    assert_eq!(read(&tree).cores, 8.0);
}

#[test]
fn a_broken_file_is_named_with_what_it_holds_and_what_it_should() {
    let v1_cpu = "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us";
    let trees = [
        (Tree::new().v2("/a"), format!("{CG}/a/memory.max"), "12 parsecs"),
        (Tree::new().v2("/a"), format!("{CG}/a/memory.max"), "-1"),
        (Tree::new().v2("/a"), format!("{CG}/a/memory.max"), ""),
        (Tree::new().v2("/a"), format!("{CG}/a/cpu.max"), "max"),
        (Tree::new().v2("/a"), format!("{CG}/a/cpu.max"), "100000 0"),
        (Tree::new().v2("/a"), format!("{CG}/a/cpu.max"), "0 100000"),
        (Tree::new().v2("/a"), format!("{CG}/a/cpuset.cpus.effective"), "3-1"),
        (Tree::new().v1("/"), format!("{CG}/memory/memory.limit_in_bytes"), "max"),
        (Tree::new().v1("/"), v1_cpu.to_owned(), "1e5"),
        (Tree::new(), "proc/meminfo".to_owned(), "MemTotal: lots"),
        (Tree::new(), "proc/self/status".to_owned(), "Cpus_allowed_list: x"),
        (Tree::new(), "sys/devices/system/cpu/online".to_owned(), "0-99999999999"),
    ];
    for (tree, path, content) in trees {
        tree.write(&path, content);
        let error = Limits::read_in(tree.path()).unwrap_err();
        let message = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{path}: {message}");
        assert_eq!(error.path().unwrap(), tree.join(&path));
        assert!(message.contains(&format!("`{content}`: expected ")), "{message}");
        assert!(error.source().is_none());
    }
}

#[test]
fn a_zero_period_is_an_error_in_version_1_too() {
    let tree = Tree::new()
        .v1("/")
        .with("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "100000")
        .with("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "0");
    assert_eq!(Limits::read_in(tree.path()).unwrap_err().kind(), ErrorKind::Malformed);
}

#[test]
fn garbage_in_the_tables_of_cgroups_finds_none() {
    let tree = Tree::new();
    tree.write("proc/self/cgroup", b"\xff\xfe:::::\n\n:\n0\n0:\n");
    tree.write("proc/self/mountinfo", b"- - - -\n\xff\n1 2 3 4 5 - cgroup2\n \n-");
    assert_eq!(read(&tree).memory_limited_by, LimitedBy::Machine);
}

#[test]
fn a_printed_error_holds_no_control_bytes_and_ends() {
    let tree = Tree::new().v2("/a");
    tree.write("sys/fs/cgroup/a/memory.max", [b"\x1b[31m\n\xff".as_slice(), &[b'x'; 9000]].concat());
    let message = Limits::read_in(tree.path()).unwrap_err().to_string();
    assert!(!message.contains('\x1b') && !message.contains('\n'), "{message:?}");
    assert!(message.len() < 1000, "{}", message.len());
}

#[test]
fn a_root_that_is_no_file_tree_is_missing() {
    let error = Limits::read_in("/nowhere/at/all".as_ref()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing);
    // Each link of the chain says something of its own.
    let source = error.source().unwrap().to_string();
    assert!(!error.to_string().contains(&source), "{error}: {source}");
}

#[test]
fn this_machine_has_limits() {
    let limits = Limits::read().unwrap();
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap();
    let total = meminfo.lines().next().unwrap().split_whitespace().nth(1).unwrap().parse().unwrap();
    assert_eq!(limits.machine_memory, Bytes::kib(total));
    assert!(limits.memory <= limits.machine_memory);
    // The standard library asks for the affinity of this thread, and rounds the quota down to whole cores.
    let parallelism = std::thread::available_parallelism().unwrap().get() as f64;
    assert!(limits.cores.ceil() >= parallelism, "{limits:?}, parallelism {parallelism}");
}
