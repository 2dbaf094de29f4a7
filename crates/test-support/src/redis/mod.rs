//! Private Redis servers for a test: one, a cluster of six, or a master with its replica and three sentinels.
//!
//! The binary is `redis-server` from `PATH`, or from the directory that `PERFECT21_REDIS_BIN` names. Nothing is
//! persisted: a server that restarts is empty (a replica fills itself again from its master).

mod cluster;
mod reply;
mod sentinel;

use rustix::process::{Pid, Signal, kill_process};
use std::{
    env, fs, io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

pub use self::{cluster::Cluster, reply::Reply, sentinel::Sentinel};
use crate::{
    Error,
    guard::{Guard, Launch},
    port,
    postgres::relaunch,
    wait,
};

const VARIABLE: &str = "PERFECT21_REDIS_BIN";

/// What a server is to be.
#[derive(Clone, Copy)]
enum Mode<'a> {
    Single,
    Sentinel,
    /// With its view of the cluster, as it would have saved it.
    Cluster {
        nodes: &'a str,
    },
    /// On a second port over TLS, with a certificate and its key in PEM.
    Tls {
        port: u16,
        certificate: &'a str,
        key: &'a str,
    },
}

/// A running Redis server with a directory of its own, gone when dropped.
///
/// # Examples
///
/// ```no_run
/// use perfect21_test_support::redis::{Redis, Reply};
///
/// let server = Redis::start()?;
/// server.command(&["SET", "greeting", "hello"])?;
/// assert_eq!(server.command(&["GET", "greeting"])?, Reply::Text("hello".into()));
/// server.kill()?;
/// server.restart()?; // same port, empty
/// assert_eq!(server.command(&["GET", "greeting"])?, Reply::Nil);
/// # Ok::<(), perfect21_test_support::Error>(())
/// ```
#[derive(Debug)]
pub struct Redis {
    port: u16,
    guard: Guard,
}

