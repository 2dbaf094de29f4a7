//! One connection: commands go out together, answers come back in order, and what was not asked for goes to the listener.

use super::{
    Listener, Settings,
    connect::Stream,
    resp::Decoder,
    wire::{self, Heard},
    writer::Writer,
};
use crate::{
    Error, ErrorKind,
    transport::{
        Command, Reply,
        outbox::{Outbox, Turn},
    },
};
use bytes::BytesMut;
use std::{
    collections::VecDeque,
    future::Future,
    io, iter, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    sync::{Notify, oneshot},
    task::{JoinHandle, yield_now},
    time::timeout_at,
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
    writer: Writer,
    /// There is something to be written.
    filled: Notify,
    /// There is an alarm that is earlier than the one before.
    alarmed: Notify,
    ended: Notify,
    max_queued: usize,
    /// The time-out and the server, to be named in errors.
    command_timeout: Duration,
    server: Arc<str>,
}

#[derive(Default)]
struct Queue {
    outbox: Outbox,
    /// Who waits for the next answers, in order.
    waiting: VecDeque<Waiting>,
    /// How many of them are no parts.
    calls: usize,
    /// When somebody's time may be over next; nobody's is before.
    alarm: Option<Instant>,
    /// Why a part of what is to be done in one step was refused.
    refused: Option<String>,
    ended: bool,
}

struct Waiting {
    /// Whose time is over is gone, and the answer is still to come.
    sender: Option<oneshot::Sender<Answered>>,
    deadline: Instant,
    /// Of what is done in one step, for which somebody waits at its end.
    is_part: bool,
}

impl Queue {
    /// What the next one in order is answered. Why a part was refused stands in its own answer alone.
    fn answer(&mut self, reply: Reply) -> Option<(Option<oneshot::Sender<Answered>>, Reply)> {
        let waiting = self.waiting.pop_front()?;
        if waiting.is_part {
            if let Reply::Refused(why) = reply {
                self.refused.get_or_insert(why);
            }
            return Some((None, Reply::Nil));
        }
        self.calls -= 1;
        let refused = self.refused.take();
        Some((
            waiting.sender,
            match (reply, refused) {
                (Reply::Refused(_), Some(why)) => Reply::Refused(why),
                (reply, _) => reply,
            },
        ))
    }
}

/// For so much there is room at each read.
const READ_BYTES: usize = 32 << 10;
/// So often at most the others go first before what there is is written.
const MOST_YIELDS: usize = 4;

/// What is sent together.
#[derive(Clone, Copy)]
pub(super) enum Calls<'a> {
    One(&'a Command),
    /// All or none, and what each answers.
    InOneStep(&'a [Command]),
}

impl Calls<'_> {
    /// So many answers come before the one that is waited for.
    fn parts(self) -> usize {
        match self {
            Self::One(_) => 0,
            Self::InOneStep(commands) => commands.len() + 1,
        }
    }

    fn encode(self, out: &mut BytesMut) {
        match self {
            Self::One(command) => wire::encode(command, out),
            Self::InOneStep(commands) => {
                wire::encode(&Command::new("MULTI", []), out);
                commands.iter().for_each(|command| wire::encode(command, out));
                wire::encode(&Command::new("EXEC", []), out);
            }
        }
    }
}

enum Answered {
    Reply(Reply),
    Late,
}

