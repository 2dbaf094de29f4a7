use crate::{Error, RedisCache};
use futures_util::future::join_all;
use std::{collections::HashMap, str::FromStr};

/// What a server says of itself by `INFO`; a figure that it does not give is `None`.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct ServerInfo {
    /// Its version.
    pub version: Option<String>,
    /// `master` or `slave`.
    pub role: Option<String>,
    /// Seconds since it started.
    pub uptime_seconds: Option<u64>,
    /// Clients that are connected.
    pub connected_clients: Option<u64>,
    /// Bytes that its data and buffers take.
    pub used_memory: Option<u64>,
    /// Bytes that they may take; 0 is no bound.
    pub max_memory: Option<u64>,
    /// What goes when they are taken: `noeviction`, `allkeys-lru`, ….
    pub max_memory_policy: Option<String>,
    /// Bytes of the process by bytes of the data.
    pub fragmentation: Option<f64>,
    /// Commands since it started, and in the last moment a second.
    pub commands: Option<u64>,
    /// Commands a second, just now.
    pub commands_per_second: Option<u64>,
    /// Look-ups of any client that found a key.
    pub keyspace_hits: Option<u64>,
    /// Look-ups of any client that did not.
    pub keyspace_misses: Option<u64>,
    /// Keys whose time was over.
    pub expired_keys: Option<u64>,
    /// Keys that went for lack of memory.
    pub evicted_keys: Option<u64>,
    /// Connections refused because there were too many.
    pub rejected_connections: Option<u64>,
    /// Keys that clients who track them are told of.
    pub tracked_keys: Option<u64>,
}

impl ServerInfo {
    fn parse(text: &str) -> Self {
        let fields: HashMap<_, _> = text.lines().filter_map(|line| line.trim_end().split_once(':')).collect();
        fn read<T: FromStr>(fields: &HashMap<&str, &str>, name: &str) -> Option<T> {
            fields.get(name)?.parse().ok()
        }
        Self {
            version: read(&fields, "redis_version"),
            role: read(&fields, "role"),
            uptime_seconds: read(&fields, "uptime_in_seconds"),
            connected_clients: read(&fields, "connected_clients"),
            used_memory: read(&fields, "used_memory"),
            max_memory: read(&fields, "maxmemory"),
            max_memory_policy: read(&fields, "maxmemory_policy"),
            fragmentation: read(&fields, "mem_fragmentation_ratio"),
            commands: read(&fields, "total_commands_processed"),
            commands_per_second: read(&fields, "instantaneous_ops_per_sec"),
            keyspace_hits: read(&fields, "keyspace_hits"),
            keyspace_misses: read(&fields, "keyspace_misses"),
            expired_keys: read(&fields, "expired_keys"),
            evicted_keys: read(&fields, "evicted_keys"),
            rejected_connections: read(&fields, "rejected_connections"),
            tracked_keys: read(&fields, "tracking_total_keys"),
        }
    }

    /// The share of all clients' look-ups that found a key; `None` before the first.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a ratio of counts needs no more than 53 bits")]
    pub fn hit_rate(&self) -> Option<f64> {
        let (hits, misses) = (self.keyspace_hits?, self.keyspace_misses?);
        (hits + misses > 0).then(|| hits as f64 / (hits + misses) as f64)
    }
}

impl RedisCache {
    /// What each server that has keys says of itself, by its address; memory has its own few figures.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn servers(&self) -> Vec<(String, Result<ServerInfo, Error>)> {
        let backend = &self.core.backend;
        let nodes = backend.nodes();
        let asked = nodes.iter().map(|node| async move {
            (node.to_string(), backend.info(node).await.map(|text| ServerInfo::parse(&text)))
        });
        join_all(asked).await
    }
}

#[cfg(test)]
mod tests {
    use super::ServerInfo;

    #[test]
    fn what_is_not_said_or_not_a_number_is_none() {
        let info =
            ServerInfo::parse("# Server\r\nredis_version:7.0.15\r\nused_memory:12\r\nmaxmemory:x\r\nodd\r\n");
        assert_eq!(
            (info.version.as_deref(), info.used_memory, info.max_memory),
            (Some("7.0.15"), Some(12), None)
        );
        assert_eq!(info.hit_rate(), None);
    }
}
