//! The way of a request through the cache.

use super::{
    CacheBody,
    fill::Fill,
    key::Key,
    request::{Read, Wish},
    shared::{Lead, Outcome, Shared},
    stored::Stored,
};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body;
use perfect21_smart_cache::flight::Join;
use std::{sync::Arc, time::Instant};

/// What to do with a request.
pub(super) enum Step<B: Body> {
    Answer(Response<CacheBody<B>>),
    /// Call the service, and treat its answer so.
    Call(Role),
    Wait(Join<Arc<str>, Outcome>, Wanted),
}

/// How an answer of the service is treated.
pub(super) enum Role {
    Bypass,
    /// Could have been a hit, but brings nothing to store: a HEAD.
    Miss,
    Change(Change),
    Fill(Fill),
}

/// A GET that was not answered at once.
pub(super) struct Wanted {
    pub(super) key: Arc<str>,
    read: Read<()>,
}

impl Shared {
    /// The first step of a request.
    pub(super) fn begin<Q: Body, B: Body<Data = Bytes>>(self: &Arc<Self>, request: &Request<Q>) -> Step<B> {
        match Wish::of(request) {
            Wish::Bypass => {
                self.counters.bypasses.increment();
                Step::Call(Role::Bypass)
            }
            Wish::Change(key) => {
                self.counters.bypasses.increment();
                Step::Call(Role::Change(Change { shared: Arc::clone(self), key: Some(key) }))
            }
            Wish::Read(read) => self.read(read, request.headers()),
        }
    }

    fn read<B: Body<Data = Bytes>>(self: &Arc<Self>, read: Read, headers: &HeaderMap) -> Step<B> {
        let now = self.clock.now();
        if let Some(stored) = self.lookup(read.key.as_str(), &read, now) {
            return Step::Answer(self.hit(&stored, read.head, headers, now));
        }
        if read.head {
            self.counters.misses.increment();
            return Step::Call(Role::Miss);
        }
        let (key, read) = read.split();
        let wanted = Wanted { key: key.into(), read };
        if wanted.read.directives.no_cache || self.is_not_worth_waiting(&wanted.key, now) {
            return self.fill(&wanted, None);
        }
        match self.flight.try_lead(&wanted.key) {
            Some(lead) => self.lead(&wanted, lead, headers),
            None => Step::Wait(self.flight.join(Arc::clone(&wanted.key)), wanted),
        }
    }

    /// Whoever leads looks once more: the leader before it may have just stored the answer.
    pub(super) fn lead<B: Body<Data = Bytes>>(
        self: &Arc<Self>,
        wanted: &Wanted,
        lead: Lead,
        headers: &HeaderMap,
    ) -> Step<B> {
        let now = self.clock.now();
        if let Some(stored) = self.lookup(&wanted.key, &wanted.read, now) {
            let answer = self.hit(&stored, false, headers, now);
            lead.land(Outcome::Stored(stored));
            return Step::Answer(answer);
        }
        // The answer to a conditional request may be a 304, which is of no use to others: somebody else leads.
        let lead = if wanted.read.conditional { None } else { Some(lead) };
        self.fill(wanted, lead)
    }

    /// What a request that waited does when the leader's answer has landed.
    pub(super) fn landed<B: Body<Data = Bytes>>(
        self: &Arc<Self>,
        wanted: &Wanted,
        outcome: Outcome,
        headers: &HeaderMap,
    ) -> Step<B> {
        let now = self.clock.now();
        match outcome {
            Outcome::Stored(stored) if stored.satisfies(&wanted.read.directives, now) => {
                self.counters.coalesced.increment();
                Step::Answer(self.hit(&stored, false, headers, now))
            }
            _ => self.fill(wanted, None),
        }
    }

    /// Calls the service, with or without others waiting for it.
    pub(super) fn fill<B: Body>(self: &Arc<Self>, wanted: &Wanted, lead: Option<Lead>) -> Step<B> {
        self.counters.misses.increment();
        let fill = Fill::new(Arc::clone(self), Arc::clone(&wanted.key), wanted.read.encodings, lead);
        Step::Call(Role::Fill(fill))
    }

    fn lookup<K>(&self, key: &str, read: &Read<K>, now: Instant) -> Option<Arc<Stored>> {
        if read.directives.no_cache {
            return None;
        }
        self.store.get(key).filter(|stored| stored.satisfies(&read.directives, now))
    }

    fn hit<B: Body<Data = Bytes>>(
        &self,
        stored: &Stored,
        head: bool,
        headers: &HeaderMap,
        now: Instant,
    ) -> Response<CacheBody<B>> {
        self.counters.hits.increment();
        if stored.is_known_to(headers) {
            self.counters.not_modified.increment();
            return stored.not_modified(now);
        }
        stored.answer(head, now)
    }
}

/// A request that may have changed what lies under its URI. Dropped without an answer it counts as done: its handler
/// may have come as far as that.
pub(super) struct Change {
    shared: Arc<Shared>,
    key: Option<Key>,
}

impl Change {
    pub(super) fn answered(mut self, status: StatusCode) {
        if status.is_client_error() || status.is_server_error() {
            self.key = None;
        }
    }
}

impl Drop for Change {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.shared.change(key);
        }
    }
}
