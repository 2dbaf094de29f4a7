//! Every request is sent once, answered once and counted once, in both modes.

use crate::server::{self, HELLO, Server, Then};
use perfect21_load::{Phase, Plan, PlanBuilder, Report, RequestList, Run};
use std::{cell::Cell, io::Write, time::Duration};

fn list() -> RequestList {
    RequestList::builder("test").get("/").build().unwrap()
}

fn run(plan: PlanBuilder, server: &Server, list: &RequestList) -> Report {
    Run::start(plan.build().unwrap(), server.address, list.clone()).unwrap().join().unwrap()
}

fn assert_adds_up(report: &Report) {
    assert_eq!(report.sent, report.completed + report.errors.total(), "{report:?}");
    assert_eq!(report.latency.count, report.completed, "{report:?}");
    assert_eq!(report.service.count, report.completed, "{report:?}");
    assert_eq!(report.intervals.iter().map(|i| i.completed).sum::<u64>(), report.completed, "{report:?}");
    assert_eq!(report.intervals.iter().map(|i| i.errors).sum::<u64>(), report.errors.total(), "{report:?}");
}

#[test]
fn a_closed_run_sends_exactly_the_number_asked_for() {
    let server = Server::constant(HELLO, false);
    let list = list();
    let report = run(Plan::closed().connections(8).requests(1000), &server, &list);
    assert_adds_up(&report);
    assert_eq!((report.sent, report.completed, report.errors.total()), (1000, 1000, 0), "{report:?}");
    assert_eq!((server.requests(), server.accepted(), list.issued()), (1000, 8, 1000));
    assert_eq!(report.statuses.into_iter().collect::<Vec<_>>(), [(200, 1000)]);
    assert_eq!(report.bytes_in, 1000 * HELLO.len() as u64);
    assert_eq!((report.reconnects, report.unsent, report.stopped_early), (0, 0, false));
}

#[test]
fn an_open_run_sends_rate_times_duration() {
    let server = Server::constant(HELLO, false);
    let plan = Plan::open(500.0).connections(8).duration(Duration::from_secs(1));
    let report = run(plan, &server, &list());
    assert_adds_up(&report);
    assert_eq!(report.sent + report.unsent, 500, "{report:?}");
    assert_eq!(report.elapsed, Duration::from_secs(1));
    assert_eq!(report.sent, server.requests() as u64);
}

#[test]
fn an_open_run_of_a_number_of_requests_waits_for_the_last() {
    let server = Server::constant(HELLO, false);
    let report = run(Plan::open(1000.0).connections(64).requests(50), &server, &list());
    assert_adds_up(&report);
    assert_eq!((report.completed, report.unsent), (50, 0), "{report:?}");
    assert!(report.elapsed >= Duration::from_millis(49), "{report:?}");
}

#[test]
fn a_closed_run_of_a_duration_ends_in_time() {
    let server = Server::constant(HELLO, false);
    let report = run(Plan::closed().connections(2).duration(Duration::from_millis(300)), &server, &list());
    assert_adds_up(&report);
    assert_eq!((report.elapsed, report.errors.total()), (Duration::from_millis(300), 0), "{report:?}");
    assert!(report.completed > 0 && report.rate() > 0.0, "{report:?}");
}

#[test]
fn the_warm_up_is_sent_and_not_recorded() {
    let server = Server::constant(HELLO, false);
    for plan in [Plan::closed(), Plan::open(1000.0)] {
        let list = list();
        let before = server.requests();
        let plan = plan.connections(4).warm_up(Duration::from_millis(100)).requests(20);
        let report = run(plan, &server, &list);
        assert_adds_up(&report);
        assert_eq!(report.completed, 20, "{report:?}");
        assert!(server.requests() - before > 20, "{}", server.requests());
        // A warm-up request may still be in flight on all connections but the last one's.
        let answered = report.first_pass.responses + report.later_passes.responses;
        assert!((answered..answered + 4).contains(&list.issued()), "{} {report:?}", list.issued());
    }
}

/// Requests that end before the generator has seen the warm-up's end must not be waited for again.
#[test]
fn the_warm_up_may_end_late() {
    let server = Server::constant(HELLO, false);
    for _ in 0..50 {
        let plan = Plan::closed().connections(1).warm_up(Duration::from_micros(300)).requests(1);
        let report = run(plan, &server, &list());
        assert_eq!((report.sent, report.completed), (1, 1), "{report:?}");
    }
}

