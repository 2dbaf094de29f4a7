//! The traits hold together: a fake cache, pool and database, handed to a fake monitor and a fake watch.

use perfect21_core::{
    Bytes, Cell, Clock, Column, Curve, Finding, Inspect, Label, LatencySnapshot, ManualClock, Metric,
    Observe, Pressure, Reading, Sections, Severity, Table, Trim, Trimmed, Unit, Visitor,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, Weak},
    time::{Duration, Instant},
};

struct FakeCache<V> {
    entries: Mutex<Vec<V>>,
}

const ENTRIES: Metric = Metric::new("cache_entries", Unit::Count, "Entries held.");

impl<V: Send> Observe for FakeCache<V> {
    fn observe(&self, visitor: &mut dyn Visitor) {
        visitor.gauge(
            &ENTRIES,
            &[("cache", "pages")],
            Reading::now(self.entries.lock().unwrap().len() as f64),
        );
    }
}

impl<V: Send> Inspect for FakeCache<V> {
    fn inspect(&self, sections: &mut dyn Sections) {
        let size = Column::new("size", Unit::Bytes);
        let mut curve = Curve::new("miss_curve", "Hit rate by size", size, Column::new("hits", Unit::Ratio));
        curve.push(1024.0, 0.5);
        sections.curve(curve);
    }
}

impl<V: Send> Trim for FakeCache<V> {
    fn name(&self) -> &str {
        "pages"
    }

    fn trim(&self, pressure: Pressure) -> Trimmed {
        let mut entries = self.entries.lock().unwrap();
        let keep = if pressure >= Pressure::Critical { 0 } else { entries.len() / 2 };
        let dropped = entries.drain(keep..).count() as u64;
        Trimmed::new(dropped, dropped * size_of::<V>() as u64)
    }
}

/// A pool that borrows its name: traits must not ask for `'static`.
struct FakePool<'a> {
    name: &'a str,
    waits: LatencySnapshot,
}

const WAIT: Metric = Metric::new("pool_wait", Unit::Seconds, "Time waited for an object.");
const GETS: Metric = Metric::new("pool_gets", Unit::Count, "Objects handed out.");

impl Observe for FakePool<'_> {
    fn observe(&self, visitor: &mut dyn Visitor) {
        let labels: [Label<'_>; 1] = [("pool", self.name)];
        visitor.latency(&WAIT, &labels, &self.waits);
        visitor.counter(&GETS, &labels, self.waits.count());
    }
}

/// A database that refreshes its figures in a task of its own and knows their age.
struct FakeDatabase {
    clock: Arc<dyn Clock>,
    size: Mutex<Option<(Bytes, Instant)>>,
}

const SIZE: Metric = Metric::new("db_size", Unit::Bytes, "Size of the database.");

impl Observe for FakeDatabase {
    fn observe(&self, visitor: &mut dyn Visitor) {
        let reading =
            self.size.lock().unwrap().map_or(Reading::NO_DATA, |(size, at)| {
                Reading::aged(size.get() as f64, self.clock.now() - at)
            });
        visitor.gauge(&SIZE, &[], reading);
    }
}

impl Inspect for FakeDatabase {
    fn inspect(&self, sections: &mut dyn Sections) {
        let mut table = Table::new("slow", "Slow statements", &[Column::new("mean", Unit::Seconds)]);
        table.push([Cell::from(0.5)]);
        sections.table(table);
        sections.finding(
            Finding::new("index:users.email", Severity::Warning, "1200 sequential scans", "CREATE INDEX …")
                .expected_gain("−40 ms a call")
                .undo("DROP INDEX …"),
        );
    }
}

#[derive(Default)]
struct FakeMonitor<'a> {
    sources: Vec<Arc<dyn Observe + 'a>>,
    inspected: Vec<Arc<dyn Inspect + 'a>>,
    numbers: Numbers,
    facts: Vec<String>,
}

#[derive(Default)]
struct Numbers(BTreeMap<String, Option<f64>>);

