//! A server that is not there: the same answers out of a bounded map. No future of it ever waits.

mod glob;

use super::{Answer, Backend, Found, FullKey, Left, Page, Put, Token, new_version};
use crate::{Error, ErrorKind, key::lease_of, transport::Node};
use bytes::Bytes;
use glob::fits;
use perfect21_core::{Clock, Observe, Visitor};
use perfect21_smart_cache::Cache;
use std::{
    future::ready,
    hash::RandomState,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Hashed so that who chooses keys cannot make them collide.
pub(crate) type Entries = Cache<FullKey, Held, RandomState>;

pub(crate) struct Memory {
    entries: Entries,
    /// Held by what reads and then writes, as a server does one thing at a time.
    writing: Mutex<()>,
    clock: Arc<dyn Clock>,
    start: Instant,
}

/// An entry, and what a server knows of it.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) value: Bytes,
    until: Option<Instant>,
    /// In milliseconds from the start.
    asked: Arc<AtomicU64>,
}

impl Memory {
    pub(crate) fn new(entries: Entries, clock: Arc<dyn Clock>) -> Self {
        Self { entries, writing: Mutex::new(()), start: clock.now(), clock }
    }

    fn writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from((self.clock.now() - self.start).as_millis()).unwrap_or(u64::MAX)
    }

    fn read(&self, key: &str) -> Option<Bytes> {
        let held = self.entries.get(key)?;
        held.asked.store(self.now_ms(), Ordering::Relaxed);
        Some(held.value)
    }

    fn store(&self, key: FullKey, value: Bytes, ttl: Option<Duration>) -> Result<(), Error> {
        let until = ttl.and_then(|ttl| self.clock.now().checked_add(ttl));
        let held = Held { value, until, asked: Arc::new(AtomicU64::new(self.now_ms())) };
        let kept = match ttl {
            Some(ttl) => self.entries.insert_with_ttl(key, held, ttl),
            None => self.entries.insert(key, held),
        };
        kept.map_err(|full| {
            Error::new(ErrorKind::TooLarge, "the value does not fit into memory")
                .with_source(full.to_string())
        })
    }

    fn holds(&self, key: &str, token: &Token) -> bool {
        self.entries.get(&*lease_of(key)).is_some_and(|held| held.value == token.0)
    }

    fn end_lease(&self, key: &str) {
        self.entries.remove(&*lease_of(key));
    }

    fn version(&self, key: &str) -> u64 {
        let text = self.read(key);
        text.and_then(|text| std::str::from_utf8(&text).ok()?.parse().ok()).unwrap_or(0)
    }
}

fn now<T: Send + 'static>(answer: T) -> Answer<'static, T> {
    Box::pin(ready(answer))
}

impl Backend for Memory {
    fn get<'a>(&'a self, key: &'a FullKey) -> Answer<'a, Result<Found, Error>> {
        now(Ok(self.read(key).map_or(Found::Nothing, Found::Value)))
    }

    fn get_many<'a>(&'a self, keys: &'a [FullKey]) -> Answer<'a, Vec<Result<Found, Error>>> {
        now(keys.iter().map(|key| Ok(self.read(key).map_or(Found::Nothing, Found::Value))).collect())
    }

