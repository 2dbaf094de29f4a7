//! Which level the watch stands at: every signal, on fixture trees of cgroup v1, v2 and PSI; broken files; no flapping.
#![cfg(all(feature = "watch", target_os = "linux"))]

use crate::watch_tree::Machine;
use perfect21_core::Pressure::{self, Critical, Elevated, Routine};
use perfect21_host::ErrorKind;
use perfect21_mem_pool::watch::{Bytes, Signal, Watch};
use std::time::{Duration, SystemTime};

fn level(watch: &Watch) -> (Pressure, Option<Signal>) {
    let tick = watch.tick();
    assert_eq!(tick.level, watch.level());
    (tick.level, tick.cause)
}

#[test]
fn the_threshold_of_ones_own_is_500_mb_unless_set() {
    let machine = Machine::new();
    for (rss, expected) in [(499_900_000, Routine), (500_002_816, Elevated), (5_000_000_000, Elevated)] {
        machine.rss(rss);
        assert_eq!(machine.watch().tick().level, expected, "{rss}");
    }
    machine.rss(300 << 20);
    let set = machine.builder().max_rss(Bytes::mib(100)).critical_rss(Bytes::mib(250)).build().unwrap();
    assert_eq!(level(&set), (Critical, Some(Signal::Rss)));
    assert_eq!(machine.builder().no_max_rss().build().unwrap().tick().level, Routine);
}

#[test]
fn the_cgroup_limit_counts_in_both_versions() {
    for set in [Machine::cgroup_v1 as fn(&Machine, &str), Machine::cgroup_v2] {
        for (limit, expected) in [
            ("200000000\n", Routine),
            ("115000000\n", Elevated),
            ("102000000\n", Critical),
            ("0\n", Critical),
            ("9223372036854771712\n", Routine),
        ] {
            let machine = Machine::new();
            set(&machine, limit);
            let watch = machine.watch();
            let cause = (expected > Routine).then_some(Signal::CgroupLimit);
            assert_eq!(level(&watch), (expected, cause), "{limit}");
        }
    }
    let machine = Machine::new();
    machine.cgroup_v2("max\n");
    assert_eq!(machine.watch().tick().readings.cgroup_limit.unwrap(), None);
}

#[test]
fn the_page_cache_of_a_cgroup_is_not_ours() {
    let machine = Machine::new();
    machine.cgroup_v2("1000000000\n");
    machine.write("sys/fs/cgroup/app/memory.current", "999999999\n");
    assert_eq!(machine.watch().tick().level, Routine);
}

#[test]
fn what_other_processes_of_the_cgroup_use_counts_and_inactive_pages_do_not() {
    let machine = Machine::new();
    machine.rss(100_000_000);
    machine.cgroup_v2("1000000000\n");
    machine.write("sys/fs/cgroup/app/memory.current", "999999999\n");
    let cached = |bytes: u64| {
        machine.write("sys/fs/cgroup/app/memory.stat", format!("file 1\ninactive_file {bytes}\n"));
        level(&machine.watch())
    };
    assert_eq!(cached(700_000_000), (Routine, None));
    assert_eq!(cached(149_000_000), (Elevated, Some(Signal::CgroupLimit)));
    assert_eq!(cached(10), (Critical, Some(Signal::CgroupLimit)));
    let readings = machine.watch().tick().readings;
    assert_eq!(readings.cgroup_used.unwrap().unwrap().get(), 999_999_989);
}

#[test]
fn a_machine_that_is_full_counts() {
    let machine = Machine::new();
    machine.available_kib(8 << 17); // an eighth
    assert_eq!(level(&machine.watch()), (Elevated, Some(Signal::Machine)));
    machine.available_kib(0);
    assert_eq!(level(&machine.watch()), (Critical, Some(Signal::Machine)));
}

#[test]
fn stalls_are_the_cgroups_where_it_tells_them_else_the_machines() {
    let machine = Machine::new();
    machine.stalls("proc/pressure/memory", 12.0, 3.0);
    assert_eq!(level(&machine.watch()), (Elevated, Some(Signal::Stall)));
    machine.stalls("proc/pressure/memory", 12.0, 11.0);
    assert_eq!(level(&machine.watch()), (Critical, Some(Signal::Stall)));
    machine.cgroup_v2("max");
    machine.stalls("sys/fs/cgroup/app/memory.pressure", 1.0, 0.0);
    assert_eq!(machine.watch().tick().level, Routine);
    machine.stalls("sys/fs/cgroup/app/memory.pressure", 99.0, 99.0);
    assert_eq!(machine.watch().tick().level, Critical);
}

#[test]
fn the_highest_signal_counts() {
    let machine = Machine::new();
    machine.rss(600_000_000);
    machine.cgroup_v2("620000000");
    assert_eq!(level(&machine.watch()), (Critical, Some(Signal::CgroupLimit)));
}

#[test]
fn a_value_that_hovers_changes_the_level_twice_in_a_thousand_ticks() {
    let machine = Machine::new();
    let watch = machine.watch();
    let (mut changes, mut before) = (0, Routine);
    for second in 0..1000 {
        // Around the threshold, and far below it at times that are too short.
        machine.rss(if second % 2 == 0 { 505_000_000 } else { 490_000_000 - second % 25 * 10_000_000 });
        let level = watch.tick().level;
        changes += u32::from(level != before);
        before = level;
        machine.pass(1);
    }
    machine.rss(100_000_000);
    for _ in 0..40 {
        changes += u32::from(watch.tick().level != before);
        before = watch.level();
        machine.pass(1);
    }
    assert_eq!((changes, before), (2, Routine));
}

