//! Opens connections for the callers that wait for one.
//!
//! An attempt is a task of its own: a caller that gives up does not tear it down, and what it brings goes to whoever
//! is first in line then. There are never more attempts and spare connections than callers in line, each of which has
//! a place in the pool, so all connections together stay within its size.

use super::{
    manager::Manager,
    outage::{Answer, Line},
    shared::Shared,
};
use crate::{connect::ConnectError, connection::Conn};
use deadpool::managed::Object;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};
use tokio::sync::oneshot;

/// Waits in line for a connection.
pub(crate) async fn open(shared: &Arc<Shared>) -> Answer {
    let answer = {
        let mut line = shared.line.lock();
        while let Some(conn) = line.ready.pop() {
            if conn.is_fit() {
                return Ok(conn);
            }
        }
        let (sender, answer) = oneshot::channel();
        line.asking.retain(|sender| !sender.is_closed());
        line.asking.push_back(sender);
        shared.asking.store(line.asking.len(), Ordering::Release);
        answer
    };
    start(shared);
    match answer.await {
        Ok(answer) => answer,
        // The runtime of the attempts ended.
        Err(_) => Err(Arc::new(ConnectError::NoHost)),
    }
}

/// Gives a returned connection to the first in line; `None` if it was taken.
fn offer(shared: &Shared, conn: Box<Conn>) -> Option<Box<Conn>> {
    let mut line = shared.line.lock();
    let mut conn = Ok(conn);
    while let Some(sender) = line.asking.pop_front() {
        shared.asking.store(line.asking.len(), Ordering::Release);
        match sender.send(conn) {
            Ok(()) => return None,
            Err(back) => conn = back,
        }
    }
    conn.ok()
}

/// Gives a connection that came back to the first in line, or to the pool where nobody is.
pub(crate) fn hand_over(shared: &Shared, object: Object<Manager>) {
    let mut line = shared.line.lock();
    let sender = loop {
        match line.asking.pop_front() {
            Some(sender) if sender.is_closed() => {}
            other => break other,
        }
    };
    shared.asking.store(line.asking.len(), Ordering::Release);
    match sender {
        // Its place is free again, and taken by the one who gets it.
        Some(sender) => {
            if let Err(Ok(conn)) = sender.send(Ok(Object::take(object)))
                && !shared.is_closed()
            {
                line.ready.push(conn);
            }
        }
        None => {
            drop(line);
            drop(object);
        }
    }
}

/// Starts as many attempts as the line needs and an outage allows.
pub(crate) fn start(shared: &Arc<Shared>) {
    let mut line = shared.line.lock();
    while !shared.is_closed()
        && line.opening < line.width()
        && line.opening + line.ready.len() < line.asking.len().max(line.ahead)
    {
        line.opening += 1;
        tokio::spawn(attempt(Attempt(Arc::clone(shared), true)));
    }
}

/// Counts as under way until it ends, with its runtime at the latest.
struct Attempt(Arc<Shared>, bool);

impl Attempt {
    /// Ends under the lock: whoever comes later sees that nobody tries.
    fn end(&mut self, line: &mut Line) {
        line.opening -= 1;
        self.1 = false;
    }

    fn is_wanted(&mut self) -> bool {
        let shared = Arc::clone(&self.0);
        let mut line = shared.line.lock();
        line.asking.retain(|sender| !sender.is_closed());
        shared.asking.store(line.asking.len(), Ordering::Release);
        let wanted =
            !shared.is_closed() && line.opening + line.ready.len() <= line.asking.len().max(line.ahead);
        if !wanted {
            self.end(&mut line);
        }
        wanted
    }

    fn opened(&mut self, conn: Box<Conn>) {
        let shared = Arc::clone(&self.0);
        let conn = offer(&shared, conn);
        let mut line = shared.line.lock();
        line.outage = None;
        self.end(&mut line);
        if let Some(conn) = conn
            && !shared.is_closed()
        {
            line.ready.push(conn);
            shared.wake.notify_one();
        }
        drop(line);
        shared.opened.notify_waiters();
        // The others need not wait for a pause any more.
        start(&shared);
    }

    /// Whether to try again.
    fn failed(&mut self, error: ConnectError) -> bool {
        let shared = Arc::clone(&self.0);
        let mut line = shared.line.lock();
        let is_final = error.is_final();
        let error = Arc::new(error);
        line.failed(Arc::clone(&error), Instant::now());
        if is_final {
            // Waiting would not help them.
            for sender in line.asking.drain(..) {
                // Who is gone needs no answer.
                drop(sender.send(Err(Arc::clone(&error))));
            }
            shared.asking.store(0, Ordering::Release);
            line.ahead = 0;
        }
        // One goes on trying for all.
        let again = !is_final && line.opening <= line.width();
        if !again {
            self.end(&mut line);
        }
        drop(line);
        shared.opened.notify_waiters();
        again
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.1 {
            self.0.line.lock().opening -= 1;
        }
    }
}

async fn attempt(mut attempt: Attempt) {
    let shared = Arc::clone(&attempt.0);
    loop {
        let pause = shared.line.lock().pause(Instant::now());
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        if !attempt.is_wanted() {
            return;
        }
        let generation = shared.generation();
        let begin = Instant::now();
        match shared.connector().connect().await {
            Ok(session) => {
                shared.counts.connects.record(begin.elapsed());
                attempt.opened(Box::new(Conn::new(session, shared, generation)));
                return;
            }
            Err(error) => {
                shared.counts.connects_failed.increment();
                if !attempt.failed(error) {
                    return;
                }
            }
        }
    }
}
