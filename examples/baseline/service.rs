//! A service as a process of its own, so that its memory and CPU are its own.

use crate::{args::Kind, database::Backends, sentence, serve::Ready, statements::Database};
use perfect21_host::{Process, ProcessUsage};
use std::{
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
};

const START: Duration = Duration::from_secs(30);
const STOP: Duration = Duration::from_secs(5);

pub(crate) struct Service {
    child: Child,
    /// The service ends when this closes, whatever becomes of us.
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    process: Process,
    pub ready: Ready,
}

impl Service {
    pub(crate) async fn start(kind: Kind, backends: &Backends) -> Result<Self, String> {
        let name = kind.name();
        let failed = |error: &dyn std::fmt::Display| format!("the {name} service did not start: {error}");
        let executable = std::env::current_exe().map_err(|error| failed(&error))?;
        let mut command = Command::new(executable);
        command.args(["serve", name, "--child", "--port=0"]);
        backends.tell(&mut command);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C is for us; the service is told when to end.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(&error))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().ok_or_else(|| failed(&"no pipe"))?;
        let pid = child.id().ok_or_else(|| failed(&"it ended at once"))?;
        let mut line = String::new();
        let mut stdout = BufReader::new(stdout);
        match tokio::time::timeout(START, stdout.read_line(&mut line)).await {
            Ok(read) => read.map_err(|error| failed(&error))?,
            Err(_) => return Err(failed(&format!("it was not ready within {START:?}"))),
        };
        let ready = serde_json::from_str(&line).map_err(|_| failed(&"see its message above"))?;
        let process = Process::of(pid).map_err(|error| failed(&sentence(&error)))?;
        Ok(Self { child, stdin, stdout, process, ready })
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// `None` once it has ended.
    pub(crate) fn usage(&self) -> Option<ProcessUsage> {
        self.process.usage().ok()
    }

    /// The most memory it ever held, in bytes.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        self.process.peak_rss().ok().map(|bytes| bytes.get())
    }

    /// Lets it finish the answers under way, and tell what its pool knows of the database, if it has one that knows.
    pub(crate) async fn stop(mut self) -> Option<Database> {
        self.stdin = None;
        let mut line = String::new();
        let told = tokio::time::timeout(STOP, self.stdout.read_line(&mut line)).await;
        if tokio::time::timeout(STOP, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
        told.is_ok().then(|| serde_json::from_str(&line).ok()).flatten()
    }
}
