//! What several test files need: clients, and this program run again as somebody else.
#![allow(dead_code, reason = "each test file uses a part")]

use std::{
    env,
    io::{BufRead, BufReader, Read},
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
};

use perfect21_test_support::wait;

/// Asks PostgreSQL through its own client.
pub(crate) fn psql(url: &str, sql: &str) -> Result<String, String> {
    let output = Command::new("psql")
        .args(["--no-psqlrc", "--tuples-only", "--no-align", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql])
        .output()
        .unwrap();
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

pub(crate) fn is_alive(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// Waits until a server has left nothing: no process, no listener, no directory.
pub(crate) fn wait_until_gone(pid: u32, port: u16, dir: &Path) {
    wait::until("a server's end", || {
        let listens = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        match (is_alive(pid), listens, dir.exists()) {
            (false, false, false) => Ok(()),
            state => Err(format!("{pid}, {port}, {}: alive, listens, dir = {state:?}", dir.display())),
        }
    })
    .unwrap();
}

/// This test program, to be run again for the test `helper_process` of `module` only.
pub(crate) fn helper(module: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    as_helper(&mut command, module);
    command
}

/// Arguments and surroundings that make a copy of this program the helper.
pub(crate) fn as_helper(command: &mut Command, module: &str) {
    let test = format!("{module}::helper_process");
    command.args([&test, "--exact", "--nocapture", "--test-threads=1"]).env("P21_HELPER", "1");
}

/// Whether this process is the helper.
pub(crate) fn is_helper() -> bool {
    env::var_os("P21_HELPER").is_some()
}

/// A server that a helper holds.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) pid: u32,
    pub(crate) port: u16,
    pub(crate) dir: PathBuf,
}

impl Held {
    /// The helper says what it holds, on a line that [`holder`] reads.
    #[allow(clippy::print_stdout, reason = "the way to tell the parent")]
    pub(crate) fn say(pid: u32, port: u16, dir: &Path) {
        println!("HELD {pid} {port} {}", dir.display());
    }
}

/// Starts a helper and waits until it has said that it holds `count` servers. It ends when its input is closed.
pub(crate) fn holder(command: &mut Command, count: usize) -> (Child, ChildStdin, Vec<Held>) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let input = child.stdin.take().unwrap();
    let mut held = Vec::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    for line in output.by_ref().lines() {
        let line = line.unwrap();
        let Some((_, words)) = line.split_once("HELD ") else { continue };
        let words: Vec<_> = words.splitn(3, ' ').collect();
        held.push(Held {
            pid: words[0].parse().unwrap(),
            port: words[1].parse().unwrap(),
            dir: words[2].into(),
        });
        if held.len() == count {
            // Open as long as the helper: its last words must not break a pipe.
            child.stdout = Some(output.into_inner());
            return (child, input, held);
        }
    }
    panic!("the helper ended after {held:?}: {:?}", child.wait());
}

/// In the helper: blocks until the parent closes the pipe.
pub(crate) fn wait_for_parent() {
    std::io::stdin().lines().for_each(drop);
}