#[test]
fn the_wall_clock_may_jump() {
    let machine = Machine::new();
    let watch = machine.watch();
    machine.rss(600_000_000);
    watch.tick();
    machine.rss(100_000_000);
    watch.tick();
    for year in [0, 4_000_000_000] {
        machine.clock.set_wall(SystemTime::UNIX_EPOCH + Duration::from_secs(year));
        assert_eq!(watch.tick().level, Elevated);
    }
    machine.pass(30);
    assert_eq!(watch.tick().level, Routine);
}

#[test]
fn a_broken_file_is_a_typed_error_and_spoils_nothing_else() {
    type Break = fn(&Machine);
    let cases: [(Break, &str, Signal); 4] = [
        (|machine| machine.write("proc/self/stat", "7 (a) S 1"), "proc/self/stat", Signal::Rss),
        (|machine| machine.cgroup_v2("lots\n"), "sys/fs/cgroup/app/memory.max", Signal::CgroupLimit),
        (|machine| machine.write("proc/meminfo", b"\xff\xff"), "proc/meminfo", Signal::Machine),
        (
            |machine| machine.write("proc/pressure/memory", "some avg10=x"),
            "proc/pressure/memory",
            Signal::Stall,
        ),
    ];
    for (break_it, path, signal) in cases {
        let machine = Machine::new();
        break_it(&machine);
        // Another signal still works.
        if signal == Signal::Rss {
            machine.available_kib(0)
        } else {
            machine.rss(600_000_000)
        }
        let tick = machine.watch().tick();
        assert!(tick.level >= Elevated, "{path}");
        let errors: Vec<_> = tick.readings.errors().collect();
        let [(at, error)] = errors[..] else { panic!("{path}: {errors:?}") };
        assert_eq!((at, error.kind()), (signal, ErrorKind::Malformed));
        assert_eq!(error.path(), Some(machine.path(path).as_path()));
    }
}

#[test]
fn what_a_kernel_does_not_offer_is_no_error_but_no_rss_is() {
    let machine = Machine::new();
    assert_eq!(machine.watch().tick().readings.errors().count(), 0);
    let empty = tempfile::tempdir().unwrap();
    let watch = Watch::builder().root(empty.path()).purge(|| {}).build().unwrap();
    let tick = watch.tick();
    assert_eq!(tick.level, Routine);
    let errors: Vec<_> = tick.readings.errors().map(|(signal, error)| (signal, error.kind())).collect();
    assert_eq!(errors, [(Signal::Rss, ErrorKind::Missing), (Signal::Machine, ErrorKind::Missing)]);
}

#[test]
fn a_file_that_breaks_while_the_level_is_high_lets_it_fall_only_after_the_hold() {
    let machine = Machine::new();
    machine.rss(600_000_000);
    let watch = machine.watch();
    assert_eq!(watch.tick().level, Elevated);
    machine.write("proc/self/stat", "");
    for _ in 0..30 {
        assert_eq!(watch.tick().level, Elevated);
        machine.pass(1);
    }
    assert_eq!(watch.tick().level, Routine);
}

#[test]
fn wrong_settings_are_refused_by_name_value_and_rule() {
    let refused = |builder: perfect21_mem_pool::watch::WatchBuilder| builder.build().unwrap_err().to_string();
    let zero = Duration::ZERO;
    for (message, expected) in [
        (refused(Watch::builder().max_rss(0)), "max_rss = 0 B: must be at least 1 B"),
        (
            refused(Watch::builder().max_rss(Bytes::mib(2)).critical_rss(Bytes::mib(1))),
            "critical_rss = 1 MiB: must not be below max_rss, which is 2 MiB",
        ),
        (refused(Watch::builder().limit_shares(0.0, 1.0)), "limit_shares = 0: must be above 0 and at most 1"),
        (
            refused(Watch::builder().stall_shares(f64::NAN, 1.0)),
            "stall_shares = NaN: must be above 0 and at most 1",
        ),
        (
            refused(Watch::builder().limit_shares(0.9, 0.8)),
            "limit_shares = 0.8: critical must not be below elevated, which is 0.9",
        ),
        (refused(Watch::builder().interval(zero)), "interval = 0ns: must be above zero"),
        (refused(Watch::builder().clean_up_every(zero)), "clean_up_every = 0ns: must be above zero"),
        (refused(Watch::builder().repeat(zero)), "repeat = 0ns: must be above zero"),
        (refused(Watch::builder().hold(zero)), "hold = 0ns: must be above zero"),
        (refused(Watch::builder().root("/nowhere/at/all")), "root = /nowhere/at/all: must be a directory"),
    ] {
        assert_eq!(message, expected);
    }
}

#[test]
fn this_machine_is_watched() {
    let tick = Watch::new().tick();
    assert!(tick.readings.rss.unwrap() > Bytes::mib(1));
    assert!(tick.readings.machine_used.unwrap() > 0.0);
}
