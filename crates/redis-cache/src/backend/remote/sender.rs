use super::{
    Put, key_and_lease, millis, number,
    script::{self, Script},
};
use crate::{
    Error,
    transport::{Command, Reply, Transport},
};
use bytes::Bytes;
use std::ops::Deref;

/// A transport, and whether changes are published for those who hold what they read.
pub(super) struct Sender<T> {
    transport: T,
    /// Where.
    channel: Option<Bytes>,
}

impl<T: Transport> Sender<T> {
    pub(super) fn new(transport: T, channel: Option<Bytes>) -> Self {
        Self { transport, channel }
    }

    pub(super) fn publishes(&self) -> bool {
        self.channel.is_some()
    }

    pub(super) async fn run(&self, script: &Script, keys: &[Bytes], args: &[Bytes]) -> Result<Reply, Error> {
        self.transport.call(script.command(keys, args)).await
    }

    /// Puts values under keys of one slot and ends their leases, in one step: where that goes without a script, it costs the
    /// server half.
    pub(super) async fn put(&self, puts: &[Put]) -> Result<(), Error> {
        let (keys, leases): (Vec<_>, Vec<_>) =
            puts.iter().map(|put| key_and_lease(&put.key)).map(|[key, lease]| (key, lease)).unzip();
        let lives = puts.iter().map(|put| number(millis(put.ttl)));
        let values = puts.iter().map(|put| put.value.clone());
        if !self.transport.transacts() {
            let args: Vec<_> = values.zip(lives).flat_map(|(value, life)| [value, life]).collect();
            let count = keys.len();
            let all: Vec<_> = keys.into_iter().chain(leases).collect();
            return self.change(&script::PUT, &all, &args, count).await.map(|_| ());
        }
        let told = self.channel.iter().flat_map(|channel| {
            keys.iter().map(|key| Command::new("PUBLISH", [channel.clone(), key.clone()]))
        });
        let told: Vec<_> = told.collect();
        let sets = keys
            .into_iter()
            .zip(values.zip(lives))
            .map(|(key, (value, life))| Command::new("SET", [key, value, Bytes::from_static(b"PX"), life]));
        let commands = sets.chain([Command::new("DEL", leases)]).chain(told).collect();
        self.transport.transact(commands).await?.into_iter().try_for_each(|reply| reply.sound().map(|_| ()))
    }

    /// Runs what changes the first `changed` keys, and publishes that they are changed, in one step.
    pub(super) async fn change(
        &self,
        script: &Script,
        keys: &[Bytes],
        args: &[Bytes],
        changed: usize,
    ) -> Result<Reply, Error> {
        match &self.channel {
            None => self.run(script, keys, args).await,
            Some(channel) => self.transport.call(script.publishing(keys, args, channel, changed)).await,
        }
    }
}

impl<T> Deref for Sender<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.transport
    }
}