impl Visitor for Numbers {
    fn counter(&mut self, metric: &Metric, labels: &[Label<'_>], total: u64) {
        self.0.insert(format!("{}{labels:?}", metric.name), Some(total as f64));
    }

    fn gauge(&mut self, metric: &Metric, labels: &[Label<'_>], reading: Reading) {
        let value = reading.value.filter(|_| reading.age < Duration::from_secs(60));
        self.0.insert(format!("{}{labels:?}", metric.name), value);
    }

    fn latency(&mut self, metric: &Metric, labels: &[Label<'_>], snapshot: &LatencySnapshot) {
        self.0.insert(format!("{}{labels:?}", metric.name), snapshot.quantile(0.5).map(|d| d.as_secs_f64()));
    }
}

struct Facts<'a>(&'a mut Vec<String>);

impl Sections for Facts<'_> {
    fn table(&mut self, table: Table) {
        self.0.push(table.key.to_owned());
    }

    fn curve(&mut self, curve: Curve) {
        self.0.push(curve.key.to_owned());
    }

    fn finding(&mut self, finding: Finding) {
        self.0.push(finding.key);
    }
}

impl FakeMonitor<'_> {
    fn tick(&mut self) {
        for source in &self.sources {
            source.observe(&mut self.numbers);
        }
        for part in &self.inspected {
            part.inspect(&mut Facts(&mut self.facts));
        }
    }
}

#[test]
fn parts_are_handed_to_a_monitor_as_objects() {
    let clock = ManualClock::new();
    let name = String::from("buffers");
    let cache = Arc::new(FakeCache { entries: Mutex::new(vec!["a", "b"]) });
    let pool = Arc::new(FakePool { name: &name, waits: [Duration::from_nanos(50)].into_iter().collect() });
    let database = Arc::new(FakeDatabase { clock: Arc::new(clock.clone()), size: Mutex::default() });
    let mut monitor = FakeMonitor {
        sources: vec![cache.clone(), pool, database.clone()],
        inspected: vec![cache, database.clone()],
        ..Default::default()
    };

    monitor.tick();
    assert_eq!(monitor.numbers.0["db_size[]"], None);
    assert_eq!(monitor.numbers.0["cache_entries[(\"cache\", \"pages\")]"], Some(2.0));
    assert_eq!(monitor.numbers.0["pool_gets[(\"pool\", \"buffers\")]"], Some(1.0));
    assert_eq!(monitor.facts, ["miss_curve", "slow", "index:users.email"]);

    *database.size.lock().unwrap() = Some((Bytes::kib(8), clock.now()));
    clock.advance(Duration::from_secs(59));
    monitor.tick();
    assert_eq!(monitor.numbers.0["db_size[]"], Some(8192.0));
    clock.advance(Duration::from_secs(1));
    monitor.tick();
    assert_eq!(monitor.numbers.0["db_size[]"], None, "a figure that is too old is no data");
}

#[test]
fn a_watch_holds_parts_weakly_and_trims_them() {
    let cache = Arc::new(FakeCache { entries: Mutex::new(vec![0_u64; 10]) });
    let as_trim: Arc<dyn Trim> = cache.clone();
    let registered: Weak<dyn Trim> = Arc::downgrade(&as_trim);
    drop(as_trim);

    let trim = |pressure| registered.upgrade().map(|part| part.trim(pressure));
    assert_eq!(trim(Pressure::Elevated), Some(Trimmed::new(5, 40)));
    assert_eq!(trim(Pressure::Critical), Some(Trimmed::new(5, 40)));
    drop(cache);
    assert_eq!(trim(Pressure::Critical), None, "registration keeps nothing alive");
}

#[test]
fn arcs_of_parts_are_parts() {
    fn is_part<T: Observe + Inspect + Trim>() {}
    is_part::<FakeCache<u8>>();
    is_part::<Arc<FakeCache<u8>>>();
    fn is_clock<T: Clock>() {}
    is_clock::<Arc<dyn Clock>>();
}
