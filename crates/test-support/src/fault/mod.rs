//! A TCP proxy that misbehaves when a test tells it to.

mod engine;
mod inbox;
mod lane;
mod link;

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    thread::JoinHandle,
    time::Duration,
};

use self::{
    engine::Engine,
    inbox::{Command, Inbox},
    lane::Flow,
};
use crate::{Error, port};

const LONGEST_DELAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The direction of bytes that a fault applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Way {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
    /// Either.
    Both,
}

/// What a [`Proxy`] has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections that it accepted and kept.
    pub accepted: u64,
    /// Connections that it reset at once because [`Proxy::MAX_CONNECTIONS`] were open.
    pub over_limit: u64,
    /// Connections that a command cut.
    pub cut: u64,
    /// Connections open now.
    pub open: usize,
    /// Bytes written to the server.
    pub to_server: u64,
    /// Bytes written to clients.
    pub to_client: u64,
    /// Bytes read and thrown away, either way.
    pub swallowed: u64,
}

/// A TCP proxy on 127.0.0.1 in front of any address, which passes everything through until it is told otherwise.
///
/// A command has taken effect when its method returns. Faults add up (delay and throttle, one way or both), apply to
/// open connections and new ones alike, and end with [`pass`](Self::pass). A half-close is passed on, and so is a
/// reset. While the server is down, connections are accepted and reset.
///
/// One thread serves all connections. Each holds up to 256 KiB each way, which bounds the rate under a delay to that
/// much per delay; then the sender is pushed back.
///
/// # Examples
///
/// ```
/// use std::{
///     io::{Read, Write},
///     net::{TcpListener, TcpStream},
///     time::{Duration, Instant},
/// };
///
/// use perfect21_test_support::fault::{Proxy, Way};
///
/// let server = TcpListener::bind("127.0.0.1:0")?;
/// let proxy = Proxy::start(server.local_addr()?)?;
/// let mut client = TcpStream::connect(proxy.addr())?;
/// let (mut session, _) = server.accept()?;
///
/// proxy.delay(Way::ToServer, Duration::from_millis(20));
/// let begin = Instant::now();
/// client.write_all(b"hello")?;
/// session.read_exact(&mut [0; 5])?;
/// assert!(begin.elapsed() >= Duration::from_millis(20));
///
/// proxy.cut();
/// assert!(client.read(&mut [0]).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Proxy {
    addr: SocketAddr,
    inbox: Inbox,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Connections open at a time; what comes beyond is reset.
    pub const MAX_CONNECTIONS: usize = 256;

    /// Starts a proxy in front of `target`, on a port of its own.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the system gives no port, socket pair or thread.
    pub fn start(target: SocketAddr) -> Result<Self, Error> {
        let listener = (0..20)
            // Not an ephemeral port: while it refuses, a client's own connection could take it.
            .find_map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, port::free().ok()?)).ok())
            .map_or_else(|| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)), Ok)
            .map_err(Error::io("bind a port for a proxy"))?;
        let addr = listener.local_addr().map_err(Error::io("read the port of a proxy"))?;
        let (inbox, outlet) = inbox::pair().map_err(Error::io("make the socket pair of a proxy"))?;
        let engine = Engine::new(listener, addr, target, outlet).map_err(Error::io("start a proxy"))?;
        let thread = std::thread::Builder::new()
            .name("fault-proxy".into())
            .spawn(move || engine.run())
            .map_err(Error::io("start the thread of a proxy"))?;
        Ok(Self { addr, inbox, thread: Some(thread) })
    }

    /// Where clients connect.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The port of [`addr`](Self::addr).
    #[must_use]
    pub fn port(&self) -> u16 {
        self.addr.port()
    }

    /// Holds each byte back for `by` (a day at most) before it is passed on; zero ends that.
    pub fn delay(&self, way: Way, by: Duration) {
        self.inbox.send(Command::Delay(way, by.min(LONGEST_DELAY)));
    }

    /// Lets each connection pass at most this many bytes a second (at least 1), in portions of a fiftieth of that.
    pub fn throttle(&self, way: Way, bytes_per_second: u64) {
        self.inbox.send(Command::Throttle(way, Some(bytes_per_second.max(1))));
    }

    /// Passes nothing on and loses nothing, as a network does that heals later: senders fill the buffers and wait.
    pub fn stall(&self, way: Way) {
        self.inbox.send(Command::Flow(way, Flow::Stall));
    }

    /// Accepts connections and bytes and throws the bytes away.
    ///
    /// A connection that lost bytes is reset when the black hole ends, since its stream has a gap.
    pub fn black_hole(&self, way: Way) {
        self.inbox.send(Command::Flow(way, Flow::Swallow));
    }

    /// Resets all open connections now; new ones are accepted.
    pub fn cut(&self) {
        self.inbox.send(Command::Cut);
    }

    /// Passes `bytes` more bytes (of all connections together) and closes the connection that the last one came on,
    /// once; with 0, the connection on which the next byte comes.
    pub fn cut_after(&self, way: Way, bytes: u64) {
        self.inbox.send(Command::CutAfter(way, bytes));
    }

    /// Refuses new connections: nobody listens on the port. Open ones stay.
    pub fn refuse(&self) {
        self.inbox.send(Command::Refuse);
    }

    /// Ends all faults: what was held back is passed on at once, new connections are accepted.
    pub fn pass(&self) {
        self.inbox.send(Command::Pass);
    }

    /// What it has done until now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.inbox.send(Command::Look)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.inbox.send(Command::End);
        if let Some(thread) = self.thread.take() {
            // A panic there has shown itself; this one would hide the test's own.
            let _ = thread.join();
        }
    }
}
