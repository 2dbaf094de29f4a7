//! The tuner with rights missing, files broken, values that the server refuses, futures dropped, and others at work.
#![cfg(feature = "tuner")]

use crate::common::{self, outside, single};
use perfect21_db_stats::{
    ErrorKind,
    tuner::{Bytes, Effect, Tuner, TunerBuilder, Value, Verdict, Workload},
};
use perfect21_test_support::postgres::Postgres;
use std::{fs, pin::pin, task::Poll, time::Duration};
use tokio_postgres::{Client, NoTls};

fn tuner() -> TunerBuilder {
    Tuner::builder().memory(Bytes::gib(1)).cpus(16.0).room(Bytes::gib(10)).workload(Workload::Web)
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn auto_conf(server: &Postgres) -> Vec<String> {
    let text = fs::read_to_string(server.socket_dir().join("data/postgresql.auto.conf")).unwrap();
    let mut lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).map(Into::into).collect();
    lines.sort();
    lines
}

async fn version(client: &Client) -> i32 {
    client.query_one("SELECT current_setting('server_version_num')::int4", &[]).await.unwrap().get(0)
}

/// Settings of which the server says that they wait for a restart.
async fn waiting(client: &Client) -> Vec<String> {
    let rows = client.query("SELECT name FROM pg_settings WHERE pending_restart", &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn a_plain_role_sees_a_plan_and_is_told_what_it_lacks() {
    let server = Postgres::start().unwrap();
    let client = outside(&server).await;
    client.batch_execute("CREATE ROLE \"Pla\"\"in\" LOGIN").await.unwrap();
    let plain = connect(&server.url().replace("postgres@", "Pla%22in@")).await;
    let tuner = tuner().build().unwrap();
    let facts = tuner.facts(&plain).await.unwrap();
    assert!(facts.auto_file.is_err());
    assert!(facts.unread.iter().any(|part| part.starts_with("pg_file_settings: ")), "{facts}");
    assert_eq!(facts.settings["work_mem"].value, Value::Bytes(Bytes::mib(4)));
    let plan = tuner.plan(&facts);
    assert!(plan.changes().count() > 5 && plan.undo().is_none(), "{plan}");
    assert!(plan.to_string().contains("so there is no undo"), "{plan}");
    let error = tuner.apply(&plain, &plan).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    assert_eq!(auto_conf(&server), Vec::<String>::new());
    if version(&client).await < 150_000 {
        assert!(error.to_string().contains("a superuser"), "{error}");
        return;
    }
    // Each statement that the error names helps, and together they do.
    let said = error.to_string();
    let grants = said.split_once("what is needed: ").unwrap().1;
    assert_eq!(grants.matches("GRANT ").count(), 4, "{said}");
    for grant in grants.split("; ") {
        assert_eq!(tuner.apply(&plain, &plan).await.unwrap_err().kind(), ErrorKind::Denied);
        client.batch_execute(grant).await.unwrap();
    }
    let plan = tuner.plan(&tuner.facts(&plain).await.unwrap());
    assert!(plan.undo().is_some());
    let applied = tuner.apply(&plain, &plan).await.unwrap();
    assert!(applied.changes().any(|(setting, _, effect)| setting == "work_mem" && *effect == Effect::Active));
    applied.rollback(&plain).await.unwrap();
    assert_eq!(auto_conf(&server), Vec::<String>::new());
}

#[tokio::test]
async fn what_a_server_refuses_half_way_leaves_nothing() {
    let server = Postgres::start().unwrap();
    let client = outside(&server).await;
    client.batch_execute("ALTER SYSTEM SET effective_cache_size = '3GB'").await.unwrap();
    let before = auto_conf(&server);
    let tuner = tuner().build().unwrap();
    let mut plan = tuner.plan(&tuner.facts(&client).await.unwrap());
    let last = plan.proposals.iter_mut().rfind(|proposal| proposal.verdict == Verdict::Change).unwrap();
    last.proposed = Some(Value::Text("banana'; DROP TABLE x".into()));
    let error = tuner.apply(&client, &plan).await.unwrap_err();
    assert_eq!((error.kind(), error.code().unwrap().code()), (ErrorKind::Statement, "22023"), "{error}");
    assert!(error.to_string().contains("was put back"), "{error}");
    assert_eq!(auto_conf(&server), before);
    // A name that is none, quoted as one.
    let last = plan.proposals.iter_mut().rfind(|proposal| proposal.verdict == Verdict::Change).unwrap();
    last.setting = "work_mem\" = '1'; --".into();
    let error = tuner.apply(&client, &plan).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Statement, "{error}");
    assert_eq!(auto_conf(&server), before);
    client.batch_execute("BEGIN").await.unwrap();
    assert_eq!(tuner.apply(&client, &plan).await.unwrap_err().kind(), ErrorKind::InTransaction);
}

#[tokio::test]
async fn files_that_the_server_would_not_read_are_an_error_before_anything_is_done() {
    let server = Postgres::start().unwrap();
    let client = outside(&server).await;
    let tuner = tuner().build().unwrap();
    let file = server.socket_dir().join("data/perfect21.conf");
    let text = fs::read_to_string(&file).unwrap();
    for broken in ["work_mem 'unclosed\n", "no_such_setting = 1\n"] {
        fs::write(&file, format!("{text}{broken}")).unwrap();
        let facts = tuner.facts(&client).await.unwrap();
        assert!(facts.file_errors[0].starts_with("perfect21.conf, line "), "{:?}", facts.file_errors);
        let plan = tuner.plan(&facts);
        assert!(plan.notes.iter().any(|note| note.contains("nothing can be applied")), "{plan}");
        let error = tuner.apply(&client, &plan).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert!(error.to_string().starts_with("nothing was changed"), "{error}");
        assert_eq!(auto_conf(&server), Vec::<String>::new());
    }
    // A value that cannot be applied is not: the server leaves out that one only.
    fs::write(&file, format!("{text}max_connections = 300\n")).unwrap();
    let plan = tuner.plan(&tuner.facts(&client).await.unwrap());
    let applied = tuner.apply(&client, &plan).await.unwrap();
    applied.rollback(&client).await.unwrap();
}

/// Polls it so many times, whenever an answer has come, and drops it while it waits for the next one.
async fn polled<F: Future>(future: F, times: usize) -> bool {
    let mut future = pin!(future);
    let mut polls = 0;
    std::future::poll_fn(|cx| {
        polls += 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if polls >= times => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[tokio::test]
async fn files_that_break_half_way_are_put_back() {
    let server = Postgres::start().unwrap();
    let client = outside(&server).await;
    let tuner = tuner().reload_timeout(Duration::from_millis(500)).build().unwrap();
    let plan = tuner.plan(&tuner.facts(&client).await.unwrap());
    let file = server.socket_dir().join("data/perfect21.conf");
    let text = fs::read_to_string(&file).unwrap();
    let mut put_back = 0;
    for times in 1..30 {
        let mut future = pin!(tuner.apply(&client, &plan));
        let mut polls = 0;
        let early = std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => {
                polls += 1;
                if polls >= times { Poll::Ready(None) } else { Poll::Pending }
            }
        });
        let early = early.await;
        fs::write(&file, format!("{text}no_such_setting = 1\n")).unwrap();
        let done = match early {
            Some(done) => done,
            None => future.await,
        };
        fs::write(&file, &text).unwrap();
        match done {
            Ok(applied) => {
                applied.rollback(&client).await.unwrap();
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
                let is_back = error.to_string().ends_with("all was put back");
                assert!(is_back || error.to_string().starts_with("nothing was changed"), "{error}");
                put_back += usize::from(is_back);
            }
        }
        assert_eq!(auto_conf(&server), Vec::<String>::new(), "after {times} polls");
    }
    assert!(put_back > 3, "{put_back}");
}

#[tokio::test]
async fn a_dropped_future_leaves_what_the_undo_of_the_plan_takes_back() {
    let server = Postgres::start().unwrap();
    let beside = outside(&server).await;
    beside.batch_execute("ALTER SYSTEM SET work_mem = '1234kB'; ").await.unwrap();
    let tuner = tuner().build().unwrap();
    let plan = tuner.plan(&tuner.facts(&beside).await.unwrap());
    let before = auto_conf(&server);
    let mut is_through = false;
    let mut changed = 0;
    for times in 1..200 {
        let client = outside(&server).await;
        is_through = polled(tuner.apply(&client, &plan), times).await;
        // What was sent is done still: an answer after it says that it is over.
        client.simple_query("SELECT 1").await.unwrap();
        changed += usize::from(auto_conf(&server) != before);
        if times % 2 == 0 {
            // By the printed statements.
            for statement in plan.undo().unwrap().sql() {
                beside.batch_execute(&statement).await.unwrap();
            }
        } else {
            // A rollback that is dropped, too, and one that is not.
            polled(plan.undo().unwrap().rollback(&beside), times).await;
            beside.simple_query("SELECT 1").await.unwrap();
            let back = plan.undo().unwrap().rollback(&beside).await.unwrap();
            assert_eq!(back.left, [], "after {times} polls");
            assert_eq!(waiting(&beside).await, Vec::<String>::new(), "after {times} polls");
        }
        assert_eq!(auto_conf(&server), before, "after {times} polls");
        if is_through {
            break;
        }
    }
    assert!(is_through && changed > 5, "{changed}");

    // Looking and analysing leave no transaction open, and the pool's session as it was.
    beside.batch_execute("CREATE TABLE t AS SELECT generate_series(1, 1000) AS a").await.unwrap();
    let pool = single(&server);
    for times in 1..30 {
        let mut connection = pool.get().await.unwrap();
        polled(tuner.facts(connection.client().await.unwrap()), times).await;
        drop(connection);
        let mut connection = pool.get().await.unwrap();
        let names = ["t", "t", "t"];
        let analyze = perfect21_db_stats::tuner::Tables::Named(&names);
        polled(tuner.analyze(connection.client().await.unwrap(), analyze, |_| ()), times).await;
        drop(connection);
        let mut connection = pool.get().await.unwrap();
        let rows = connection.query("SELECT current_setting('statement_timeout')", &[]).await.unwrap();
        assert_eq!(rows[0].get::<_, String>(0), "30s");
    }
}

#[tokio::test]
async fn what_somebody_else_changed_since_is_left() {
    let server = Postgres::start().unwrap();
    let client = outside(&server).await;
    let tuner = tuner().build().unwrap();
    let plan = tuner.plan(&tuner.facts(&client).await.unwrap());
    let applied = tuner.apply(&client, &plan).await.unwrap();
    client.batch_execute("ALTER SYSTEM SET work_mem = '99MB'").await.unwrap();
    client.batch_execute("ALTER SYSTEM RESET jit").await.unwrap();
    client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    common::eventually("the other value counts", async || {
        let now: String = client.query_one("SELECT current_setting('work_mem')", &[]).await.unwrap().get(0);
        (now == "99MB", now)
    })
    .await;
    let back = applied.rollback(&client).await.unwrap();
    assert_eq!(back.left, [("work_mem".to_owned(), Some("99MB".to_owned()))]);
    assert!(back.restored.contains(&"jit".to_owned()));
    assert_eq!(auto_conf(&server), ["work_mem = '99MB'"]);

    // Two at once: each takes back its own, and at the end there is nothing.
    client.batch_execute("ALTER SYSTEM RESET work_mem").await.unwrap();
    let other = outside(&server).await;
    let (one, two) = tokio::join!(tuner.apply(&client, &plan), tuner.apply(&other, &plan));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.changes().count(), two.changes().count());
    for statement in plan.undo().unwrap().sql() {
        client.batch_execute(&statement).await.unwrap();
    }
    assert_eq!(auto_conf(&server), Vec::<String>::new());
}

#[tokio::test]
async fn a_server_that_goes_away_is_an_error() {
    let server = Postgres::start().unwrap();
    let client = outside(&server).await;
    let tuner = tuner().build().unwrap();
    let plan = tuner.plan(&tuner.facts(&client).await.unwrap());
    server.kill().unwrap();
    for error in [tuner.facts(&client).await.unwrap_err(), tuner.apply(&client, &plan).await.unwrap_err()] {
        assert!([ErrorKind::Statement, ErrorKind::Lost].contains(&error.kind()), "{error:?}");
    }
}
