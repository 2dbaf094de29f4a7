//! A server, or several, behind a [`Transport`].

mod group;
mod node;
mod script;
mod sender;
mod version;

use super::{Answer, Backend, Found, FullKey, Left, Page, Put, Token, millis};
use crate::{
    Error, ErrorKind,
    key::lease_of,
    transport::{Command, Node, Reply, Transport},
};
use bytes::{Bytes, BytesMut};
use futures_util::future::join_all;
use group::{Group, groups};
use perfect21_core::Visitor;
use sender::Sender;
use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

pub(crate) struct Remote<T> {
    sender: Arc<Sender<T>>,
}

impl<T: Transport> Remote<T> {
    /// Changes are told to a channel where one is given.
    pub(crate) fn new(transport: T, channel: Option<Bytes>) -> Self {
        Self { sender: Arc::new(Sender::new(transport, channel)) }
    }

    /// Sends what writes at once, so that the writes of one caller keep their order, and waits for the answer as a task of its
    /// own: fred drops a command that timed out while it waited for a connection, but not one whose caller went away, and
    /// that would be written late.
    fn write<O: Send + 'static>(
        &self,
        failed: impl FnOnce(Error) -> O + Send + 'static,
        write: impl AsyncWrite<T, O>,
    ) -> Answer<'static, O> {
        if !self.sender.is_connected() {
            let error = Error::new(ErrorKind::Unavailable, "there is no connection to redis");
            return Box::pin(std::future::ready(failed(error)));
        }
        let mut writing = Box::pin(write.run(Arc::clone(&self.sender)));
        if let Poll::Ready(done) = writing.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return Box::pin(std::future::ready(done));
        }
        let task = tokio::spawn(writing);
        Box::pin(async move {
            task.await.unwrap_or_else(|error| {
                // It may have been sent.
                failed(Error::new(ErrorKind::Timeout, "the write was given up").with_source(error))
            })
        })
    }
}

/// What is to be done with the transport.
trait AsyncWrite<T, O>: Send {
    fn run(self, sender: Arc<Sender<T>>) -> impl Future<Output = O> + Send + 'static;
}

impl<T, O, F, Fut> AsyncWrite<T, O> for F
where
    F: FnOnce(Arc<Sender<T>>) -> Fut + Send,
    Fut: Future<Output = O> + Send + 'static,
{
    fn run(self, sender: Arc<Sender<T>>) -> impl Future<Output = O> + Send + 'static {
        self(sender)
    }
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// Keys in a single piece of memory.
fn together(keys: &[&FullKey]) -> Vec<Bytes> {
    let mut all = BytesMut::with_capacity(keys.iter().map(|key| key.len()).sum());
    keys.iter().for_each(|key| all.extend_from_slice(key.as_bytes()));
    let mut all = all.freeze();
    keys.iter().map(|key| all.split_to(key.len())).collect()
}

fn key_and_lease(key: &str) -> [Bytes; 2] {
    [bytes(key), lease_of(key).into()]
}

fn number(number: i64) -> Bytes {
    number.to_string().into()
}

fn found(reply: Reply) -> Result<Found, Error> {
    match reply {
        Reply::Nil => Ok(Found::Nothing),
        Reply::Text(value) => Ok(Found::Value(value)),
        Reply::Refused(text) if text.starts_with("WRONGTYPE") => Ok(Found::Other),
        other => other.number().map(|_| Found::Other),
    }
}

impl<T: Transport> Backend for Remote<T> {
    fn get<'a>(&'a self, key: &'a FullKey) -> Answer<'a, Result<Found, Error>> {
        Box::pin(async move {
            match self.sender.read(Command::new("GET", [bytes(key)])).await {
                Ok(reply) => found(reply),
                Err(error) if error.is_wrong_type() => Ok(Found::Other),
                Err(error) => Err(error),
            }
        })
    }

