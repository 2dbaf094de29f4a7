//! Nothing outlives a process that held servers, however it ends.

use crate::common;
use std::{
    os::unix::process::CommandExt,
    process::{Child, ChildStdin, Command},
};

use crate::common::{Held, helper, holder, is_helper};
use perfect21_test_support::{postgres::Postgres, redis::Redis};

/// Not a test by itself: the process that is ended.
#[test]
fn helper_process() {
    if !is_helper() {
        return;
    }
    let postgres = Postgres::shared().unwrap();
    let redis = Redis::start().unwrap();
    Held::say(postgres.pid().unwrap(), postgres.port(), postgres.socket_dir());
    let dir = redis.socket().parent().unwrap().to_owned();
    Held::say(redis.pid().unwrap(), redis.port(), &dir);
    common::wait_for_parent();
}

fn signal(name: &str, target: &impl ToString) {
    assert!(Command::new("kill").args(["-s", name, "--", &target.to_string()]).status().unwrap().success());
}

fn end_by(end: impl FnOnce(&mut Child, ChildStdin, &[Held])) {
    // In a process group of its own, as a shell starts it.
    let (mut child, input, held) = holder(helper("left_behind").process_group(0), 2);
    for server in &held {
        assert!(common::is_alive(server.pid) && server.dir.is_dir());
    }
    end(&mut child, input, &held);
    child.wait().unwrap();
    for server in &held {
        common::wait_until_gone(server.pid, server.port, &server.dir);
    }
}

#[test]
fn a_killed_process_leaves_nothing() {
    end_by(|child, _input, _| child.kill().unwrap());
}

#[test]
fn a_terminated_process_leaves_nothing() {
    end_by(|child, _input, _| signal("TERM", &child.id()));
}

#[test]
fn a_ctrl_c_at_the_terminal_leaves_nothing() {
    end_by(|child, _input, _| signal("INT", &-i64::from(child.id())));
}

#[test]
fn a_process_that_ends_without_dropping_a_static_leaves_nothing() {
    end_by(|child, input, _| {
        drop(input);
        assert!(child.wait().unwrap().success());
    });
}

#[test]
fn a_terminated_guard_takes_its_server_along() {
    end_by(|child, _input, held| {
        for server in held {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.pid)).unwrap();
            let guard = stat.rsplit(") ").next().unwrap().split(' ').nth(1).unwrap().to_owned();
            signal("TERM", &guard);
            common::wait_until_gone(server.pid, server.port, &server.dir);
        }
        child.kill().unwrap();
    });
}

#[test]
fn a_server_that_died_by_itself_is_cleaned_up_after() {
    end_by(|child, _input, held| {
        for server in held {
            signal("KILL", &server.pid);
        }
        child.kill().unwrap();
    });
}
