use std::{
    io,
    net::TcpStream,
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags};

use super::{
    Stats,
    lane::{Faults, Flow, Lane, Wrote},
};

/// The faults of both ways: to the server, to the client.
pub(super) type BothWays = [Faults; 2];

/// One connection of a client and the one to the server that was opened for it.
#[derive(Debug)]
pub(super) struct Link {
    /// The client, then the server: lane `n` runs from socket `n` to socket `1 - n`.
    sockets: [TcpStream; 2],
    lanes: [Lane; 2],
}

/// Whether a link goes on after a turn.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Lives,
    Ended,
    Cut,
}

impl Link {
    /// Joins two sockets; the server's may still be connecting, a refusal is read from it later.
    pub(super) fn open(client: TcpStream, server: TcpStream, now: Instant) -> io::Result<Self> {
        for socket in [&client, &server] {
            socket.set_nonblocking(true)?;
            socket.set_nodelay(true)?;
            rustix::net::sockopt::set_socket_linger(socket, None)?;
        }
        Ok(Self { sockets: [client, server], lanes: [Lane::new(now), Lane::new(now)] })
    }

    /// Moves what can be moved now.
    pub(super) fn turn(&mut self, now: Instant, faults: &mut BothWays, stats: &mut Stats) -> Fate {
        match self.try_turn(now, faults, stats) {
            Ok(fate) => fate,
            Err(_) => {
                // One side is gone; the other learns it as it would without a proxy.
                self.reset();
                Fate::Ended
            }
        }
    }

    fn try_turn(&mut self, now: Instant, faults: &mut BothWays, stats: &mut Stats) -> io::Result<Fate> {
        for (way, lane) in self.lanes.iter_mut().enumerate() {
            if lane.lossy && faults[way].flow == Flow::Pass {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            stats.swallowed += lane.read(&self.sockets[way], now, &faults[way])?;
            let wrote = lane.write(&self.sockets[1 - way], now, &mut faults[way])?;
            let (Wrote::Bytes(count) | Wrote::Cut(count)) = wrote;
            *if way == 0 { &mut stats.to_server } else { &mut stats.to_client } += count;
            if matches!(wrote, Wrote::Cut(_)) {
                faults[way].cut_after = None;
                return Ok(Fate::Cut);
            }
        }
        Ok(if self.lanes.iter().all(|lane| lane.closed) { Fate::Ended } else { Fate::Lives })
    }

    /// Makes the coming drop a reset instead of an orderly close.
    pub(super) fn reset(&self) {
        for socket in &self.sockets {
            reset(socket);
        }
    }

    /// What to wait for on socket `side`; nothing at all where only time or a command can help.
    pub(super) fn poll_fd(&self, side: usize, faults: &BothWays) -> Option<PollFd<'_>> {
        let mut events = PollFlags::empty();
        events.set(PollFlags::IN, self.lanes[side].wants_read(&faults[side]));
        events.set(PollFlags::OUT, self.lanes[1 - side].wants_write(&faults[1 - side]));
        (!events.is_empty()).then(|| PollFd::new(&self.sockets[side], events))
    }

    /// Takes note of what the wait found; an error shows when the socket is used.
    pub(super) fn found(&mut self, side: usize, events: PollFlags) {
        if events.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
            self.lanes[side].readable = true;
        }
        if events.intersects(PollFlags::OUT | PollFlags::HUP | PollFlags::ERR) {
            self.lanes[1 - side].blocked = false;
        }
    }

    /// How long until time makes something due.
    pub(super) fn due_in(&self, now: Instant, faults: &BothWays) -> Option<Duration> {
        let due = self.lanes.iter().zip(faults).filter_map(|(lane, faults)| lane.due(faults)).min()?;
        Some(due.saturating_duration_since(now))
    }
}

pub(super) fn reset(socket: &TcpStream) {
    // Failing means that the connection is gone, which is what is wanted.
    let _ = rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO));
}
