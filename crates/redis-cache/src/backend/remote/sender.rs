use super::script::Script;
use crate::{
    Error,
    transport::{Reply, Transport},
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
