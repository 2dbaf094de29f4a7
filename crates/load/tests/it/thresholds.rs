//! A threshold says what was measured against what was wanted.

use crate::server::{HELLO, Server};
use perfect21_load::{Plan, RequestList, Run, Threshold};
use std::time::Duration;

#[test]
fn thresholds_are_kept_or_say_by_how_much_they_are_not() {
    let list = RequestList::builder("test").get("/").build().unwrap();
    let plan = Plan::closed().connections(2).requests(100);
    let good = Server::constant(HELLO, false);
    let report =
        Run::start(plan.clone().build().unwrap(), good.address, list.clone()).unwrap().join().unwrap();
    let minute = Duration::from_secs(60);
    for kept in [
        Threshold::p50(minute),
        Threshold::p95(minute),
        Threshold::p99(minute),
        Threshold::max(minute),
        Threshold::error_rate(0.0),
        Threshold::min_rate(1.0),
        Threshold::unsent(0),
    ] {
        assert_eq!(kept.check(&report), Ok(()));
    }
    let breach = Threshold::p95(Duration::ZERO).check(&report).unwrap_err().to_string();
    assert!(breach.starts_with("p95 is ") && breach.ends_with(" ms, wanted at most 0.000 ms"), "{breach}");
    let breach = Threshold::min_rate(1e9).check(&report).unwrap_err().to_string();
    assert!(breach.ends_with("/s, wanted at least 1000000000.0/s"), "{breach}");

    let bad = Server::constant(b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n", false);
    let report = Run::start(plan.build().unwrap(), bad.address, list).unwrap().join().unwrap();
    let breach = Threshold::error_rate(0.01).check(&report).unwrap_err().to_string();
    assert_eq!(breach, "error rate is 100.00 %, wanted at most 1.00 %");
    let breach = Threshold::p95(minute).check(&report).unwrap_err().to_string();
    assert_eq!(breach, "p95 is not known for want of answers, wanted at most 60000 ms");
}
