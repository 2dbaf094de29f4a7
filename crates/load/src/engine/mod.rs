//! The raw engine: HTTP/1.1 over TCP on one thread, one task a connection.

mod chunked;
mod connection;
mod drive;
pub(crate) mod response;

pub(crate) use drive::drive;

use crate::{
    plan::Plan,
    progress::Board,
    record::{Outcome, Recorder},
    request_list::RequestList,
    schedule::{Schedule, Ticket},
    ticker::Ticker,
};
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::poll_fn,
    io,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    task::{Poll, Waker},
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// One read takes at most this much; all connections of the thread share the buffer.
const READ_BUFFER: usize = 64 * 1024;

/// What the connections of a run share; it never leaves its thread.
#[derive(Debug)]
struct Engine {
    address: SocketAddr,
    timeout: Duration,
    list: RequestList,
    board: Arc<Board>,
    schedule: RefCell<Schedule>,
    recorder: RefCell<Recorder>,
    read_buffer: RefCell<Box<[u8]>>,
    /// Connections that wait for their ticket to be due, the next one first.
    waiting: RefCell<VecDeque<(Instant, Waker)>>,
    /// The ticker, while nobody waits for it.
    ticker: RefCell<Option<Waker>>,
    draining: Cell<bool>,
    /// Notified when [`is_over`](Self::is_over) may have become true.
    settled: Notify,
}

impl Engine {
    fn new(plan: &Plan, address: SocketAddr, list: RequestList, board: Arc<Board>, start: Instant) -> Self {
        let schedule = Schedule::new(plan.mode, start, plan.warm_up, plan.duration, plan.requests);
        let mut recorder = Recorder::new(plan.mode, schedule.measure_from());
        recorder.sending_ends = schedule.end();
        Self {
            address,
            timeout: plan.timeout,
            list,
            board,
            schedule: RefCell::new(schedule),
            recorder: RefCell::new(recorder),
            read_buffer: RefCell::new(vec![0; READ_BUFFER].into_boxed_slice()),
            waiting: RefCell::new(VecDeque::with_capacity(plan.connections)),
            ticker: RefCell::new(None),
            draining: Cell::new(false),
            settled: Notify::new(),
        }
    }

    /// The next request a free connection may send, when it is due; `None` when there is no more.
    ///
    /// Each free connection holds the ticket it will send, so that a due request waits only if no connection is free.
    async fn ticket(&self) -> Option<Ticket> {
        let now = Instant::now();
        let ticket = self.schedule.borrow_mut().take(now)?;
        if ticket.due > now {
            self.wait_until(ticket.due).await;
            if self.schedule.borrow().stopped() {
                return None;
            }
        }
        Some(ticket)
    }

    async fn wait_until(&self, due: Instant) {
        let mut queued = false;
        poll_fn(|cx| {
            if Instant::now() >= due {
                return Poll::Ready(());
            }
            // Tickets come in the order they are due, so the queue is in order too. A wake-up that is not the
            // ticker's (an old time-out of this task) must not queue again.
            if !queued {
                queued = true;
                self.waiting.borrow_mut().push_back((due, cx.waker().clone()));
                if let Some(ticker) = self.ticker.borrow_mut().take() {
                    ticker.wake();
                }
            }
            Poll::Pending
        })
        .await;
    }

    /// Wakes each waiting connection when its ticket is due, for ever.
    async fn tick(self: Rc<Self>, ticker: Ticker) -> io::Result<()> {
        loop {
            let due = poll_fn(|cx| {
                if let Some((due, _)) = self.waiting.borrow().front() {
                    return Poll::Ready(*due);
                }
                *self.ticker.borrow_mut() = Some(cx.waker().clone());
                Poll::Pending
            })
            .await;
            ticker.sleep_until(due).await?;
            let now = Instant::now();
            let mut waiting = self.waiting.borrow_mut();
            while let Some((_, waker)) = waiting.pop_front_if(|(due, _)| *due <= now) {
                waker.wake();
            }
        }
    }

    fn attempt(&self, ticket: &Ticket) {
        if ticket.measured {
            self.recorder.borrow_mut().attempt(ticket.due, Instant::now());
        }
    }

    fn reconnected(&self, ticket: &Ticket) {
        self.recorder.borrow_mut().reconnects += u64::from(ticket.measured);
    }

    fn finish(&self, outcome: &Outcome) {
        let mut recorder = self.recorder.borrow_mut();
        recorder.finish(outcome);
        self.board.count(recorder.completed, recorder.errors.total());
        if self.is_over(&recorder) {
            self.settled.notify_one();
        }
    }

    /// Whether nothing more is to be sent, and every measured request that was handed out has ended.
    fn is_over(&self, recorder: &Recorder) -> bool {
        let schedule = self.schedule.borrow();
        (self.draining.get() || recorder.sent >= schedule.limit())
            && recorder.in_flight() == 0
            && (schedule.stopped() || schedule.issued() == recorder.sent)
    }
}