    fn get_many<'a>(&'a self, keys: &'a [FullKey]) -> Answer<'a, Vec<Result<Found, Error>>> {
        Box::pin(async move {
            let read = |group: Group<&'a FullKey>| async move {
                let replies = self.sender.read(Command::new("MGET", together(&group.items))).await;
                let replies = replies.and_then(Reply::many);
                group.answer(replies.map(|replies| replies.into_iter().map(found).collect()))
            };
            let slot = |key: &'a FullKey| (self.sender.slot(key), key);
            let groups = groups(keys.iter().map(slot), |key| key.len());
            group::spread(keys.len(), join_all(groups.into_iter().map(read)).await)
        })
    }

    fn put(&self, puts: Vec<Put>) -> Answer<'static, Vec<Result<(), Error>>> {
        let count = puts.len();
        self.write(
            move |error| group::same(count, &error),
            move |sender: Arc<Sender<T>>| async move {
                let sender = &*sender;
                let put = |group: Group<Put>| async move {
                    let done = sender.put(&group.items).await;
                    let count = group.items.len();
                    group.answer(done.map(|()| (0..count).map(|_| Ok(())).collect()))
                };
                let slot = |put: Put| (sender.slot(&put.key), put);
                let groups = groups(puts.into_iter().map(slot), |put| put.key.len() + put.value.len());
                group::spread(count, join_all(groups.into_iter().map(put)).await)
            },
        )
    }

    fn remove(&self, keys: Vec<FullKey>) -> Answer<'static, Vec<Result<bool, Error>>> {
        let count = keys.len();
        self.write(
            move |error| group::same(count, &error),
            move |sender: Arc<Sender<T>>| async move {
                let sender = &*sender;
                let remove = |group: Group<FullKey>| async move {
                    let (mut keys, leases): (Vec<_>, Vec<_>) = group
                        .items
                        .iter()
                        .map(|key| key_and_lease(key))
                        .map(|[key, lease]| (key, lease))
                        .unzip();
                    keys.extend(leases);
                    let gone = sender
                        .change(&script::REMOVE, &keys, &[], group.items.len())
                        .await
                        .and_then(Reply::many);
                    let gone = gone.map(|gone| gone.into_iter().map(|gone| Ok(gone.number()? > 0)).collect());
                    group.answer(gone)
                };
                let slot = |key: FullKey| (sender.slot(&key), key);
                let groups = groups(keys.into_iter().map(slot), |key| key.len());
                group::spread(count, join_all(groups.into_iter().map(remove)).await)
            },
        )
    }

    fn ttl<'a>(&'a self, key: &'a FullKey) -> Answer<'a, Result<Option<Left>, Error>> {
        Box::pin(async move {
            let left = self.sender.read(Command::new("PTTL", [bytes(key)])).await?.number()?;
            Ok(match u64::try_from(left) {
                Ok(left) => Some(Left::For(Duration::from_millis(left))),
                Err(_) if left == -1 => Some(Left::Ever),
                Err(_) => None,
            })
        })
    }

    fn touch(&self, key: FullKey, ttl: Duration) -> Answer<'static, Result<bool, Error>> {
        self.write(Err, move |sender: Arc<Sender<T>>| async move {
            let command = Command::new("PEXPIRE", [bytes(&key), number(millis(ttl))]);
            Ok(sender.call(command).await?.number()? > 0)
        })
    }

    fn lease(
        &self,
        key: FullKey,
        token: Token,
        span: Duration,
        steal: bool,
    ) -> Answer<'static, Result<(Found, bool), Error>> {
        self.write(Err, move |sender: Arc<Sender<T>>| async move {
            let args = [token.0, number(millis(span)), number(steal.into())];
            let reply = sender.run(&script::LEASE, &key_and_lease(&key), &args).await?;
            let mut parts = reply.many()?.into_iter();
            let (value, ours) = (parts.next().unwrap_or(Reply::Nil), parts.next().unwrap_or(Reply::Nil));
            Ok((found(value)?, ours.number()? > 0))
        })
    }

    fn renew(&self, key: FullKey, token: Token, span: Duration) -> Answer<'static, Result<bool, Error>> {
        self.write(Err, move |sender: Arc<Sender<T>>| async move {
            let [_, lease] = key_and_lease(&key);
            let args = [token.0, number(millis(span))];
            Ok(sender.run(&script::RENEW, &[lease], &args).await?.number()? > 0)
        })
    }

    fn fill(&self, put: Put, token: Token) -> Answer<'static, Result<bool, Error>> {
        self.write(Err, move |sender: Arc<Sender<T>>| async move {
            let args = [token.0, put.value, number(millis(put.ttl))];
            Ok(sender.run(&script::FILL, &key_and_lease(&put.key), &args).await?.number()? > 0)
        })
    }

    fn release(&self, key: FullKey, token: Token) -> Answer<'static, Result<(), Error>> {
        self.write(Err, move |sender: Arc<Sender<T>>| async move {
            let [_, lease] = key_and_lease(&key);
            sender.run(&script::RELEASE, &[lease], &[token.0]).await.map(|_| ())
        })
    }

    fn versions<'a>(&'a self, keys: &'a [FullKey]) -> Answer<'a, Vec<Result<u64, Error>>> {
        Box::pin(version::read(self, keys))
    }

    fn make_versions(
        &self,
        keys: Vec<FullKey>,
        ttl: Option<Duration>,
    ) -> Answer<'static, Vec<Result<u64, Error>>> {
        version::make(self, keys, ttl)
    }

    fn bump(&self, keys: Vec<FullKey>) -> Answer<'static, Vec<Result<(), Error>>> {
        version::bump(self, keys)
    }

    fn nodes(&self) -> Vec<Node> {
        self.sender.nodes()
    }

    fn scan<'a>(
        &'a self,
        node: &'a Node,
        from: Option<Bytes>,
        pattern: &'a str,
        count: usize,
    ) -> Answer<'a, Result<Page, Error>> {
        Box::pin(node::scan(&**self.sender, node, from, pattern, count))
    }

    fn unlink(&self, keys: Vec<FullKey>, idle: Option<Duration>) -> Answer<'static, Result<u64, Error>> {
        self.write(Err, move |sender: Arc<Sender<T>>| async move { node::unlink(&sender, keys, idle).await })
    }

    fn ping(&self) -> Answer<'_, Result<(), Error>> {
        Box::pin(node::ping(&**self.sender))
    }

    fn info<'a>(&'a self, node: &'a Node) -> Answer<'a, Result<String, Error>> {
        Box::pin(node::info(&**self.sender, node))
    }

    fn is_connected(&self) -> bool {
        self.sender.is_connected()
    }

    fn close(&self) -> Answer<'_, ()> {
        Box::pin(self.sender.close())
    }

    fn observe(&self, _: &mut dyn Visitor) {}
}
