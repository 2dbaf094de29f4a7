//! When parts are told to trim, and what is told of it.
#![cfg(all(feature = "watch", target_os = "linux"))]

use crate::watch_blocks;
use crate::watch_tree::Machine;
use perfect21_core::{Label, LatencySnapshot, Metric, Observe, Reading, Visitor};
use perfect21_mem_pool::watch::{
    Bytes,
    Pressure::{self, Critical, Elevated, Routine},
    Trim, Trimmed, Watch,
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// Remembers what it was told.
#[derive(Default)]
struct Part(Mutex<Vec<Pressure>>);

impl Trim for Part {
    fn name(&self) -> &str {
        "part"
    }

    fn trim(&self, pressure: Pressure) -> Trimmed {
        self.0.lock().unwrap().push(pressure);
        Trimmed::new(2, 100)
    }
}

fn watched(machine: &Machine) -> (Watch, Arc<Part>) {
    let (watch, part) = (machine.watch(), Arc::new(Part::default()));
    watch.register(&part);
    (watch, part)
}

/// The seconds at which the part was told, and how.
fn told(machine: &Machine, watch: &Watch, part: &Part, seconds: u64) -> Vec<(u64, Pressure)> {
    let mut told = Vec::new();
    for second in 0..seconds {
        watch.tick();
        told.extend(part.0.lock().unwrap().drain(..).map(|pressure| (second, pressure)));
        machine.pass(1);
    }
    told
}

#[test]
fn a_clean_up_comes_every_300_s_when_nothing_is_short() {
    let machine = Machine::new();
    let (watch, part) = watched(&machine);
    assert_eq!(told(&machine, &watch, &part, 901), [(300, Routine), (600, Routine), (900, Routine)]);
}

#[test]
fn a_level_that_stays_is_answered_ever_more_rarely() {
    let machine = Machine::new();
    let (watch, part) = watched(&machine);
    machine.rss(600_000_000);
    let seconds: Vec<_> = told(&machine, &watch, &part, 1300).into_iter().map(|(second, _)| second).collect();
    assert_eq!(seconds, [0, 10, 30, 70, 150, 310, 610, 910, 1210]);
}

#[test]
fn a_level_that_rises_is_answered_at_once_and_one_that_falls_is_not() {
    let machine = Machine::new();
    let (watch, part) = watched(&machine);
    machine.cgroup_v2("1000000000");
    let watch_with_limit = machine.watch();
    watch_with_limit.register(&part);
    drop(watch);
    let at = |rss, seconds| {
        machine.rss(rss);
        told(&machine, &watch_with_limit, &part, seconds)
    };
    assert_eq!(at(600_000_000, 1), [(0, Elevated)]);
    assert_eq!(at(960_000_000, 1), [(0, Critical)]);
    assert_eq!(at(100_000_000, 5), []);
}

#[test]
fn a_machine_that_slept_does_one_clean_up_and_not_all_it_missed() {
    let machine = Machine::new();
    let (watch, part) = watched(&machine);
    watch.tick();
    machine.pass(1_000_000);
    assert_eq!(told(&machine, &watch, &part, 299), [(0, Routine)]);
}

#[test]
fn what_was_freed_is_told() {
    let machine = Arc::new(Machine::new());
    machine.rss(900 << 20);
    let purged = Arc::clone(&machine);
    let watch = machine.builder().purge(move || purged.rss(700 << 20)).build().unwrap();
    let part = Arc::new(Part::default());
    watch.register(&part);
    let tick = watch.tick();
    let cleanup = tick.cleanup.unwrap();
    assert_eq!((cleanup.pressure, cleanup.trimmed()), (Elevated, Trimmed::new(2, 100)));
    assert_eq!((cleanup.rss_before, cleanup.rss_after), (Some(Bytes::mib(900)), Some(Bytes::mib(700))));
    assert_eq!(cleanup.released(), Some(Bytes::mib(200)));
    assert_eq!(cleanup.parts.len(), 1);
    assert_eq!(cleanup.parts[0].name, "part");
    assert!(Arc::ptr_eq(&cleanup, &watch.last().unwrap().cleanup.unwrap()));

    // By hand, whatever the level; nothing is less there, and that is not "unknown".
    let cleanup = watch.clean_up(Critical);
    assert_eq!((cleanup.pressure, cleanup.released()), (Critical, Some(Bytes::new(0))));
    assert_eq!(*part.0.lock().unwrap(), [Elevated, Critical]);
    machine.write("proc/self/stat", "broken");
    assert_eq!(watch.clean_up(Routine).released(), None);
}

#[derive(Default)]
struct Numbers(BTreeMap<String, Option<f64>>);

impl Visitor for Numbers {
    fn counter(&mut self, metric: &Metric, labels: &[Label<'_>], total: u64) {
        self.0.insert(format!("{}{labels:?}", metric.name), Some(total as f64));
    }

    fn gauge(&mut self, metric: &Metric, labels: &[Label<'_>], reading: Reading) {
        self.0.insert(format!("{}{labels:?}", metric.name), reading.value);
    }

    fn latency(&mut self, _: &Metric, _: &[Label<'_>], _: &LatencySnapshot) {}
}

#[test]
fn numbers_are_observed() {
    let machine = Machine::new();
    let (watch, _part) = watched(&machine);
    let observe = || {
        let mut numbers = Numbers::default();
        watch.observe(&mut numbers);
        numbers.0
    };
    assert_eq!(observe()["memory_watch_level[]"], None, "not zero before the first tick");
    machine.rss(600_000_000);
    watch.tick();
    watch.clean_up(Routine);
    let numbers = observe();
    assert_eq!(numbers["memory_watch_level[]"], Some(1.0));
    assert_eq!(numbers["memory_watch_parts[]"], Some(1.0));
    assert_eq!(numbers["memory_watch_cleanups[(\"pressure\", \"routine\")]"], Some(1.0));
    assert_eq!(numbers["memory_watch_cleanups[(\"pressure\", \"elevated\")]"], Some(1.0));
    assert_eq!(numbers["memory_watch_objects[]"], Some(4.0));
    assert_eq!(numbers["memory_watch_trimmed[]"], Some(200.0));
    assert_eq!(numbers["memory_watch_panics[]"], Some(0.0));
}

/// Really allocates, with the default purge.
#[test]
fn the_allocator_is_made_to_give_back() {
    watch_blocks::check_that_the_allocator_gives_back();
}

#[test]
fn ticks_from_many_threads_do_what_is_due_once() {
    let machine = Machine::new();
    machine.rss(600_000_000);
    let (watch, part) = watched(&machine);
    let cleanups = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    cleanups.fetch_add(u64::from(watch.tick().cleanup.is_some()), Relaxed);
                }
            });
        }
    });
    assert_eq!((cleanups.into_inner(), part.0.lock().unwrap().len()), (1, 1));
}
