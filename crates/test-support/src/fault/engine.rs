use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, connect, socket_with},
};

use super::{
    Proxy, Stats, Way,
    inbox::{Command, Outlet},
    lane::Faults,
    link::{BothWays, Fate, Link, reset},
};

/// How soon a port that could not be bound again is tried again.
const AGAIN: Duration = Duration::from_millis(5);

/// The proxy's thread.
#[derive(Debug)]
pub(super) struct Engine {
    addr: SocketAddr,
    target: SocketAddr,
    listener: Option<TcpListener>,
    refusing: bool,
    outlet: Outlet,
    links: Vec<Link>,
    faults: BothWays,
    stats: Stats,
}

impl Engine {
    pub(super) fn new(
        listener: TcpListener,
        addr: SocketAddr,
        target: SocketAddr,
        outlet: Outlet,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self {
            addr,
            target,
            listener: Some(listener),
            refusing: false,
            outlet,
            links: Vec::new(),
            faults: BothWays::default(),
            stats: Stats::default(),
        })
    }

    pub(super) fn run(mut self) {
        loop {
            let orders = self.outlet.take();
            let count = orders.len();
            let mut last = false;
            for order in orders {
                last |= matches!(order, Command::End);
                self.obey(&order);
            }
            let now = Instant::now();
            self.listen();
            self.accept(now);
            self.turn(now);
            if count > 0 {
                self.outlet.done(count, self.stats);
            }
            if last {
                return;
            }
            self.wait();
        }
    }

    fn obey(&mut self, order: &Command) {
        match *order {
            Command::Delay(way, by) => self.each(way, |faults| faults.delay = by),
            Command::Throttle(way, rate) => self.each(way, |faults| faults.bytes_per_second = rate),
            Command::Flow(way, flow) => self.each(way, |faults| faults.flow = flow),
            Command::CutAfter(way, bytes) => self.each(way, |faults| faults.cut_after = Some(bytes)),
            Command::Cut => {
                self.stats.cut += self.links.len() as u64;
                self.links.drain(..).for_each(|link| link.reset());
            }
            Command::Refuse => {
                self.refusing = true;
                self.listener = None;
            }
            Command::Pass => {
                self.each(Way::Both, |faults| *faults = Faults::default());
                self.refusing = false;
            }
            Command::Look | Command::End => (),
        }
    }

    fn each(&mut self, way: Way, change: impl Fn(&mut Faults)) {
        let [to_server, to_client] = &mut self.faults;
        if way != Way::ToClient {
            change(to_server);
        }
        if way != Way::ToServer {
            change(to_client);
        }
    }

    fn listen(&mut self) {
        if self.listener.is_none() && !self.refusing {
            let listener = TcpListener::bind(self.addr);
            self.listener = listener.ok().filter(|listener| listener.set_nonblocking(true).is_ok());
        }
    }

    fn accept(&mut self, now: Instant) {
        while let Some(listener) = &self.listener {
            match listener.accept() {
                Ok((client, _)) => self.admit(client, now),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => (),
                // Out of descriptors: a queue that cannot be emptied would keep this thread spinning.
                Err(_) => self.listener = None,
            }
        }
    }

    fn admit(&mut self, client: TcpStream, now: Instant) {
        // Taken back for a connection that is handed on; one that fails is reset when dropped.
        reset(&client);
        if self.links.len() >= Proxy::MAX_CONNECTIONS {
            self.stats.over_limit += 1;
        } else if let Ok(link) = connect_to(self.target).and_then(|server| Link::open(client, server, now)) {
            self.stats.accepted += 1;
            self.links.push(link);
        }
    }

    fn turn(&mut self, now: Instant) {
        let Self { links, faults, stats, .. } = self;
        links.retain_mut(|link| {
            let fate = link.turn(now, faults, stats);
            stats.cut += u64::from(fate == Fate::Cut);
            fate == Fate::Lives
        });
        stats.open = links.len();
    }

    /// Sleeps until a socket, the test or the clock has something to do.
    fn wait(&mut self) {
        let now = Instant::now();
        let mut sides = Vec::with_capacity(2 * self.links.len());
        let mut fds = vec![PollFd::new(&self.outlet.bell, PollFlags::IN)];
        let rebind = (self.listener.is_none() && !self.refusing).then_some(AGAIN);
        let timeout = self.links.iter().filter_map(|link| link.due_in(now, &self.faults)).chain(rebind).min();
        for (index, link) in self.links.iter().enumerate() {
            for side in 0..2 {
                if let Some(fd) = link.poll_fd(side, &self.faults) {
                    sides.push((index, side));
                    fds.push(fd);
                }
            }
        }
        if let Some(listener) = &self.listener {
            fds.push(PollFd::new(listener, PollFlags::IN));
        }
        let timeout = timeout.map(|timeout| Timespec::try_from(timeout).unwrap_or(Timespec::default()));
        if poll(&mut fds, timeout.as_ref()).is_err() {
            return; // interrupted by a signal
        }
        let found: Vec<_> = sides.into_iter().zip(fds[1..].iter().map(PollFd::revents)).collect();
        for ((index, side), events) in found {
            self.links[index].found(side, events);
        }
    }
}

/// Begins a connection without waiting for its end: a server that does not answer must not hold up the others.
fn connect_to(target: SocketAddr) -> io::Result<TcpStream> {
    let family = if target.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    match connect(&socket, &target) {
        // A refusal at once is read from the socket, as a later one.
        Ok(()) | Err(Errno::INPROGRESS | Errno::CONNREFUSED) => Ok(socket.into()),
        Err(error) => Err(error.into()),
    }
}
