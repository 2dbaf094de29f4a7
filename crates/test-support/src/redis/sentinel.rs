use super::{Mode, Redis, Reply, ports_taken};
use crate::{Error, guard::Launch, port, wait};

const SENTINELS: usize = 3;
const DOWN_AFTER_MS: u32 = 2000;
/// Milliseconds between the things that a sentinel does. Its own second between pings would leave no room below
/// [`DOWN_AFTER_MS`], its ten between looks at a replica make an old master's return take half a minute.
/// Five ping periods must exceed the second between looks at a replica once its master is down: one whose facts are
/// older is not promoted.
const PERIODS: [&str; 8] =
    ["ping-period", "400", "ask-period", "100", "info-period", "500", "publish-period", "300"];

/// A Redis master with a replica, watched by three sentinels.
///
/// The sentinels are told of one another and of the replica by their configuration files. They look more
/// often than usual where Redis lets them (from 7.0), and the master counts as down after 2 s, of which two sentinels must agree: less
/// and a busy machine has failovers that no test asked for.
///
/// # Examples
///
/// ```no_run
/// use perfect21_test_support::redis::Sentinel;
///
/// let sentinel = Sentinel::start()?;
/// println!("{} {:?}", Sentinel::NAME, sentinel.ports());
/// sentinel.kill_master()?;
/// let master = sentinel.wait_for_failover()?;
/// println!("now {}", master.url());
/// # Ok::<(), perfect21_test_support::Error>(())
/// ```
#[derive(Debug)]
pub struct Sentinel {
    /// Two; which is the master is for the sentinels to say.
    servers: Vec<Redis>,
    sentinels: Vec<Redis>,
}

impl Sentinel {
    /// The name under which the sentinels know the master.
    pub const NAME: &'static str = "mymaster";

    /// Starts the five servers and waits until the sentinels could fail over.
    ///
    /// # Errors
    ///
    /// As [`Redis::start`].
    pub fn start() -> Result<Self, Error> {
        let master = Redis::start_with(&["repl-diskless-sync-delay 0"])?;
        let follow = format!("replicaof 127.0.0.1 {}", master.port());
        let replica = Redis::start_with(&[&follow, "repl-diskless-sync-delay 0"])?;
        let group = port::random();
        for _ in 0..20 {
            let mut ports = [0; SENTINELS];
            for port in &mut ports {
                *port = port::free()?;
            }
            let sentinels = (0..SENTINELS)
                .map(|sentinel| {
                    let lines = directives(group, &ports, sentinel, master.port(), replica.port());
                    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
                    Redis::start_on(ports[sentinel], Mode::Sentinel, &lines)
                })
                .collect::<Result<_, _>>();
            match sentinels {
                Ok(sentinels) => {
                    let all = Self { servers: vec![master, replica], sentinels };
                    for sentinel in &all.sentinels {
                        // Refused before 7.0, where all of this takes longer.
                        let _ = sentinel.command(&[&["SENTINEL", "DEBUG"][..], &PERIODS].concat());
                    }
                    all.wait_until_ready()?;
                    return Ok(all);
                }
                Err(Launch::PortTaken) => (),
                Err(Launch::Failed(error)) => return Err(error),
            }
        }
        Err(ports_taken())
    }

    /// The sentinels' ports on 127.0.0.1.
    #[must_use]
    pub fn ports(&self) -> Vec<u16> {
        self.sentinels.iter().map(Redis::port).collect()
    }

    /// The sentinels, to be killed too.
    #[must_use]
    pub fn sentinels(&self) -> &[Redis] {
        &self.sentinels
    }

    /// The two data servers; at the start the first is the master.
    #[must_use]
    pub fn servers(&self) -> &[Redis] {
        &self.servers
    }

    /// The server that the sentinels name as master, which may be dead for as long as they have not noticed.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when no sentinel answers.
    pub fn master(&self) -> Result<&Redis, Error> {
        let mut last = Error::GuardGone { server: "redis-server" };
        for sentinel in self.sentinels.iter().filter(|sentinel| sentinel.pid().is_some()) {
            match sentinel.command(&["SENTINEL", "get-master-addr-by-name", Self::NAME]) {
                Ok(Reply::List(addr)) => {
                    let port = addr.get(1).and_then(Reply::text).unwrap_or_default();
                    if let Some(master) = self.servers.iter().find(|one| one.port().to_string() == port) {
                        return Ok(master);
                    }
                }
                Ok(_) => (),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Kills the master with `SIGKILL`; the sentinels will notice.
    ///
    /// # Errors
    ///
    /// As [`master`](Self::master) and [`Redis::kill`].
    pub fn kill_master(&self) -> Result<(), Error> {
        self.master()?.kill()
    }

    /// Waits until the sentinels name a master that runs and takes writes.
    ///
    /// # Errors
    ///
    /// [`Error::Deadline`], with what they named last.
    pub fn wait_for_failover(&self) -> Result<&Redis, Error> {
        wait::until("a new master", || {
            let master = self.master().map_err(|error| error.to_string())?;
            if master.pid().is_none() {
                return Err(format!("{} is named, which is dead", master.url()));
            }
            let info = master.command(&["INFO", "replication"]).map_err(|error| error.to_string())?;
            match info.field("role") {
                Some("master") => Ok(master),
                role => Err(format!("{} has the role {role:?}", master.url())),
            }
        })
    }

    /// A failover can succeed once each sentinel sees the others and a replica in step with its master.
    fn wait_until_ready(&self) -> Result<(), Error> {
        wait::until("sentinels that could fail over", || {
            self.sentinels.iter().try_for_each(|sentinel| {
                let ask = |words: &[&str]| sentinel.command(words).map_err(|error| error.to_string());
                let quorum = ask(&["SENTINEL", "ckquorum", Self::NAME])?;
                if !quorum.text().is_some_and(|text| text.starts_with(&format!("OK {SENTINELS} usable"))) {
                    return Err(format!("{}: {quorum:?}", sentinel.url()));
                }
                let replicas = ask(&["SENTINEL", "replicas", Self::NAME])?;
                let link = match &replicas {
                    Reply::List(replicas) => replicas.first().and_then(|one| one.field("master-link-status")),
                    _ => None,
                };
                if link == Some("ok") { Ok(()) } else { Err(format!("{}: replica {link:?}", sentinel.url())) }
            })
        })
    }
}

fn directives(group: u64, ports: &[u16; SENTINELS], me: usize, master: u16, replica: u16) -> Vec<String> {
    let name = Sentinel::NAME;
    let id = |sentinel: usize| format!("{group:032x}{sentinel:08x}");
    // The last one votes but is slow to stand for election: three that stand at once vote for themselves each, and
    // try again after twice the failover timeout only.
    let down_after = if me + 1 == SENTINELS { 2 * DOWN_AFTER_MS } else { DOWN_AFTER_MS };
    let mut lines = vec![
        format!("sentinel myid {}", id(me)),
        format!("sentinel monitor {name} 127.0.0.1 {master} 2"),
        format!("sentinel down-after-milliseconds {name} {down_after}"),
        format!("sentinel failover-timeout {name} 3000"),
        format!("sentinel known-replica {name} 127.0.0.1 {replica}"),
    ];
    let others = ports.iter().enumerate().filter(|(other, _)| *other != me);
    lines.extend(
        others.map(|(other, port)| format!("sentinel known-sentinel {name} 127.0.0.1 {port} {}", id(other))),
    );
    lines
}
