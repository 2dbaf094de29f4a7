use super::{Holder, Pool, maintain};
use crate::{connect::Connector, error::Error};
use perfect21_core::ConfigError;
use std::{sync::atomic::Ordering, time::Instant};
use tokio::time::timeout;
use tokio_postgres::Config;

impl Pool {
    /// Waits until `min_idle` connections are open and idle: a service that calls it before it listens spares its first
    /// users the connects. In the background that is kept up anyhow.
    ///
    /// # Errors
    /// [`Unreachable`](crate::ErrorKind::Unreachable) if they are not there within the wait time-out, or at once where
    /// waiting cannot help. Connections that did open stay.
    ///
    /// # Cancel safety
    /// Connections go on being opened.
    ///
    /// # Panics
    /// If it is polled outside of a tokio runtime.
    pub async fn fill(&self) -> Result<(), Error> {
        let inner = &*self.0;
        let shared = &inner.shared;
        inner.running.ensure(&inner.pool, shared);
        let limit = shared.settings.wait_timeout;
        let filling = async {
            loop {
                let opened = shared.opened.notified();
                let mut opened = std::pin::pin!(opened);
                opened.as_mut().enable();
                let missing = maintain::refill(&inner.pool, shared);
                if missing == 0 {
                    return Ok(());
                }
                if shared.is_closed() {
                    return Err(Error::closed());
                }
                opened.await;
                let outage = shared.line.lock().outage.clone();
                if let Some(outage) = outage.filter(|outage| outage.cause.is_final()) {
                    return Err(Error::unreachable(outage.since.elapsed(), outage.cause));
                }
            }
        };
        match timeout(limit, filling).await {
            Ok(result) => result,
            Err(_) => {
                let outage = shared.line.lock().outage.clone();
                Err(match outage {
                    Some(outage) => Error::unreachable(outage.since.elapsed(), outage.cause),
                    None => Error::slow(limit),
                })
            }
        }
    }

    /// Callers wait from now on until [`resume`](Self::resume), or fail with [`Paused`](crate::ErrorKind::Paused) at their
    /// time-out; those that wait already are still served. Connections in use stay so: when [`stats`](Self::stats) shows none in use, the database is left alone.
    pub fn pause(&self) {
        self.0.paused.store(true, Ordering::Release);
    }

    /// Ends a [`pause`](Self::pause).
    pub fn resume(&self) {
        self.0.paused.store(false, Ordering::Release);
        self.0.resumed.notify_waiters();
    }

    /// Keeps another number of connections, with the same overflow. A smaller size takes hold as connections come back:
    /// as many as were free to be opened before can still be in use until then.
    ///
    /// # Errors
    /// If the size is zero, or below `min_idle`.
    pub fn resize(&self, size: usize) -> Result<(), ConfigError> {
        let settings = &self.0.shared.settings;
        super::builder::check_sizes(size, settings.overflow, settings.min_idle)?;
        self.0.shared.size.store(size, Ordering::Relaxed);
        self.0.pool.resize(size.saturating_add(settings.overflow));
        Ok(())
    }

    /// Closes all connections: idle ones now, those in use when they come back.
    pub fn evict_all(&self) {
        self.0.shared.next_generation();
        let evicted = self.0.pool.retain(|_, _| false);
        self.0.shared.counts.discarded.add(evicted.removed.len() as u64);
        self.0.shared.wake.notify_one();
    }

    /// Opens connections by this configuration from now on (other credentials, another server), and
    /// [evicts](Self::evict_all) those that were opened by the old one.
    ///
    /// # Errors
    /// If the configuration names no host, hosts and ports in numbers that do not fit together, or requires TLS without
    /// a configuration for it.
    pub fn rotate(&self, config: Config) -> Result<(), ConfigError> {
        let settings = &self.0.shared.settings;
        super::builder::check_config(&config, settings)?;
        let config = super::builder::session(config, settings);
        self.0.shared.rotate(Connector::new(config, settings.connect_timeout, settings.tls.clone()));
        self.evict_all();
        Ok(())
    }

    /// Refuses all callers from now on, those that wait included, and closes the connections as
    /// [`evict_all`](Self::evict_all) does.
    pub fn close(&self) {
        self.0.shared.closed.store(true, Ordering::Release);
        self.0.pool.close();
        self.evict_all();
        let (asking, ready) = {
            let mut line = self.0.shared.line.lock();
            line.ahead = 0;
            (std::mem::take(&mut line.asking), std::mem::take(&mut line.ready))
        };
        // Who waits for one to be opened sees that nobody will.
        drop((asking, ready));
        self.resume();
    }

    /// Who has a connection, the longest first. Locks each connection's entry for some nanoseconds.
    #[must_use]
    pub fn holders(&self) -> Vec<Holder> {
        let now = Instant::now();
        let mut holders: Vec<_> =
            self.0.shared.tenures().iter().filter_map(|tenure| tenure.holder(now)).collect();
        holders.sort_by_key(|holder| std::cmp::Reverse(holder.held));
        holders
    }
}
