//! A run ends when it is told to, from any thread, in every phase, and leaves nothing behind.

use crate::server::{DEADLINE, HELLO, Server, wait_for};
use perfect21_load::{Phase, Plan, PlanBuilder, Report, RequestList, Run, Stopper};
use std::{net::SocketAddr, time::Duration};

const LONG: Duration = Duration::from_secs(3600);

fn start(plan: PlanBuilder, address: SocketAddr) -> Run {
    let list = RequestList::builder("test").get("/").build().unwrap();
    Run::start(plan.build().unwrap(), address, list).unwrap()
}

fn wait_for_answers(run: &Run) {
    wait_for("answers", || format!("{run:?}"), || run.progress().completed >= 10);
}

#[test]
fn stopping_keeps_what_was_measured() {
    for plan in [Plan::closed(), Plan::open(500.0)] {
        let server = Server::constant(HELLO, false);
        let run = start(plan.connections(2).duration(LONG), server.address);
        wait_for_answers(&run);
        let stopper = run.stopper();
        std::thread::spawn(move || stopper.stop()).join().unwrap();
        let report = run.join().unwrap();
        assert!(report.stopped_early && report.completed >= 10, "{report}");
        assert_eq!(report.errors.total(), 0, "{report}");
        assert!(report.elapsed < DEADLINE && !report.elapsed.is_zero(), "{report}");
        assert!(report.to_string().contains("stopped early"), "{report}");
    }
}

#[test]
fn stopping_in_the_warm_up_gives_an_empty_report() {
    let server = Server::constant(HELLO, false);
    let run = start(Plan::open(100.0).connections(2).warm_up(LONG).duration(LONG), server.address);
    wait_for("warm-up", || format!("{run:?}"), || server.requests() > 0);
    assert_eq!(run.progress().phase, Phase::WarmUp);
    run.stopper().stop();
    let report = run.join().unwrap();
    assert_eq!((report.sent, report.elapsed, report.stopped_early), (0, Duration::ZERO, true), "{report}");
}

#[test]
fn stopping_while_connections_are_opened_does_not_wait_for_them() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _context = runtime.enter();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    // Nobody accepts: all but the first few connections hang.
    let listener = socket.listen(1).unwrap();
    let plan = Plan::closed().connections(32).duration(LONG).timeout(LONG);
    let run = start(plan, listener.local_addr().unwrap());
    assert_eq!(run.progress().phase, Phase::Connecting);
    run.stopper().stop();
    let report = run.join().unwrap();
    assert!(report.stopped_early && report.sent == 0, "{report}");
}

#[test]
fn stopping_an_idle_open_run_does_not_wait_for_the_next_request() {
    let server = Server::constant(HELLO, false);
    let run = start(Plan::open(0.01).connections(2).duration(LONG), server.address);
    wait_for("first answer", || format!("{run:?}"), || run.progress().completed == 1);
    run.stopper().stop();
    let report = run.join().unwrap();
    assert_eq!((report.completed, report.unsent, report.errors.total()), (1, 0, 0), "{report}");
}

#[test]
fn dropping_a_run_closes_its_connections_at_once() {
    for answer in [HELLO, b""] {
        let server = Server::constant(answer, false);
        let plan = Plan::closed().connections(4).duration(LONG).timeout(LONG).drain(LONG);
        let run = start(plan, server.address);
        wait_for("requests", || format!("{run:?}"), || server.requests() >= 4);
        drop(run);
        wait_for("four closed connections", || server.closed().to_string(), || server.closed() == 4);
    }
}

#[test]
fn the_report_can_be_awaited_anywhere_and_again() {
    let server = Server::constant(HELLO, false);
    let run = start(Plan::closed().connections(2).duration(LONG), server.address);
    wait_for_answers(&run);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let report = runtime.block_on(async {
        // Cancelled once, which changes nothing.
        assert!(tokio::time::timeout(Duration::from_millis(20), run.finished()).await.is_err());
        run.stopper().stop();
        run.finished().await.unwrap()
    });
    assert_eq!(run.progress().phase, Phase::Done);
    run.stopper().stop();
    assert_eq!(run.join().unwrap(), report);
}

#[test]
fn handles_go_anywhere() {
    fn check<T: Send + Sync + 'static>() {}
    fn check_clone<T: Clone + Send + Sync + 'static>() {}
    check::<Run>();
    check_clone::<Stopper>();
    check_clone::<RequestList>();
    check_clone::<Report>();
}
