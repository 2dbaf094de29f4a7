use std::{
    io::{self, Read, Write},
    mem,
    os::unix::net::UnixStream,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{Stats, Way, lane::Flow};

/// One order of the test.
#[derive(Debug)]
pub(super) enum Command {
    Delay(Way, Duration),
    Throttle(Way, Option<u64>),
    Flow(Way, Flow),
    Cut,
    CutAfter(Way, u64),
    Refuse,
    Pass,
    /// Only the answer is wanted.
    Look,
    End,
}

/// The test's end: sends an order and waits until it has been obeyed.
#[derive(Debug)]
pub(super) struct Inbox {
    shared: Arc<Shared>,
    bell: UnixStream,
}

/// The proxy thread's end.
#[derive(Debug)]
pub(super) struct Outlet {
    shared: Arc<Shared>,
    /// Readable when orders have come.
    pub(super) bell: UnixStream,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    obeyed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    orders: Vec<Command>,
    sent: u64,
    obeyed: u64,
    stats: Stats,
    thread_ended: bool,
}

pub(super) fn pair() -> io::Result<(Inbox, Outlet)> {
    let (near, far) = UnixStream::pair()?;
    near.set_nonblocking(true)?;
    far.set_nonblocking(true)?;
    let shared = Arc::<Shared>::default();
    Ok((Inbox { shared: shared.clone(), bell: near }, Outlet { shared, bell: far }))
}

impl Inbox {
    pub(super) fn send(&self, order: Command) -> Stats {
        let mut state = self.shared.lock();
        state.orders.push(order);
        state.sent += 1;
        let mine = state.sent;
        // When it is full it rings already.
        let _ = (&self.bell).write(&[0]);
        while state.obeyed < mine && !state.thread_ended {
            state = self.shared.obeyed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.stats
    }
}

impl Outlet {
    /// Takes the orders that have come and silences the bell.
    pub(super) fn take(&self) -> Vec<Command> {
        // Silenced before looking: an order that comes in between rings again.
        let mut rings = [0; 64];
        while (&self.bell).read(&mut rings).is_ok_and(|count| count == rings.len()) {}
        mem::take(&mut self.shared.lock().orders)
    }

    /// Says that `count` orders more were obeyed, and how things stand after that.
    pub(super) fn done(&self, count: usize, stats: Stats) {
        let mut state = self.shared.lock();
        state.obeyed += count as u64;
        state.stats = stats;
        self.shared.obeyed.notify_all();
    }
}

impl Drop for Outlet {
    /// However the thread ends, nobody waits for it any more.
    fn drop(&mut self) {
        self.shared.lock().thread_ended = true;
        self.shared.obeyed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