impl Redis {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] without `redis-server`; [`Error::Failed`] with the end of its log when it gives up;
    /// [`Error::Deadline`] after [`wait::DEADLINE`]; [`Error::Io`] when the system refuses
    /// something.
    pub fn start() -> Result<Self, Error> {
        Self::start_with(&[])
    }

    /// [`start`](Self::start) with directives of `redis.conf` besides.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use perfect21_test_support::redis::Redis;
    ///
    /// let small = Redis::start_with(&["maxmemory 4mb", "maxmemory-policy allkeys-lru"])?;
    /// # Ok::<(), perfect21_test_support::Error>(())
    /// ```
    pub fn start_with(directives: &[&str]) -> Result<Self, Error> {
        for _ in 0..20 {
            let port = port::free()?;
            match Self::start_on(port, Mode::Single, directives) {
                Err(Launch::PortTaken) => (),
                Err(Launch::Failed(error)) => return Err(error),
                Ok(server) => return Ok(server),
            }
        }
        Err(ports_taken())
    }

    /// Starts a server that is also spoken to over TLS, on the port that comes with it. The certificate and its key are PEM;
    /// clients need none.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use perfect21_test_support::redis::Redis;
    ///
    /// # fn made() -> (String, String) { unimplemented!() }
    /// let (certificate, key) = made();
    /// let (server, port) = Redis::start_with_tls(&certificate, &key)?;
    /// println!("rediss://127.0.0.1:{port} {}", server.url());
    /// # Ok::<(), perfect21_test_support::Error>(())
    /// ```
    pub fn start_with_tls(certificate: &str, key: &str) -> Result<(Self, u16), Error> {
        for _ in 0..20 {
            let (port, tls_port) = (port::free()?, port::free()?);
            match Self::start_on(port, Mode::Tls { port: tls_port, certificate, key }, &[]) {
                Err(Launch::PortTaken) => (),
                Err(Launch::Failed(error)) => return Err(error),
                Ok(server) => return Ok((server, tls_port)),
            }
        }
        Err(ports_taken())
    }

    /// Starts a server on a port chosen before.
    fn start_on(port: u16, mode: Mode<'_>, directives: &[&str]) -> Result<Self, Launch> {
        let program = find().map_err(Launch::Failed)?;
        let option = matches!(mode, Mode::Sentinel).then_some("--sentinel");
        // There is nothing to save, and TERM is only looked at every 0.1 s.
        let guard = Guard::new("redis-server", "KILL", |dir| {
            let mut words = vec![program.into(), dir.join("redis.conf").into()];
            words.extend(option.map(Into::into));
            words
        })
        .map_err(Launch::Failed)?;
        let write = |name: &str, text: &str| {
            fs::write(guard.dir().join(name), text)
                .map_err(Error::io(format!("write {name}")))
                .map_err(Launch::Failed)
        };
        let mut conf = configuration(port, guard.dir(), directives);
        match mode {
            Mode::Single | Mode::Sentinel => {}
            Mode::Cluster { nodes } => write("nodes.conf", nodes)?,
            Mode::Tls { port, certificate, key } => {
                write("tls.crt", certificate)?;
                write("tls.key", key)?;
                // Files beside the configuration, which says where that is.
                conf += &format!(
                    "tls-port {port}\ntls-cert-file tls.crt\ntls-key-file tls.key\ntls-ca-cert-file tls.crt\ntls-auth-clients no\n"
                );
            }
        }
        write("redis.conf", &conf)?;
        guard.launch(|pid| is_ready(port, pid))?;
        Ok(Self { port, guard })
    }

    /// `redis://127.0.0.1:PORT/0`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Where it listens, for a [`fault::Proxy`](crate::fault::Proxy).
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Its port, the same for as long as the handle lives.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.guard.pid()
    }

    /// Its Unix socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.guard.dir().join("s.sock")
    }

    /// All that it has logged, over restarts.
    #[must_use]
    pub fn log(&self) -> String {
        self.guard.log()
    }

    /// Sends one command on a connection of its own and reads the answer.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] for an answer that is an error; [`Error::Io`] when the server is not there.
    pub fn command(&self, words: &[&str]) -> Result<Reply, Error> {
        reply::ask(self.addr(), words)
    }

    /// Stops it in order. [`restart`](Self::restart) brings it back.
    ///
    /// # Errors
    ///
    /// [`Error::GuardGone`] when somebody killed its guard.
    pub fn stop(&self) -> Result<(), Error> {
        self.guard.stop("TERM")
    }

    /// Stops it with `SIGKILL`: connections break at once.
    ///
    /// # Errors
    ///
    /// [`Error::GuardGone`] when somebody killed its guard.
    pub fn kill(&self) -> Result<(), Error> {
        self.guard.stop("KILL")
    }

    /// Lets it do nothing (`SIGSTOP`) until [`resume`](Self::resume): connections stay and are accepted, and what is sent
    /// to it waits in the system's buffers.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when it does not run.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use perfect21_test_support::redis::Redis;
    ///
    /// let server = Redis::start()?;
    /// server.pause()?;
    /// // Whoever asks it now waits.
    /// server.resume()?;
    /// # Ok::<(), perfect21_test_support::Error>(())
    /// ```
    pub fn pause(&self) -> Result<(), Error> {
        let pid = self.signal(Signal::STOP)?;
        wait::until("the pause of a server", || {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).map_err(|error| error.to_string())?;
            // Behind the name, which may be anything in parentheses.
            match stat.rsplit(") ").next() {
                Some(state) if state.starts_with('T') => Ok(()),
                _ => Err(stat),
            }
        })
    }

    /// Lets it go on (`SIGCONT`) after a [`pause`](Self::pause).
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when it does not run.
    pub fn resume(&self) -> Result<(), Error> {
        self.signal(Signal::CONT).map(|_| ())
    }

    fn signal(&self, signal: Signal) -> Result<u32, Error> {
        let failed = Error::io("signal a redis-server");
        let Some(pid) = self.pid() else { return Err(failed(io::ErrorKind::NotFound.into())) };
        // The guard's child: the number is nobody else's until the guard is told to stop it.
        let process = i32::try_from(pid).ok().and_then(Pid::from_raw);
        match process.map(|process| kill_process(process, signal)) {
            Some(Ok(())) => Ok(pid),
            Some(Err(error)) => Err(failed(error.into())),
            None => Err(failed(io::ErrorKind::NotFound.into())),
        }
    }

    /// Starts it again on the same port, empty, after stopping it if it runs.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn restart(&self) -> Result<(), Error> {
        self.stop()?;
        relaunch("redis-server", self.port, || self.guard.launch(|pid| is_ready(self.port, pid)))
    }
}

fn ports_taken() -> Error {
    Error::Failed { what: "redis-server, on each of 20 ports,".into(), log: "Address already in use".into() }
}

fn configuration(port: u16, dir: &Path, more: &[&str]) -> String {
    let dir = dir.display();
    // Protected mode stays on: it refuses what does not come from loopback.
    let own = format!(
        "port {port}\nbind 127.0.0.1\nunixsocket {dir}/s.sock\ndir {dir}\nsave \"\"\nappendonly no\ndaemonize no\n"
    );
    more.iter().fold(own, |all, line| all + line + "\n")
}

/// The answer's process id shows that it is ours, not a foreign server that took the port.
fn is_ready(port: u16, pid: u32) -> bool {
    let addr = (Ipv4Addr::LOCALHOST, port).into();
    reply::ask(addr, &["INFO", "server"])
        .is_ok_and(|info| info.field("process_id").is_some_and(|found| found == pid.to_string()))
}

fn find() -> Result<PathBuf, Error> {
    let (dirs, looked) = match env::var_os(VARIABLE).filter(|dir| !dir.is_empty()) {
        Some(dir) => (vec![PathBuf::from(&dir)], format!("{VARIABLE}={}", Path::new(&dir).display())),
        None => (env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect(), "PATH".to_owned()),
    };
    dirs.iter().map(|dir| dir.join("redis-server")).find(|file| file.is_file()).ok_or(Error::Missing {
        what: "redis-server",
        looked,
        package: "redis-server",
        variable: VARIABLE,
    })
}
