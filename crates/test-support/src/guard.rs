use std::{
    ffi::OsString,
    fs::{self, Permissions},
    io::{BufRead, BufReader, Read, Seek, SeekFrom, Write},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{Error, wait};

const SCRIPT: &str = include_str!("guard.sh");

/// A Unix socket's path has at most 107 bytes, of which a server appends some twenty.
const LONGEST_DIR: usize = 80;

/// A server's private directory and the shell process that runs the server and outlives its parent to clean up.
#[derive(Debug)]
pub(crate) struct Guard {
    server: &'static str,
    dir: PathBuf,
    shell: Mutex<Shell>,
}

#[derive(Debug)]
struct Shell {
    process: Child,
    /// `None` once closed, which tells the guard to end.
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    server_pid: Option<u32>,
}

/// Why a launch did not end in a ready server.
pub(crate) enum Launch {
    /// Somebody else has the port, for now.
    PortTaken,
    Failed(Error),
}

impl Guard {
    /// Makes the directory and starts its guard, not yet the server: from here on nothing is left behind.
    ///
    /// `command` gives the server's command line for the directory; `last_signal` ends it when the directory goes.
    pub(crate) fn new(
        server: &'static str,
        last_signal: &str,
        command: impl FnOnce(&Path) -> Vec<OsString>,
    ) -> Result<Self, Error> {
        let dir = tempfile::Builder::new()
            .prefix("p21-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(short_temp_dir())
            .map_err(Error::io("make a private directory for a server"))?;
        let mut process = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "guard"])
            .arg(dir.path())
            .args([last_signal, &GRACE.to_string()])
            .args(command(dir.path()))
            .env("HOME", dir.path())
            // The directory of the tests need not be readable for the server's user.
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Ctrl-C ends the foreground group; the guard must live to clean up after it.
            .process_group(0)
            .spawn()
            .map_err(Error::io("start /bin/sh as a server's guard"))?;
        let commands = process.stdin.take();
        let Some(answers) = process.stdout.take().map(BufReader::new) else {
            return Err(Error::GuardGone { server });
        };
        let shell = Mutex::new(Shell { process, commands, answers, server_pid: None });
        Ok(Self { server, dir: dir.keep(), shell })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.shell().server_pid
    }

    /// Starts the server (ending a running one) and waits until `ready` says so of its pid.
    pub(crate) fn launch(&self, mut ready: impl FnMut(u32) -> bool) -> Result<(), Launch> {
        let log_start = fs::metadata(self.dir.join("log")).map_or(0, |log| log.len());
        let mut shell = self.shell();
        let pid = self.ask(&mut shell, "start").map_err(Launch::Failed)?;
        let pid = pid.parse().map_err(|_| Launch::Failed(Error::GuardGone { server: self.server }))?;
        shell.server_pid = Some(pid);
        let started = wait::until(&format!("the start of {}", self.server), || {
            // Asked first: a server that gave up may have been ready before.
            let running = self.ask(&mut shell, "status");
            match running.as_deref() {
                Ok("running") if ready(pid) => Ok(Ok(())),
                Ok("running") => Err(self.log_end(log_start)),
                _ => Ok(Err(running)),
            }
        });
        match started {
            Ok(Ok(())) => Ok(()),
            Err(late) => Err(Launch::Failed(late)),
            Ok(Err(Err(gone))) => Err(Launch::Failed(gone)),
            Ok(Err(Ok(_exited))) => {
                shell.server_pid = None;
                let log = self.log_end(log_start);
                if log.contains("Address already in use") {
                    return Err(Launch::PortTaken);
                }
                Err(Launch::Failed(Error::Failed { what: format!("the start of {}", self.server), log }))
            }
        }
    }

    /// Runs the command to its end, for one that is no server.
    pub(crate) fn run(&self) -> Result<(), Error> {
        let mut shell = self.shell();
        self.ask(&mut shell, "start")?;
        let ended = wait::until(&format!("the end of {}", self.server), || {
            match self.ask(&mut shell, "status").as_deref() {
                Ok("running") => Err(self.log_end(0)),
                Ok(ended) => Ok(Ok(ended == "exited 0")),
                Err(_) => Ok(Err(Error::GuardGone { server: self.server })),
            }
        })??;
        if ended { Ok(()) } else { Err(Error::Failed { what: self.server.into(), log: self.log_end(0) }) }
    }

    /// Ends the server with `signal`, with KILL when it has not ended after the grace; the directory stays.
    pub(crate) fn stop(&self, signal: &str) -> Result<(), Error> {
        let mut shell = self.shell();
        self.ask(&mut shell, &format!("stop {signal} {GRACE}"))?;
        shell.server_pid = None;
        Ok(())
    }

    /// All that the server has logged.
    pub(crate) fn log(&self) -> String {
        fs::read(self.dir.join("log"))
            .map(|log| String::from_utf8_lossy(&log).into_owned())
            .unwrap_or_default()
    }

    fn log_end(&self, from: u64) -> String {
        const LONGEST: u64 = 2000;
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = fs::File::open(self.dir.join("log"))?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(from.max(length.saturating_sub(LONGEST))))?;
            let mut end = Vec::new();
            file.take(LONGEST).read_to_end(&mut end)?;
            Ok(end)
        };
        read().map(|end| String::from_utf8_lossy(&end).trim_end().to_owned()).unwrap_or_default()
    }

    fn ask(&self, shell: &mut Shell, command: &str) -> Result<String, Error> {
        let gone = |_| Error::GuardGone { server: self.server };
        let Some(commands) = shell.commands.as_mut() else {
            return Err(Error::GuardGone { server: self.server });
        };
        // One write: a line is far below the size up to which pipes are atomic.
        commands.write_all(format!("{command}\n").as_bytes()).map_err(gone)?;
        let mut answer = String::new();
        match shell.answers.read_line(&mut answer).map_err(gone)? {
            0 => Err(Error::GuardGone { server: self.server }),
            _ => Ok(answer.trim_end().to_owned()),
        }
    }

    fn shell(&self) -> MutexGuard<'_, Shell> {
        self.shell.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hundredths of a second that a server has to end by itself.
const GRACE: u32 = 500;

impl Drop for Guard {
    fn drop(&mut self) {
        let shell = self.shell.get_mut().unwrap_or_else(PoisonError::into_inner);
        shell.commands = None;
        // Bounded by the guard's grace. Failing means it is gone already; so is all that could be done then.
        let _ = shell.process.wait();
        if self.dir.exists() {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

fn short_temp_dir() -> PathBuf {
    let dir = std::env::temp_dir();
    if dir.is_absolute() && dir.as_os_str().len() <= LONGEST_DIR { dir } else { PathBuf::from("/tmp") }
}
