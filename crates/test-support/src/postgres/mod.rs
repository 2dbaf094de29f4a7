//! A private PostgreSQL server for a test.
//!
//! The binaries are the newest of those in `PATH` and `/usr/lib/postgresql/*/bin`, or those in the directory that
//! `PERFECT21_POSTGRES_BIN` names. As root the server runs as the user `postgres` through `setpriv`, since PostgreSQL
//! refuses root. A cluster is initialised once into a template (in cargo's target directory); each start copies it.

mod binaries;
mod owner;
mod template;

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::{Mutex, PoisonError},
};

use self::{binaries::Binaries, owner::Owner};
use crate::{
    Error,
    guard::{Guard, Launch},
    port, wait,
};

/// What every server gets: loopback only, statistics of statements, nothing forced to the disk. Commits stay
/// synchronous, which then costs a write to the page cache only: `kill` must not lose what was committed.
const SETTINGS: &[(&str, &str)] = &[
    ("listen_addresses", "127.0.0.1"),
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("max_connections", "200"),
    ("shared_preload_libraries", "pg_stat_statements"),
    ("compute_query_id", "on"),
    ("track_io_timing", "on"),
];

/// A running PostgreSQL server with a data directory of its own, gone when dropped.
///
/// Superuser `postgres`, no password, database `postgres`; `pg_stat_statements` is preloaded, its extension not yet
/// created. All methods take `&self`, so a shared server can be commanded too.
///
/// # Examples
///
/// ```no_run
/// use perfect21_test_support::postgres::Postgres;
///
/// let server = Postgres::start()?;
/// // Any client connects to server.url(), e.g. "postgres://postgres@127.0.0.1:15432/postgres".
/// server.kill()?; // as a crash: clients lose their connections
/// server.restart()?; // recovers, on the same port
/// # Ok::<(), perfect21_test_support::Error>(())
/// ```
#[derive(Debug)]
pub struct Postgres {
    port: u16,
    guard: Guard,
}

impl Postgres {
    /// Starts a server and waits until it accepts connections.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] without server binaries; [`Error::Failed`] with the end of its log when it gives up;
    /// [`Error::Deadline`] after [`wait::DEADLINE`]; [`Error::Io`] when the system refuses something.
    pub fn start() -> Result<Self, Error> {
        Self::start_with(&[])
    }

    /// [`start`](Self::start) with lines of `postgresql.conf` besides, which win over this crate's own.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use perfect21_test_support::postgres::Postgres;
    ///
    /// let small = Postgres::start_with(&[("max_connections", "10"), ("work_mem", "64kB")])?;
    /// # Ok::<(), perfect21_test_support::Error>(())
    /// ```
    pub fn start_with(settings: &[(&str, &str)]) -> Result<Self, Error> {
        let binaries = Binaries::find()?;
        let owner = Owner::of_this_process()?;
        let template = template::find_or_make(&binaries, owner)?;
        let program = binaries.dir.join("postgres");
        let guard = Guard::new("PostgreSQL", "QUIT", |dir| {
            let mut words = owner.prefix();
            words.extend([program.into(), "-D".into(), dir.join("data").into()]);
            words
        })?;
        owner.give(guard.dir())?;
        template::copy(&template, &data(&guard))?;
        for _ in 0..20 {
            let port = port::free()?;
            let file = data(&guard).join(template::SETTINGS);
            fs::write(&file, configuration(port, guard.dir(), settings))
                .map_err(Error::io(format!("write {}", file.display())))?;
            match guard.launch(|pid| is_ready(&guard, pid)) {
                Ok(()) => return Ok(Self { port, guard }),
                Err(Launch::PortTaken) => (),
                Err(Launch::Failed(error)) => return Err(error),
            }
        }
        Err(Error::Failed { what: "PostgreSQL, on each of 20 ports,".into(), log: guard.log() })
    }

