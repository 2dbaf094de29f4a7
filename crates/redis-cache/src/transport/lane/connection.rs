//! One connection: commands go out together, answers come back in order, and what was not asked for goes to the listener.

use super::{
    Listener,
    connect::Stream,
    wire::{self, Heard},
};
use crate::{
    Error, ErrorKind,
    transport::{Command, Reply},
};
use bytes::BytesMut;
use std::{
    collections::VecDeque,
    future::Future,
    io, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split},
    sync::{Notify, oneshot},
    task::JoinHandle,
    time::timeout,
};

/// A handle: the connection ends with the last of them.
#[derive(Clone)]
pub(super) struct Connection {
    shared: Arc<Shared>,
    _driver: Arc<Driver>,
}

struct Driver(JoinHandle<()>);

struct Shared {
    queue: Mutex<Queue>,
    /// There is something to be written.
    filled: Notify,
    ended: Notify,
    max_queued: usize,
}

#[derive(Default)]
struct Queue {
    out: BytesMut,
    /// Who waits for the next answers, in order.
    waiting: VecDeque<oneshot::Sender<Reply>>,
    ended: bool,
}

impl Connection {
    pub(super) fn start(stream: Box<dyn Stream>, listener: Arc<dyn Listener>, max_queued: usize) -> Self {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            filled: Notify::new(),
            ended: Notify::new(),
            max_queued,
        });
        let driven = Arc::clone(&shared);
        let driver = tokio::spawn(async move {
            let (reading, writing) = split(stream);
            tokio::select! {
                _ = driven.read(reading, &*listener) => {}
                _ = driven.write(writing) => {}
            }
            driven.end();
        });
        Self { shared, _driver: Arc::new(Driver(driver)) }
    }

    /// Sends a command. Where nobody waits for the answer any more, it is thrown away when it comes.
    pub(super) async fn call(&self, command: &Command, limit: Duration) -> Result<Reply, Error> {
        let (sender, receiver) = oneshot::channel();
        self.shared.enqueue(command, sender)?;
        self.shared.filled.notify_one();
        match timeout(limit, receiver).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(_)) => Err(lost()),
            Err(_) => Err(Error::new(ErrorKind::Timeout, format!("redis did not answer within {limit:?}"))),
        }
    }

    /// Ends when the connection has.
    pub(super) fn ended(&self) -> impl Future<Output = ()> + Send + 'static {
        let shared = Arc::clone(&self.shared);
        async move {
            let ended = shared.ended.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            if !shared.queue().ended {
                ended.await;
            }
        }
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place in the queue is the place on the wire: both are taken in one step.
    fn enqueue(&self, command: &Command, sender: oneshot::Sender<Reply>) -> Result<(), Error> {
        let mut queue = self.queue();
        if queue.ended {
            return Err(lost());
        }
        if queue.waiting.len() >= self.max_queued {
            let message = format!("{} commands wait for redis already", self.max_queued);
            return Err(Error::new(ErrorKind::Backpressure, message));
        }
        wire::encode(command, &mut queue.out);
        queue.waiting.push_back(sender);
        Ok(())
    }

    async fn read(&self, mut stream: ReadHalf<Box<dyn Stream>>, listener: &dyn Listener) -> io::Result<()> {
        let mut bytes = BytesMut::with_capacity(8 << 10);
        loop {
            while let Some(heard) = wire::decode(&mut bytes)? {
                match heard {
                    Heard::Reply(reply) => {
                        let waiting = self.queue().waiting.pop_front();
                        let unasked =
                            || io::Error::new(io::ErrorKind::InvalidData, "an answer that nobody asked for");
                        // Who does not wait any more does not mind.
                        let _ = waiting.ok_or_else(unasked)?.send(reply);
                    }
                    Heard::Changed(keys) => keys.iter().for_each(|key| listener.changed(key)),
                    Heard::Flushed => listener.flushed(),
                    Heard::Other => {}
                }
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        }
    }

    async fn write(&self, mut stream: WriteHalf<Box<dyn Stream>>) -> io::Result<()> {
        loop {
            let out = mem::take(&mut self.queue().out);
            if out.is_empty() {
                self.filled.notified().await;
            } else {
                stream.write_all(&out).await?;
                stream.flush().await?;
            }
        }
    }

    /// All who wait are told by their senders' end.
    fn end(&self) {
        let mut queue = self.queue();
        queue.ended = true;
        let waiting = mem::take(&mut queue.waiting);
        drop(queue);
        drop(waiting);
        self.ended.notify_waiters();
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cold]
fn lost() -> Error {
    Error::new(ErrorKind::Unavailable, "the connection to redis was lost")
}
