//! Settings on the server's command line, over which `ALTER SYSTEM` does not win.
#![cfg(feature = "tuner")]

use crate::common::{self, outside};
use perfect21_db_stats::tuner::{Bytes, Tuner, Verdict, Workload};
use perfect21_test_support::postgres::Postgres;
use std::{
    fs,
    path::PathBuf,
    process::{Child, Command},
};

/// A server on the data of one that was stopped, with settings on its command line.
struct Started {
    child: Child,
    data: PathBuf,
}

impl Started {
    fn with(server: &Postgres, settings: &[&str]) -> Self {
        let data = server.socket_dir().join("data");
        let options = fs::read_to_string(data.join("postmaster.opts")).unwrap();
        let program = options.split_whitespace().next().unwrap().trim_matches('"').to_owned();
        server.stop().unwrap();
        let id = Command::new("id").arg("-u").output().unwrap().stdout;
        // As root it must become another user, which the data is of.
        let mut command = if id.starts_with(b"0\n") {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.arg("-D").arg(&data);
        for setting in settings {
            command.args(["-c", setting]);
        }
        let log = fs::File::create(server.socket_dir().join("log-of-test")).unwrap();
        let child = command.stderr(log.try_clone().unwrap()).stdout(log).current_dir("/").spawn().unwrap();
        Self { child, data }
    }

    async fn ready(&self) {
        common::eventually("it is ready", async || {
            let file = fs::read_to_string(self.data.join("postmaster.pid")).unwrap_or_default();
            let state = file.lines().nth(7).unwrap_or_default().trim().to_owned();
            let pid = file.lines().next().unwrap_or_default().trim().to_owned();
            (state == "ready" && pid == self.child.id().to_string(), file)
        })
        .await;
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-QUIT", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn what_the_command_line_says_is_said_to_win() {
    let server = Postgres::start().unwrap();
    let started = Started::with(&server, &["work_mem=1234kB", "shared_buffers=20MB"]);
    started.ready().await;
    let client = outside(&server).await;
    let tuner = Tuner::builder().memory(Bytes::gib(1)).cpus(16.0).room(Bytes::gib(10));
    let tuner = tuner.workload(Workload::Web).build().unwrap();
    let plan = tuner.plan(&tuner.facts(&client).await.unwrap());
    for setting in ["work_mem", "shared_buffers"] {
        let proposal = plan.proposal(setting).unwrap();
        assert_eq!(
            (proposal.verdict, proposal.source.as_str()),
            (Verdict::Blocked, "command line"),
            "{plan}"
        );
        assert!(proposal.reason.contains("command line, which wins over ALTER SYSTEM"), "{plan}");
        assert!(!plan.sql().iter().any(|sql| sql.contains(setting)), "{:?}", plan.sql());
    }
    assert_eq!(plan.proposal("work_mem").unwrap().now.to_string(), "1234kB");
    let applied = tuner.apply(&client, &plan).await.unwrap();
    applied.rollback(&client).await.unwrap();
    let file = fs::read_to_string(server.socket_dir().join("data/postgresql.auto.conf")).unwrap();
    assert!(file.lines().all(|line| line.starts_with('#')), "{file}");
}
