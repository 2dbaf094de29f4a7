//! PostgreSQL starts, answers, stops, crashes and comes back on its port.

use crate::common;
use std::{collections::HashSet, fs, process::Command, thread};

use crate::common::{Held, is_helper, psql};
use perfect21_test_support::{ErrorKind, postgres::Postgres};
use tempfile::TempDir;

#[test]
fn it_starts_private_with_statement_statistics_and_answers_on_both_sockets() {
    let server = Postgres::start().unwrap();
    let url = server.url();
    assert_eq!(url, format!("postgres://postgres@127.0.0.1:{}/postgres", server.port()));
    psql(&url, "CREATE EXTENSION pg_stat_statements").unwrap();
    assert_eq!(psql(&url, "SELECT count(*) > 0 FROM pg_stat_statements").unwrap(), "t");
    assert_eq!(psql(&url, "SHOW max_connections").unwrap(), "200");
    assert_eq!(psql(&url, "SHOW listen_addresses").unwrap(), "127.0.0.1");
    let socket = format!("host={} port={} user=postgres", server.socket_dir().display(), server.port());
    assert_eq!(psql(&socket, "SELECT 1").unwrap(), "1");
    let dir = server.socket_dir().to_owned();
    let pid = server.pid().unwrap();
    let port = server.port();
    drop(server);
    common::wait_until_gone(pid, port, &dir);
}

#[test]
fn a_stop_keeps_the_data_and_a_restart_keeps_the_port() {
    let server = Postgres::start().unwrap();
    psql(&server.url(), "CREATE TABLE t AS SELECT 7 AS n").unwrap();
    let first = server.pid();
    server.stop().unwrap();
    assert_eq!(server.pid(), None);
    assert!(!common::is_alive(first.unwrap()));
    psql(&server.url(), "SELECT 1").unwrap_err();
    server.stop().unwrap();
    server.restart().unwrap();
    assert_ne!(server.pid(), first);
    assert_eq!(psql(&server.url(), "SELECT n FROM t").unwrap(), "7");
    let running = server.pid();
    server.restart().unwrap();
    assert_ne!(server.pid(), running);
    assert_eq!(psql(&server.url(), "SELECT n FROM t").unwrap(), "7");
}

#[test]
fn a_kill_drops_sessions_and_the_restart_recovers() {
    let server = Postgres::start().unwrap();
    psql(&server.url(), "CREATE TABLE t AS SELECT 7 AS n").unwrap();
    let url = server.url();
    let session = thread::spawn(move || psql(&url, "SELECT pg_sleep(600)"));
    perfect21_test_support::wait::until("the session", || {
        let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        psql(&server.url(), sleeping).and_then(|count| if count == "1" { Ok(()) } else { Err(count) })
    })
    .unwrap();
    server.kill().unwrap();
    session.join().unwrap().unwrap_err();
    server.restart().unwrap();
    assert_eq!(psql(&server.url(), "SELECT n FROM t").unwrap(), "7");
    assert!(server.log().contains("was not properly shut down"), "{}", server.log());
}

#[test]
fn settings_are_taken_and_a_wrong_one_is_told_with_the_log() {
    let server =
        Postgres::start_with(&[("max_connections", "17"), ("application_name", "it's\\mine")]).unwrap();
    assert_eq!(psql(&server.url(), "SHOW max_connections").unwrap(), "17");
    // ALTER SYSTEM must win over what the server was started with.
    psql(&server.url(), "ALTER SYSTEM SET max_connections = 23").unwrap();
    server.restart().unwrap();
    assert_eq!(psql(&server.url(), "SHOW max_connections").unwrap(), "23");

    let error = Postgres::start_with(&[("work_mem", "banana")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    assert!(error.to_string().contains("banana"), "{error}");
}

#[test]
fn many_start_at_once_and_none_shares_a_port() {
    let servers: Vec<_> = (0..4).map(|_| thread::spawn(Postgres::start)).collect();
    let servers: Vec<_> = servers.into_iter().map(|server| server.join().unwrap().unwrap()).collect();
    let ports: HashSet<_> = servers.iter().map(Postgres::port).collect();
    assert_eq!(ports.len(), servers.len());
    for server in &servers {
        assert_eq!(psql(&server.url(), "SELECT 1").unwrap(), "1");
    }
}

#[test]
fn the_shared_server_is_one() {
    let servers: Vec<_> = (0..4).map(|_| thread::spawn(|| Postgres::shared().unwrap())).collect();
    let pids: HashSet<_> = servers.into_iter().map(|server| server.join().unwrap().pid().unwrap()).collect();
    assert_eq!(pids.len(), 1);
}

/// Not a test by itself: what the next one runs in processes of their own.
#[test]
fn helper_process() {
    if is_helper() {
        let server = Postgres::start().unwrap();
        Held::say(server.pid().unwrap(), server.port(), server.socket_dir());
        common::wait_for_parent();
    }
}

#[test]
fn processes_that_need_the_template_at_once_make_it_once() {
    // A target directory of its own has no template yet, but a part that a killed process left.
    let target = TempDir::new().unwrap();
    fs::write(target.path().join("CACHEDIR.TAG"), "").unwrap();
    let program = target.path().join("helper");
    // By a process of its own: a child that another test starts in the meantime would inherit the file opened for writing,
    // and a file that is written to cannot be run.
    let copied = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&program).status().unwrap();
    assert!(copied.success());
    let start = || {
        let mut command = Command::new(&program);
        common::as_helper(&mut command, "postgres");
        command
    };
    let helpers: Vec<_> = thread::scope(|scope| {
        let started: Vec<_> = (0..2).map(|_| scope.spawn(|| common::holder(&mut start(), 1))).collect();
        started.into_iter().map(|helper| helper.join().unwrap()).collect()
    });
    let names = || -> Vec<_> {
        let entries = fs::read_dir(target.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let (locks, templates): (Vec<_>, Vec<_>) = names()
        .into_iter()
        .filter(|name| name.starts_with("pgtmpl"))
        .partition(|name| name.ends_with(".lock"));
    assert_eq!((locks.len(), templates.len()), (1, 1), "{:?}", names());
    for (mut child, input, held) in helpers {
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", held[0].port);
        assert_eq!(psql(&url, "SELECT 1").unwrap(), "1");
        drop(input);
        assert!(child.wait().unwrap().success());
        common::wait_until_gone(held[0].pid, held[0].port, &held[0].dir);
    }

    // As if killed while copying: a half template is made anew.
    let template = target.path().join(&templates[0]);
    fs::remove_dir_all(&template).unwrap();
    fs::create_dir(template.with_extension("part")).unwrap();
    let (mut child, input, _) = common::holder(&mut start(), 1);
    drop(input);
    assert!(child.wait().unwrap().success());
    assert!(template.is_dir() && !template.with_extension("part").exists());
}
