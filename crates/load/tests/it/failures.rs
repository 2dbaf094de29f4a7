//! What goes wrong with a request is counted by its kind and never enters the latency; the run goes on.

use crate::server::{self, HELLO, Server, Then};
use perfect21_load::{Error, ErrorKind, Plan, PlanBuilder, Report, RequestList, Run};
use std::{
    error::Error as _,
    io::Write,
    net::SocketAddr,
    time::{Duration, Instant},
};

fn try_run(plan: PlanBuilder, address: SocketAddr) -> Result<Report, Error> {
    let list = RequestList::builder("test").get("/").build().unwrap();
    Run::start(plan.build().unwrap(), address, list).unwrap().join()
}

fn run(plan: PlanBuilder, server: &Server) -> Report {
    let report = try_run(plan, server.address).unwrap();
    assert_eq!(report.sent, report.completed + report.errors.total(), "{report:?}");
    assert_eq!(report.latency.count, report.completed, "{report:?}");
    report
}

/// A port that is taken, so that nobody else gets it, and where nobody listens, or where the queue is soon full.
fn with_socket(backlog: Option<u32>, test: impl FnOnce(SocketAddr)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _context = runtime.enter();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    match backlog {
        None => test(address),
        Some(backlog) => {
            let _listener = socket.listen(backlog).unwrap();
            test(address);
        }
    }
}

#[test]
fn a_server_that_is_not_there_is_an_error_at_once() {
    with_socket(None, |address| {
        let start = Instant::now();
        let error = try_run(Plan::closed().requests(10), address).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect);
        assert_eq!(error.to_string(), format!("opened 0 of 64 connections to {address}"));
        assert!(error.source().unwrap().to_string().contains("refused"), "{:?}", error.source());
        assert!(start.elapsed() < Duration::from_secs(2));
    });
}

#[test]
fn fewer_connections_than_asked_for_are_an_error() {
    with_socket(Some(1), |address| {
        let plan = Plan::closed().connections(32).requests(10).timeout(Duration::from_millis(300));
        let error = try_run(plan, address).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect);
        assert!(error.to_string().contains(" of 32 connections"), "{error}");
    });
}

#[test]
fn a_server_that_dies_leaves_a_report_and_no_hot_loop() {
    for plan in [Plan::closed(), Plan::open(1000.0)] {
        let server = Server::start(|number, stream| {
            let _ = stream.write_all(HELLO);
            if number == 100 { Then::Die } else { Then::KeepOpen }
        });
        let report = run(plan.connections(4).duration(Duration::from_secs(1)), &server);
        assert!(report.completed >= 90, "{report}");
        assert!(report.errors.connect > 0, "{report}");
        // Each connection tries again after 5, 10, 20 … 160 ms: about ten times a second.
        assert!(report.errors.total() < 200, "{report}");
        assert!(!report.stopped_early);
    }
}

#[test]
fn a_server_that_closes_after_each_answer_costs_connections_and_no_errors() {
    let said = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello";
    for bytes in [HELLO, said] {
        let server = Server::constant(bytes, true);
        let report = run(Plan::closed().connections(2).requests(50), &server);
        assert_eq!((report.completed, report.errors.total()), (50, 0), "{report}");
        assert_eq!(report.reconnects as usize, server.accepted() - 2, "{report}");
        assert!(report.reconnects >= 48, "{report}");
    }
}

#[test]
fn bad_answers_are_counted_by_kind() {
    let cases: [(&[u8], &str); 6] = [
        (b"220 smtp ready\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhello", "malformed"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nno size\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhello", "closed"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n", "closed"),
        (b"", "closed"),
    ];
    for (bytes, kind) in cases {
        let server = Server::constant(bytes, true);
        let report = run(Plan::closed().connections(2).requests(6), &server);
        for (name, count) in report.errors.by_kind() {
            let expected = if name == kind { 6 } else { 0 };
            assert_eq!(count, expected, "{name} after {:?}\n{report}", bytes.escape_ascii());
        }
        assert!(report.statuses.is_empty(), "{report:?}");
    }
}

#[test]
fn statuses_from_400_are_errors_and_the_connection_goes_on() {
    let server = Server::start(|number, stream| {
        let status = [200, 204, 302, 404, 503][number % 5];
        let length = if status == 204 { "" } else { "content-length: 0\r\n" };
        let _ = write!(stream, "HTTP/1.1 {status} Reason\r\n{length}\r\n");
        Then::KeepOpen
    });
    let report = run(Plan::closed().connections(1).requests(50), &server);
    assert_eq!((report.errors.status_4xx, report.errors.status_5xx), (10, 10), "{report}");
    assert_eq!((report.completed, report.reconnects, server.accepted()), (30, 0, 1), "{report}");
    assert_eq!(report.statuses.into_iter().collect::<Vec<_>>(), [200, 204, 302, 404, 503].map(|s| (s, 10)));
}

#[test]
fn silence_is_a_timeout() {
    let server = Server::constant(b"", false);
    let plan = Plan::closed().connections(3).requests(6).timeout(Duration::from_millis(100));
    let report = run(plan, &server);
    assert_eq!((report.errors.timeout, report.errors.total()), (6, 6), "{report}");
    assert_eq!(report.latency.count, 0);
}

#[test]
fn a_slow_drip_is_a_timeout_too() {
    let server = Server::start(|_, stream| {
        let drip = || -> std::io::Result<()> {
            stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
            loop {
                stream.write_all(b"a: b\r\n")?;
                std::thread::sleep(Duration::from_millis(10));
            }
        };
        let _ = { drip }();
        Then::Close
    });
    let plan = Plan::closed().connections(1).requests(1).timeout(Duration::from_millis(200));
    let report = run(plan, &server);
    assert_eq!(report.errors.timeout, 1, "{report}");
}

#[test]
fn the_drain_is_bounded() {
    let server = Server::constant(b"", false);
    let plan = Plan::closed().connections(3).duration(Duration::from_millis(200));
    let start = Instant::now();
    let report = run(plan.timeout(Duration::from_secs(60)).drain(Duration::from_millis(100)), &server);
    assert_eq!(report.errors.timeout, report.sent, "{report}");
    assert!(start.elapsed() < server::DEADLINE, "{:?}", start.elapsed());
}

#[test]
fn answers_in_the_drain_count_but_not_in_the_rate() {
    let server = Server::start(|_, stream| {
        std::thread::sleep(Duration::from_millis(400));
        let _ = stream.write_all(HELLO);
        Then::KeepOpen
    });
    let plan = Plan::closed().connections(3).duration(Duration::from_millis(200));
    let report = run(plan.drain(server::DEADLINE).timeout(server::DEADLINE), &server);
    assert_eq!((report.completed, report.drained), (report.sent, report.sent), "{report}");
    assert!(report.rate() == 0.0 && report.elapsed == Duration::from_millis(200), "{report}");
}

#[test]
fn what_found_no_connection_is_counted_as_unsent() {
    let server = Server::constant(b"", false);
    let plan = Plan::open(100.0).connections(2).duration(Duration::from_millis(500));
    let report = run(plan.drain(Duration::from_millis(10)), &server);
    assert_eq!((report.sent, report.unsent, report.errors.timeout), (2, 48, 2), "{report}");
}