impl Connection {
    pub(super) fn start(stream: Stream, listener: Arc<dyn Listener>, settings: &Settings) -> Self {
        let Stream { reading, writing } = stream;
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            writer: Writer::new(writing),
            filled: Notify::new(),
            alarmed: Notify::new(),
            ended: Notify::new(),
            max_queued: settings.max_queued,
            command_timeout: settings.command_timeout,
            server: Arc::clone(&settings.server),
        });
        let driven = Arc::clone(&shared);
        let driver = tokio::spawn(async move {
            tokio::select! {
                _ = driven.read(reading, &*listener) => {}
                _ = driven.write() => {}
                () = driven.expire() => {}
            }
            driven.end();
        });
        Self { shared, _driver: Arc::new(Driver(driver)) }
    }

    /// Sends a command. Where nobody waits for the answer any more, it is thrown away when it comes.
    pub(super) async fn call(&self, calls: Calls<'_>, deadline: Instant) -> Result<Reply, Error> {
        let (sender, receiver) = oneshot::channel();
        self.shared.enqueue(calls, sender, deadline)?;
        match receiver.await {
            Ok(Answered::Reply(reply)) => Ok(reply),
            Ok(Answered::Late) => Err(self.shared.late()),
            Err(_) => Err(self.shared.lost()),
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
    fn enqueue(
        &self,
        calls: Calls<'_>,
        sender: oneshot::Sender<Answered>,
        deadline: Instant,
    ) -> Result<(), Error> {
        let mut queue = self.queue();
        if queue.ended {
            return Err(self.unreachable());
        }
        if queue.calls >= self.max_queued {
            return Err(self.full());
        }
        let is_earlier = queue.alarm.is_none_or(|alarm| deadline < alarm);
        if is_earlier {
            queue.alarm = Some(deadline);
        }
        queue.calls += 1;
        let part = || Waiting { sender: None, deadline, is_part: true };
        queue.waiting.extend(iter::repeat_with(part).take(calls.parts()));
        queue.waiting.push_back(Waiting { sender: Some(sender), deadline, is_part: false });
        let is_alone = queue.calls == 1;
        let turn = queue.outbox.push(is_alone, |out| calls.encode(out));
        drop(queue);
        match turn {
            Turn::Write(out) => self.write_now(out),
            Turn::Wake => self.filled.notify_one(),
            Turn::Nothing => {}
        }
        if is_earlier {
            self.alarmed.notify_one();
        }
        Ok(())
    }

    /// Tells those whose time is over. One timer serves all: it is set to the first one's time, and most of the time that one
    /// has its answer by then.
    async fn expire(&self) {
        loop {
            let alarm = self.queue().alarm;
            let Some(alarm) = alarm else {
                self.alarmed.notified().await;
                continue;
            };
            if timeout_at(alarm.into(), self.alarmed.notified()).await.is_ok() {
                continue;
            }
            let now = Instant::now();
            let mut late = Vec::new();
            let mut queue = self.queue();
            let mut next: Option<Instant> = None;
            for waiting in queue.waiting.iter_mut().filter(|waiting| waiting.sender.is_some()) {
                if waiting.deadline <= now {
                    late.extend(waiting.sender.take());
                } else {
                    next = Some(next.map_or(waiting.deadline, |next| next.min(waiting.deadline)));
                }
            }
            queue.alarm = next;
            drop(queue);
            for sender in late {
                // Who does not wait any more does not mind.
                let _ = sender.send(Answered::Late);
            }
        }
    }

    async fn read(&self, mut stream: impl AsyncRead + Unpin, listener: &dyn Listener) -> io::Result<()> {
        let (mut bytes, mut decoder) = (BytesMut::new(), Decoder::default());
        loop {
            while let Some(said) = decoder.next(&mut bytes)? {
                match said.into() {
                    Heard::Reply(reply) => {
                        let answered = self.queue().answer(reply);
                        let unasked =
                            || io::Error::new(io::ErrorKind::InvalidData, "an answer that nobody asked for");
                        if let (Some(sender), reply) = answered.ok_or_else(unasked)? {
                            // Who does not wait any more does not mind.
                            let _ = sender.send(Answered::Reply(reply));
                        }
                    }
                    Heard::Changed(keys) => keys.iter().for_each(|key| listener.changed(key)),
                    Heard::Flushed => listener.flushed(),
                    Heard::Other => {}
                }
            }
            bytes.reserve(READ_BYTES);
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        }
    }

    /// As far as it goes at once; the rest is the task's.
    fn write_now(&self, mut out: BytesMut) {
        let all = self.writer.write_now(&mut out);
        if self.queue().outbox.leave(out, all) {
            self.filled.notify_one();
        }
    }

    async fn write(&self) -> io::Result<()> {
        let mut out = BytesMut::new();
        loop {
            self.filled.notified().await;
            self.let_others_ask().await;
            while self.take(&mut out) {
                self.writer.write(&mut out).await?;
                self.queue().outbox.written();
            }
        }
    }

    /// Where there are others, those who are about to ask go first, as long as more come: one packet for all of them.
    async fn let_others_ask(&self) {
        let mut calls = 1;
        for _ in 0..MOST_YIELDS {
            let now = self.queue().calls;
            if now <= calls {
                return;
            }
            calls = now;
            yield_now().await;
        }
    }

    fn take(&self, out: &mut BytesMut) -> bool {
        let mut queue = self.queue();
        let is_crowded = queue.calls > 1;
        queue.outbox.take(out, is_crowded)
    }

    /// All who wait are told by their senders' end.
    fn end(&self) {
        let mut queue = self.queue();
        queue.ended = true;
        let waiting = mem::take(&mut queue.waiting);
        drop(queue);
        self.writer.close();
        drop(waiting);
        self.ended.notify_waiters();
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Shared {
    #[cold]
    fn unreachable(&self) -> Error {
        Error::new(ErrorKind::Unavailable, format!("redis at {} cannot be reached", self.server))
    }

    /// It may have been sent, and done.
    #[cold]
    fn lost(&self) -> Error {
        let message = format!("the connection to redis at {} was lost before it answered", self.server);
        Error::new(ErrorKind::Timeout, message)
    }

    #[cold]
    fn late(&self) -> Error {
        let message = format!("redis at {} did not answer within {:?}", self.server, self.command_timeout);
        Error::new(ErrorKind::Timeout, message)
    }

    #[cold]
    fn full(&self) -> Error {
        let message = format!("{} commands wait for redis at {} already", self.max_queued, self.server);
        Error::new(ErrorKind::Backpressure, message)
    }
}
