//! Gives a server that fails up for a while, so that nobody waits for its time-outs one after the other.

use super::{Command, Node, Reply, Transport};
use crate::{Error, ErrorKind};
use fastrand::Rng;
use perfect21_core::ConfigError;
use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::sleep;

/// A transport that is asked only as long as it answers.
///
/// After so many calls in a row that got no answer it is open: calls fail at once, and a task asks for a sign of life
/// until there is one. The task ends with the transport.
pub(crate) struct Breaker<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    transport: T,
    /// Calls in a row without an answer that open it; 0 is never.
    after: u32,
    failures: AtomicU32,
    open: AtomicBool,
    opened: AtomicU64,
}

/// Between two signs of life that are asked for.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// After so many in a row that a connection does not answer, another one is made: whatever is between us and the server
/// may go on taking what is sent for ever.
const MOST_UNANSWERED: u32 = 3;

impl<T: Transport> Breaker<T> {
    pub(crate) fn new(transport: T, after: u32) -> Self {
        let shared = Shared {
            transport,
            after,
            failures: AtomicU32::new(0),
            open: AtomicBool::new(false),
            opened: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared) }
    }

    async fn guarded<R>(&self, call: impl Future<Output = Result<R, Error>> + Send) -> Result<R, Error> {
        if self.shared.open.load(Ordering::Acquire) {
            return Err(self.shared.given_up());
        }
        let answer = call.await;
        match &answer {
            Err(error) if is_no_answer(error) => self.failed(),
            _ => self.shared.answered(),
        }
        answer
    }

    #[cold]
    fn failed(&self) {
        let shared = &self.shared;
        let failures = shared.failures.fetch_add(1, Ordering::AcqRel) + 1;
        if shared.after > 0 && failures >= shared.after && !shared.open.swap(true, Ordering::AcqRel) {
            shared.opened.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(Shared::probe(Arc::downgrade(shared)));
        }
    }
}

impl<T: Transport> Shared<T> {
    fn answered(&self) {
        // Most of the time there is nothing to write.
        if self.failures.load(Ordering::Acquire) > 0 {
            self.failures.store(0, Ordering::Release);
        }
    }

    #[cold]
    fn given_up(&self) -> Error {
        let message = format!(
            "redis did not answer {} calls in a row, and is given up until it answers again",
            self.after
        );
        Error::new(ErrorKind::Unavailable, message)
    }

    async fn probe(shared: Weak<Self>) {
        let (mut pause, mut unanswered) = (FIRST_PAUSE, 0);
        loop {
            sleep(pause.mul_f64(0.5 + 0.5 * Rng::new().f64())).await;
            let Some(shared) = shared.upgrade() else { return };
            // A connection that is down will say so at once.
            if shared.transport.is_connected() {
                match shared.transport.call(Command::new("PING", [])).await {
                    Ok(_) => {
                        shared.failures.store(0, Ordering::Release);
                        shared.open.store(false, Ordering::Release);
                        return;
                    }
                    Err(error) => unanswered += u32::from(error.kind() == ErrorKind::Timeout),
                }
                if unanswered == MOST_UNANSWERED {
                    unanswered = 0;
                    shared.transport.renew();
                }
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

fn is_no_answer(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Unavailable) && !error.is_moving()
}

/// At how many calls in a row without an answer a breaker may open.
pub(crate) fn check(after: u32) -> Result<(), ConfigError> {
    match after {
        0..=1_000_000 => Ok(()),
        _ => Err(ConfigError::new("breaker", after, "must be at most 1000000, or 0 for none")),
    }
}

impl<T: Transport> Transport for Breaker<T> {
    async fn call(&self, command: Command) -> Result<Reply, Error> {
        self.guarded(self.shared.transport.call(command)).await
    }

    async fn read(&self, command: Command) -> Result<Reply, Error> {
        self.guarded(self.shared.transport.read(command)).await
    }

    fn transacts(&self) -> bool {
        self.shared.transport.transacts()
    }

    async fn transact(&self, commands: Vec<Command>) -> Result<Vec<Reply>, Error> {
        self.guarded(self.shared.transport.transact(commands)).await
    }

    async fn call_on(&self, node: &Node, command: Command) -> Result<Reply, Error> {
        self.guarded(self.shared.transport.call_on(node, command)).await
    }

    fn slot(&self, key: &str) -> u16 {
        self.shared.transport.slot(key)
    }

    fn nodes(&self) -> Vec<Node> {
        self.shared.transport.nodes()
    }

    fn is_connected(&self) -> bool {
        !self.shared.open.load(Ordering::Acquire) && self.shared.transport.is_connected()
    }

    fn renew(&self) {
        self.shared.transport.renew();
    }

    async fn close(&self) {
        self.shared.transport.close().await;
    }
}
