use super::{Disk, Tuner, Workload, scope::Scope};
use perfect21_core::{Bytes, ConfigError};
use std::time::Duration;

/// Settings of a [`Tuner`].
#[derive(Debug, Clone)]
#[must_use = "a tuner comes out of .build()"]
pub struct TunerBuilder {
    memory: Option<Bytes>,
    cpus: Option<f64>,
    disk: Option<Disk>,
    room: Option<Bytes>,
    connections: Option<u32>,
    workload: Workload,
    scope: Scope,
    statement_timeout: Duration,
    lock_timeout: Duration,
    reload_timeout: Duration,
    analyze_timeout: Duration,
}

impl TunerBuilder {
    pub(super) fn new() -> Self {
        Self {
            memory: None,
            cpus: None,
            disk: None,
            room: None,
            connections: None,
            workload: Workload::Mixed,
            scope: Scope::Server,
            statement_timeout: Duration::from_secs(5),
            lock_timeout: Duration::from_secs(1),
            reload_timeout: Duration::from_secs(10),
            analyze_timeout: Duration::from_secs(600),
        }
    }

    /// The memory that the server may use, 64 MiB to 64 TiB. Default: measured, if the server is on this machine.
    pub fn memory(mut self, memory: Bytes) -> Self {
        self.memory = Some(memory);
        self
    }

    /// The cores that the server may use, 0.1 to 4096. Default: measured, if the server is on this machine.
    pub fn cpus(mut self, cpus: f64) -> Self {
        self.cpus = Some(cpus);
        self
    }

    /// What its data is on. Default: measured where it can be seen, else taken to be [`Disk::Ssd`].
    pub fn disk(mut self, disk: Disk) -> Self {
        self.disk = Some(disk);
        self
    }

    /// The free room on the disk of its write-ahead log, from 1 MiB on, of which the log may take a quarter. Default:
    /// measured where it can be seen.
    pub fn room(mut self, room: Bytes) -> Self {
        self.room = Some(room);
        self
    }

    /// How many connections all programs together open at most, 1 to 262 143. Default: the server's `max_connections`.
    pub fn connections(mut self, connections: u32) -> Self {
        self.connections = Some(connections);
        self
    }

    /// What the server is used for. Default: [`Workload::Mixed`].
    pub fn workload(mut self, workload: Workload) -> Self {
        self.workload = workload;
        self
    }

    /// For whom. Default: the whole [`Server`](Scope::Server). With a role or database only settings are changed that
    /// each may have of its own; the plan says which are left out.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// The longest that the server works for one statement of a look, 1 ms to 1 h: 5 s.
    pub fn statement_timeout(mut self, limit: Duration) -> Self {
        self.statement_timeout = limit;
        self
    }

    /// The longest that one statement waits for a lock, of `ANALYZE` too, 1 ms to 1 min: 1 s.
    pub fn lock_timeout(mut self, limit: Duration) -> Self {
        self.lock_timeout = limit;
        self
    }

    /// How long it is waited until the server has read its files, 10 ms to 1 h: 10 s.
    pub fn reload_timeout(mut self, limit: Duration) -> Self {
        self.reload_timeout = limit;
        self
    }

    /// The longest that the server works for the `ANALYZE` of one table, 1 ms to 24 h: 10 min.
    pub fn analyze_timeout(mut self, limit: Duration) -> Self {
        self.analyze_timeout = limit;
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`ConfigError`] if one is out of its range.
    pub fn build(self) -> Result<Tuner, ConfigError> {
        let (millisecond, hour) = (Duration::from_millis(1), Duration::from_secs(3600));
        for (name, value, least, most) in [
            ("statement_timeout", self.statement_timeout, millisecond, hour),
            ("lock_timeout", self.lock_timeout, millisecond, Duration::from_secs(60)),
            ("reload_timeout", self.reload_timeout, 10 * millisecond, hour),
            ("analyze_timeout", self.analyze_timeout, millisecond, 24 * hour),
        ] {
            if !(least..=most).contains(&value) {
                let rule = format!("must be from {least:?} to {most:?}");
                return Err(ConfigError::new(name, format!("{value:?}"), rule));
            }
        }
        for (name, value, least, most) in [
            ("memory", self.memory, Bytes::mib(64), Bytes::gib(64 << 10)),
            ("room", self.room, Bytes::mib(1), Bytes::gib(1 << 30)),
        ] {
            if let Some(value) = value.filter(|value| !(least..=most).contains(value)) {
                return Err(ConfigError::new(name, value, format!("must be from {least} to {most}")));
            }
        }
        if let Some(cpus) = self.cpus.filter(|cpus| !(0.1..=4096.0).contains(cpus)) {
            return Err(ConfigError::new("cpus", cpus, "must be from 0.1 to 4096"));
        }
        if let Some(count) = self.connections.filter(|count| !(1..=262_143).contains(count)) {
            return Err(ConfigError::new("connections", count, "must be from 1 to 262143"));
        }
        self.scope.checked()?;
        Ok(Tuner {
            memory: self.memory,
            cpus: self.cpus,
            disk: self.disk,
            room: self.room,
            connections: self.connections,
            workload: self.workload,
            scope: self.scope,
            statement_timeout: self.statement_timeout,
            lock_timeout: self.lock_timeout,
            reload_timeout: self.reload_timeout,
            analyze_timeout: self.analyze_timeout,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let of = Tuner::builder;
        for (builder, expected) in [
            (of().memory(Bytes::mib(63)), "memory = 63 MiB: must be from 64 MiB to 64 TiB"),
            (of().cpus(f64::NAN), "cpus = NaN: must be from 0.1 to 4096"),
            (of().cpus(0.0), "cpus = 0: must be from 0.1 to 4096"),
            (of().connections(0), "connections = 0: must be from 1 to 262143"),
            (of().room(Bytes::new(1)), "room = 1 B: must be from 1 MiB to 1048576 TiB"),
            (of().lock_timeout(Duration::ZERO), "lock_timeout = 0ns: must be from 1ms to 60s"),
            (of().reload_timeout(Duration::ZERO), "reload_timeout = 0ns: must be from 10ms to 3600s"),
            (
                of().scope(Scope::Role("a\0b".into())),
                "scope = \"a\\0b\": must be names of 1 to 63 bytes without a zero byte",
            ),
        ] {
            assert_eq!(builder.build().unwrap_err().to_string(), expected);
        }
        assert!(of().build().is_ok());
    }
}
