//! Observing writes the last sample with its age, reads nothing, and what is not known is no data.
#![cfg(target_os = "linux")]

use crate::tree::Tree;
use perfect21_core::{Label, LatencySnapshot, ManualClock, Metric, Observe, Reading, Visitor};
use perfect21_host::{Host, HostSource};
use std::{collections::BTreeMap, time::Duration};

const PRESSURE: &str = "some avg10=2.50 avg60=0.00 avg300=0.00 total=7\n";

#[derive(Default)]
struct Numbers(BTreeMap<String, (Option<f64>, Duration)>);

impl Visitor for Numbers {
    fn counter(&mut self, metric: &Metric, labels: &[Label<'_>], total: u64) {
        self.0.insert(format!("{}{labels:?}", metric.name), (Some(total as f64), Duration::ZERO));
    }

    fn gauge(&mut self, metric: &Metric, labels: &[Label<'_>], reading: Reading) {
        let twice = self.0.insert(format!("{}{labels:?}", metric.name), (reading.value, reading.age));
        assert!(twice.is_none(), "{} {labels:?} is written twice", metric.name);
    }

    fn latency(&mut self, _: &Metric, _: &[Label<'_>], _: &LatencySnapshot) {}
}

#[test]
fn observed_numbers_carry_their_age_and_what_is_not_known_is_no_data() {
    let (tree, clock) = (Tree::new().with("proc/pressure/cpu", PRESSURE), ManualClock::new());
    let host = Host::builder().root(tree.path()).disk("/nowhere").clock(clock.clone()).build().unwrap();
    let source = HostSource::new(host);
    let observe = || {
        let mut numbers = Numbers::default();
        let part: &dyn Observe = &source;
        part.observe(&mut numbers);
        numbers.0
    };
    assert!(observe().is_empty() && source.last().is_none());

    source.clone().tick();
    clock.advance(Duration::from_secs(3));
    let numbers = observe();
    let age = Duration::from_secs(3);
    assert_eq!(numbers["process_cpu[]"], (Some(3.0), age));
    assert_eq!(numbers["host_cpu[(\"mode\", \"idle\")]"], (Some(40.0), age));
    assert_eq!(numbers["host_network_bytes[(\"direction\", \"sent\")]"].0, Some(5.0));
    assert_eq!(numbers["host_stall[(\"resource\", \"cpu\"), (\"tasks\", \"some\")]"].0, Some(0.025));
    assert_eq!(numbers["host_stall[(\"resource\", \"io\"), (\"tasks\", \"some\")]"].0, None);
    assert_eq!(numbers["host_disk_used[(\"path\", \"/nowhere\")]"].0, None);
    assert_eq!(numbers["cgroup_memory[]"].0, None);
}

#[test]
fn handles_are_shared_between_threads() {
    fn shared<T: Clone + Send + Sync>() {}
    shared::<HostSource>();
}
