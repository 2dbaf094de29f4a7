use super::{
    Answer, FullKey, Remote, Reply, Sender, Transport, bytes,
    group::{self, Group, groups},
    millis, number, script,
};
use crate::{Error, backend::new_version, transport::Command};
use futures_util::future::join_all;
use std::{sync::Arc, time::Duration};

pub(super) async fn read<T: Transport>(remote: &Remote<T>, keys: &[FullKey]) -> Vec<Result<u64, Error>> {
    let transport = &*remote.sender;
    let read = |group: Group<FullKey>| async move {
        let command = Command::new("MGET", group.items.iter().map(|key| bytes(key)));
        let versions = transport.read(command).await.and_then(Reply::many);
        group.answer(versions.map(|versions| versions.into_iter().map(parse).collect()))
    };
    let slot = |key: &FullKey| (transport.slot(key), key.clone());
    let groups = groups(keys.iter().map(slot), |key| key.len());
    group::spread(keys.len(), join_all(groups.into_iter().map(read)).await)
}

pub(super) fn make<T: Transport>(
    remote: &Remote<T>,
    keys: Vec<FullKey>,
    ttl: Option<Duration>,
) -> Answer<'static, Vec<Result<u64, Error>>> {
    let count = keys.len();
    remote.write(
        move |error| group::same(count, &error),
        move |sender: Arc<Sender<T>>| async move {
            let sender = &*sender;
            let make = |group: Group<FullKey>| async move {
                let keys: Vec<_> = group.items.iter().map(|key| bytes(key)).collect();
                let args = [new_version().to_string().into(), number(ttl.map_or(0, millis))];
                let versions = sender.run(&script::MAKE_VERSIONS, &keys, &args).await.and_then(Reply::many);
                group.answer(versions.map(|versions| versions.into_iter().map(parse).collect()))
            };
            let slot = |key: FullKey| (sender.slot(&key), key);
            let groups = groups(keys.into_iter().map(slot), |key| key.len());
            group::spread(count, join_all(groups.into_iter().map(make)).await)
        },
    )
}

pub(super) fn bump<T: Transport>(
    remote: &Remote<T>,
    keys: Vec<FullKey>,
) -> Answer<'static, Vec<Result<(), Error>>> {
    let count = keys.len();
    remote.write(
        move |error| group::same(count, &error),
        move |sender: Arc<Sender<T>>| async move {
            let sender = &*sender;
            let bump = |key: FullKey| async move {
                let version = new_version().to_string().into();
                sender.change(&script::BUMP, &[bytes(&key)], &[version], 1).await.map(|_| ())
            };
            join_all(keys.into_iter().map(bump)).await
        },
    )
}

/// Zero for what is no version, as for none.
fn parse(reply: Reply) -> Result<u64, Error> {
    match reply {
        Reply::Nil => Ok(0),
        Reply::Text(text) => {
            Ok(std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok()).unwrap_or(0))
        }
        other => other.number().map(|_| 0),
    }
}