#[test]
fn requests_follow_the_order_and_the_next_run_goes_on_there() {
    let server = Server::constant(HELLO, false);
    let list = RequestList::builder("test").gets(["/a", "/b"]).order([0, 0, 1]).build().unwrap();
    run(Plan::closed().connections(1).requests(2), &server, &list);
    run(Plan::closed().connections(1).requests(3), &server, &list);
    let paths: String = server.lines().iter().map(|line| &line[5..6]).collect();
    assert_eq!(paths, "aabaa");
}

#[test]
fn a_counted_header_is_split_by_pass() {
    let server = Server::start(|number, stream| {
        let cache = if number < 3 { "miss" } else { "Hit" };
        let _ = write!(stream, "HTTP/1.1 200 OK\r\nX-Cache: {cache}\r\ncontent-length: 0\r\n\r\n");
        Then::KeepOpen
    });
    let list = RequestList::builder("test").gets(["/a", "/b", "/c"]).order([0, 1, 2, 0]).build().unwrap();
    let report =
        run(Plan::closed().connections(1).requests(10).count_header("x-cache", "HIT"), &server, &list);
    assert_eq!((report.first_pass.responses, report.first_pass.matching), (4, 1), "{report:?}");
    assert_eq!((report.later_passes.responses, report.later_passes.matching), (6, 6), "{report:?}");
}

#[test]
fn bodies_of_every_framing_are_read_to_their_end() {
    let large = Server::start(|_, stream| {
        let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 300000\r\n\r\n");
        let _ = stream.write_all(&[b'x'; 300_000]);
        Then::KeepOpen
    });
    let report = run(Plan::closed().connections(3).requests(30), &large, &list());
    assert_eq!((report.completed, large.accepted()), (30, 3), "{report:?}");
    assert!(report.bytes_in > 30 * 300_000);

    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let chunked = Server::constant(chunked, false);
    let report = run(Plan::closed().connections(3).requests(30), &chunked, &list());
    assert_eq!((report.completed, chunked.accepted()), (30, 3), "{report:?}");

    let until_close = Server::constant(b"HTTP/1.1 200 OK\r\n\r\nhello", true);
    let report = run(Plan::closed().connections(1).requests(5), &until_close, &list());
    assert_eq!((report.completed, report.reconnects), (5, 4), "{report:?}");

    let head = Server::constant(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", false);
    let heads = RequestList::builder("test").head("/").build().unwrap();
    let report = run(Plan::closed().connections(1).requests(5), &head, &heads);
    assert_eq!((report.completed, report.reconnects), (5, 0), "{report:?}");
    assert_eq!(head.lines()[0], "HEAD / HTTP/1.1");
}

#[test]
fn progress_can_be_read_at_any_time() {
    let server = Server::constant(HELLO, false);
    let plan = Plan::closed().connections(2).warm_up(Duration::from_millis(50));
    let plan = plan.duration(Duration::from_millis(300)).build().unwrap();
    let run = Run::start(plan, server.address, list()).unwrap();
    let before = Cell::new(run.progress());
    server::wait_for(
        "end",
        || format!("{run:?}"),
        || {
            let (before, now) = (before.replace(run.progress()), before.get());
            assert!(before.phase <= now.phase && before.completed <= now.completed, "{before:?} {now:?}");
            now.phase == Phase::Done
        },
    );
    let progress = run.progress();
    let report = run.join().unwrap();
    assert_eq!((progress.completed, progress.elapsed), (report.completed, report.elapsed));
    assert_eq!(progress.planned, Some(Duration::from_millis(300)));
}

#[test]
fn a_report_prints_and_serialises() {
    let server = Server::constant(HELLO, false);
    let report = run(Plan::open(1000.0).connections(2).requests(10), &server, &list());
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["mode"]["kind"], "open");
    assert_eq!(
        (json["completed"].as_u64(), json["statuses"]["200"].as_u64()),
        (Some(10), Some(10)),
        "{json}"
    );
    assert!(json["latency"]["p95"].as_f64().is_some_and(|p95| p95 > 0.0 && p95 < 20.0), "{json}");
    let text = report.to_string();
    assert!(text.starts_with("open, 1000 requests/s, 2 connections, "), "{text}");
    assert!(text.contains("10 sent, 10 completed, 0 errors (0.00 %)"), "{text}");
}