    fn put(&self, puts: Vec<Put>) -> Answer<'static, Vec<Result<(), Error>>> {
        let _writing = self.writing();
        let put = |put: Put| {
            self.end_lease(&put.key);
            self.store(put.key, put.value, Some(put.ttl))
        };
        now(puts.into_iter().map(put).collect())
    }

    fn remove(&self, keys: Vec<FullKey>) -> Answer<'static, Vec<Result<bool, Error>>> {
        let _writing = self.writing();
        let remove = |key: FullKey| {
            self.end_lease(&key);
            Ok(self.entries.remove(&*key).is_some())
        };
        now(keys.into_iter().map(remove).collect())
    }

    fn ttl<'a>(&'a self, key: &'a FullKey) -> Answer<'a, Result<Option<Left>, Error>> {
        let left = self.entries.get(&**key).map(|held| match held.until {
            Some(until) => Left::For(until.saturating_duration_since(self.clock.now())),
            None => Left::Ever,
        });
        now(Ok(left))
    }

    fn touch(&self, key: FullKey, ttl: Duration) -> Answer<'static, Result<bool, Error>> {
        let _writing = self.writing();
        let touched = match self.read(&key) {
            Some(value) => self.store(key, value, Some(ttl)).map(|()| true),
            None => Ok(false),
        };
        now(touched)
    }

    fn lease(
        &self,
        key: FullKey,
        token: Token,
        span: Duration,
        steal: bool,
    ) -> Answer<'static, Result<(Found, bool), Error>> {
        let _writing = self.writing();
        let lease = lease_of(&key);
        let leased = match self.entries.get(&*lease) {
            Some(held) if !steal => Ok(held.value == token.0),
            _ => self.store(lease.into(), token.0, Some(span)).map(|()| true),
        };
        now(leased.map(|ours| (self.read(&key).map_or(Found::Nothing, Found::Value), ours)))
    }

    fn renew(&self, key: FullKey, token: Token, span: Duration) -> Answer<'static, Result<bool, Error>> {
        let _writing = self.writing();
        let renewed = match self.holds(&key, &token) {
            true => self.store(lease_of(&key).into(), token.0, Some(span)).map(|()| true),
            false => Ok(false),
        };
        now(renewed)
    }

    fn fill(&self, put: Put, token: Token) -> Answer<'static, Result<bool, Error>> {
        let _writing = self.writing();
        if !self.holds(&put.key, &token) {
            return now(Ok(false));
        }
        self.end_lease(&put.key);
        now(self.store(put.key, put.value, Some(put.ttl)).map(|()| true))
    }

    fn release(&self, key: FullKey, token: Token) -> Answer<'static, Result<(), Error>> {
        let _writing = self.writing();
        if self.holds(&key, &token) {
            self.end_lease(&key);
        }
        now(Ok(()))
    }

    fn versions<'a>(&'a self, keys: &'a [FullKey]) -> Answer<'a, Vec<Result<u64, Error>>> {
        now(keys.iter().map(|key| Ok(self.version(key))).collect())
    }

    fn make_versions(
        &self,
        keys: Vec<FullKey>,
        ttl: Option<Duration>,
    ) -> Answer<'static, Vec<Result<u64, Error>>> {
        let _writing = self.writing();
        let make = |key: FullKey| {
            let version = match self.version(&key) {
                0 => new_version(),
                version => version,
            };
            // Again where it is there already, so that it outlives what is stored with it.
            self.store(key, version.to_string().into(), ttl.map(|ttl| 2 * ttl)).map(|()| version)
        };
        now(keys.into_iter().map(make).collect())
    }

    fn bump(&self, keys: Vec<FullKey>) -> Answer<'static, Vec<Result<(), Error>>> {
        let _writing = self.writing();
        let bump = |key: FullKey| match self.entries.get(&*key) {
            Some(held) => {
                let left = held.until.map(|until| until.saturating_duration_since(self.clock.now()));
                self.store(key, new_version().to_string().into(), left)
            }
            None => Ok(()),
        };
        now(keys.into_iter().map(bump).collect())
    }

    fn nodes(&self) -> Vec<Node> {
        vec![Node { host: "memory".into(), port: 0 }]
    }

    fn scan<'a>(
        &'a self,
        _: &'a Node,
        _: Option<Bytes>,
        pattern: &'a str,
        _: usize,
    ) -> Answer<'a, Result<Page, Error>> {
        let mut keys = Vec::new();
        self.entries.for_each(|key, _| {
            if fits(pattern.as_bytes(), key.as_bytes()) {
                keys.push(FullKey::clone(key));
            }
        });
        now(Ok(Page { keys, next: None }))
    }

    fn unlink(&self, keys: Vec<FullKey>, idle: Option<Duration>) -> Answer<'static, Result<u64, Error>> {
        let _writing = self.writing();
        let now_ms = self.now_ms();
        let is_idle = |held: &Held| {
            let asked = held.asked.load(Ordering::Relaxed);
            idle.is_none_or(|idle| u128::from(now_ms.saturating_sub(asked)) >= idle.as_millis())
        };
        let gone = keys.into_iter().filter(|key| {
            self.entries.get(&**key).is_some_and(|held| is_idle(&held))
                && self.entries.remove(&**key).is_some()
        });
        now(Ok(gone.count() as u64))
    }

    fn ping(&self) -> Answer<'_, Result<(), Error>> {
        now(Ok(()))
    }

    fn info<'a>(&'a self, _: &'a Node) -> Answer<'a, Result<String, Error>> {
        let stats = self.entries.stats();
        now(Ok(format!(
            "redis_version:memory\r\nused_memory:{}\r\nmaxmemory:{}\r\nkeyspace_hits:{}\r\nkeyspace_misses:{}\r\n",
            self.entries.bytes(),
            self.entries.max_bytes(),
            stats.hits,
            stats.misses,
        )))
    }

    fn is_connected(&self) -> bool {
        true
    }

    fn close(&self) -> Answer<'_, ()> {
        now(())
    }

    fn observe(&self, visitor: &mut dyn Visitor) {
        self.entries.observe(visitor);
    }
}
