use super::{FullKey, Page, Sender, Transport, bytes, script};
use crate::{
    Error,
    transport::{Command, Node, Reply},
};
use bytes::Bytes;
use futures_util::future::{join_all, try_join_all};
use std::{collections::HashMap, time::Duration};

pub(super) async fn scan(
    transport: &impl Transport,
    node: &Node,
    from: Option<Bytes>,
    pattern: &str,
    count: usize,
) -> Result<Page, Error> {
    let start = from.unwrap_or_else(|| Bytes::from_static(b"0"));
    let args = [start, "MATCH".into(), bytes(pattern), "COUNT".into(), count.to_string().into()];
    let mut parts = transport.call_on(node, Command::new("SCAN", args)).await?.many()?.into_iter();
    let next = match parts.next() {
        Some(Reply::Text(next)) if *next != *b"0" => Some(next),
        _ => None,
    };
    let found = parts.next().map_or_else(|| Ok(Vec::new()), Reply::many)?;
    let keys = found.into_iter().filter_map(|key| match key {
        // What is not a text is none of ours.
        Reply::Text(key) => std::str::from_utf8(&key).ok().map(FullKey::from),
        _ => None,
    });
    Ok(Page { keys: keys.collect(), next })
}

pub(super) async fn unlink<T: Transport>(
    sender: &Sender<T>,
    keys: Vec<FullKey>,
    idle: Option<Duration>,
) -> Result<u64, Error> {
    if let Some(idle) = idle {
        let seconds = Bytes::from(idle.as_secs().to_string());
        let unlink = |key: FullKey| {
            let seconds = seconds.clone();
            async move { sender.change(&script::UNLINK_IDLE, &[bytes(&key)], &[seconds], 1).await?.number() }
        };
        let gone = try_join_all(keys.into_iter().map(unlink)).await?;
        return Ok(gone.into_iter().filter_map(|gone| u64::try_from(gone).ok()).sum());
    }
    let mut slots: HashMap<u16, Vec<Bytes>> = HashMap::new();
    for key in keys {
        slots.entry(sender.slot(&key)).or_default().push(bytes(&key));
    }
    let unlink = |keys: Vec<Bytes>| async move {
        match sender.publishes() {
            true => sender.change(&script::UNLINK, &keys, &[], keys.len()).await?.number(),
            false => sender.call(Command::new("UNLINK", keys)).await?.number(),
        }
    };
    let gone = try_join_all(slots.into_values().map(unlink)).await?;
    Ok(gone.into_iter().filter_map(|gone| u64::try_from(gone).ok()).sum())
}

pub(super) async fn ping(transport: &impl Transport) -> Result<(), Error> {
    let nodes = transport.nodes();
    if nodes.is_empty() {
        return transport.call(Command::new("PING", [])).await.map(|_| ());
    }
    let pings = nodes.iter().map(|node| transport.call_on(node, Command::new("PING", [])));
    join_all(pings).await.into_iter().try_for_each(|pong| pong.map(|_| ()))
}

pub(super) async fn info(transport: &impl Transport, node: &Node) -> Result<String, Error> {
    match transport.call_on(node, Command::new("INFO", [])).await? {
        Reply::Text(text) => Ok(String::from_utf8_lossy(&text).into_owned()),
        other => other.number().map(|_| String::new()),
    }
}