    /// The server that this process shares: started by the first caller, stopped when the process ends.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start); the next caller then tries again.
    pub fn shared() -> Result<&'static Self, Error> {
        static SHARED: Mutex<Option<&'static Postgres>> = Mutex::new(None);
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        match *shared {
            Some(server) => Ok(server),
            // Never dropped: the guard sees the process end.
            None => Ok(shared.insert(Box::leak(Box::new(Self::start()?)))),
        }
    }

    /// `postgres://postgres@127.0.0.1:PORT/postgres`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
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

    /// The postmaster's process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.guard.pid()
    }

    /// The directory of its Unix socket `.s.PGSQL.PORT`.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        self.guard.dir()
    }

    /// All that it has logged, over restarts.
    #[must_use]
    pub fn log(&self) -> String {
        self.guard.log()
    }

    /// Stops it in order: sessions are ended, the data is written. [`restart`](Self::restart) brings it back.
    ///
    /// # Errors
    ///
    /// [`Error::GuardGone`] when somebody killed its guard.
    pub fn stop(&self) -> Result<(), Error> {
        self.guard.stop("INT")
    }

    /// Stops it as a crash would: no checkpoint, connections drop, the next start recovers what was committed.
    ///
    /// # Errors
    ///
    /// [`Error::GuardGone`] when somebody killed its guard.
    pub fn kill(&self) -> Result<(), Error> {
        self.guard.stop("QUIT")
    }

    /// Ends the postmaster by `SIGKILL`: its children find out by themselves and end a little later, and nobody cleans up.
    ///
    /// # Errors
    ///
    /// [`Error::GuardGone`] when somebody killed its guard.
    pub fn kill_hard(&self) -> Result<(), Error> {
        self.guard.stop("KILL")
    }

    /// Starts it again on the same port with the same data, after stopping it if it runs.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn restart(&self) -> Result<(), Error> {
        self.stop()?;
        relaunch("PostgreSQL", self.port, || {
            let launched = self.guard.launch(|pid| is_ready(&self.guard, pid));
            // Children of a postmaster that was killed are still there.
            let in_use = |log: &str| log.contains("shared memory block") && log.contains("still in use");
            match launched {
                Err(Launch::Failed(Error::Failed { log, .. })) if in_use(&log) => Err(Launch::PortTaken),
                launched => launched,
            }
        })
    }
}

/// Launches again on a port that must stay the same, as long as somebody else has it.
pub(crate) fn relaunch(
    server: &str,
    port: u16,
    mut launch: impl FnMut() -> Result<(), Launch>,
) -> Result<(), Error> {
    wait::until(&format!("the restart of {server}"), || match launch() {
        Ok(()) => Ok(Ok(())),
        Err(Launch::Failed(error)) => Ok(Err(error)),
        Err(Launch::PortTaken) => Err(format!("port {port} is taken")),
    })?
}

fn data(guard: &Guard) -> std::path::PathBuf {
    guard.dir().join("data")
}

/// The postmaster writes its state into the eighth line of its pid file, which is what `pg_ctl -w` reads.
fn is_ready(guard: &Guard, pid: u32) -> bool {
    let file = fs::read_to_string(data(guard).join("postmaster.pid")).unwrap_or_default();
    let mut lines = file.lines();
    lines.next().is_some_and(|first| first.trim() == pid.to_string())
        && lines.nth(6).is_some_and(|state| state.trim() == "ready")
}

fn configuration(port: u16, socket_dir: &Path, more: &[(&str, &str)]) -> String {
    let own = [("port", port.to_string()), ("unix_socket_directories", socket_dir.display().to_string())];
    let own = own.iter().map(|(name, value)| (*name, value.as_str()));
    let lines = own.chain(SETTINGS.iter().copied()).chain(more.iter().copied());
    lines.map(|(name, value)| format!("{name} = '{}'\n", value.replace('\'', "''"))).collect()
}
