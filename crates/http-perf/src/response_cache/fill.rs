//! An answer on its way from the service: whether it is stored, and who waits for it.

use super::{
    CacheBody, Refusal,
    answer::{self, Freshness},
    body::Filling,
    encoding::Encodings,
    shared::{Lead, Outcome, Shared},
    stored::Stored,
};
use bytes::Bytes;
use http::{HeaderMap, Response, response::Parts};
use http_body::Body;
use std::{mem, sync::Arc, task::Context, time::Instant};

/// A call of the service whose answer may be stored. Dropped before that was decided, it lets one of those who wait
/// call instead.
pub(super) struct Fill {
    shared: Arc<Shared>,
    key: Arc<str>,
    encodings: Encodings,
    requested: Instant,
    changes: u64,
    lead: Option<Lead>,
}

impl Fill {
    pub(super) fn new(shared: Arc<Shared>, key: Arc<str>, encodings: Encodings, lead: Option<Lead>) -> Self {
        let (requested, changes) = (shared.clock.now(), shared.changes_of(&key));
        Self { shared, key, encodings, requested, changes, lead }
    }

    /// Passes the answer on, and records its body if it may be stored.
    pub(super) fn receive<B: Body<Data = Bytes>>(
        self,
        response: Response<B>,
        context: &mut Context<'_>,
    ) -> Response<CacheBody<B>> {
        let (parts, body) = response.into_parts();
        let body = match self.judge(&parts, &body) {
            Err(refusal) => {
                self.refuse(refusal);
                CacheBody::passing(body)
            }
            Ok(freshness) => {
                let announced = answer::announced_length(&parts.headers);
                let mut headers = parts.headers.clone();
                answer::strip_connection_headers(&mut headers);
                answer::date(&mut headers, || self.shared.clock.wall());
                let recorder =
                    Recorder { fill: Some(self), headers, freshness, announced, buffer: Vec::new() };
                Filling::start(body, recorder, context)
            }
        };
        Response::from_parts(parts, body)
    }

    fn judge<B: Body>(&self, parts: &Parts, body: &B) -> Result<Freshness, Refusal> {
        let freshness = answer::storable(parts, self.encodings, || self.shared.clock.wall())?;
        let length = answer::announced_length(&parts.headers).max(Some(body.size_hint().lower()));
        match length {
            Some(length) if length > self.shared.limits.max_body_bytes => Err(Refusal::TooLarge),
            _ => Ok(freshness),
        }
    }

    /// The service failed: it will not do better for those who wait by asking one after the other.
    pub(super) fn fail(mut self) {
        self.release();
    }

    fn refuse(mut self, reason: Refusal) {
        self.shared.counters.refuse(reason);
        if self.lead.is_some() && reason.will_last() {
            self.shared.do_not_wait_for(&self.key);
        }
        self.release();
    }

    fn release(&mut self) {
        if let Some(lead) = self.lead.take() {
            lead.land(Outcome::NotStored);
        }
    }

    fn store(mut self, headers: HeaderMap, body: Bytes, freshness: Freshness) {
        let stored = Arc::new(Stored::new(headers, body, freshness, self.requested));
        match self.shared.store(&self.key, &stored, self.changes) {
            Err(refusal) => self.refuse(refusal),
            Ok(()) => {
                if let Some(lead) = self.lead.take() {
                    lead.land(Outcome::Stored(stored));
                }
            }
        }
    }
}

/// The copy of a body that is being read. Dropped before it is complete, it leaves nothing behind.
pub(super) struct Recorder {
    fill: Option<Fill>,
    headers: HeaderMap,
    freshness: Freshness,
    announced: Option<u64>,
    buffer: Vec<u8>,
}

impl Recorder {
    /// Takes a copy of the next bytes, in memory of its own: what the body hands out may be a slice of much more.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<(), Refusal> {
        let Some(fill) = &self.fill else { return Ok(()) };
        let length = (self.buffer.len() + chunk.len()) as u64;
        if length > fill.shared.limits.max_body_bytes {
            return Err(Refusal::TooLarge);
        }
        if self.announced.is_some_and(|announced| length > announced) {
            return Err(Refusal::Body);
        }
        if !fill.shared.take_filling(chunk.len() as u64) {
            return Err(Refusal::Busy);
        }
        if self.buffer.is_empty() {
            self.buffer.reserve_exact(chunk.len());
        }
        self.buffer.extend_from_slice(chunk);
        Ok(())
    }

    /// Whether all announced bytes have come: then a server may never ask for the end.
    pub(super) fn has_all(&self) -> bool {
        self.announced == Some(self.buffer.len() as u64)
    }

    /// The body has ended.
    pub(super) fn finish(mut self) {
        let Some(fill) = self.fill.take() else { return };
        let (headers, buffer) = (mem::take(&mut self.headers), mem::take(&mut self.buffer));
        fill.shared.give_filling(buffer.len() as u64);
        if self.announced.is_some_and(|announced| announced != buffer.len() as u64) {
            fill.refuse(Refusal::Body);
        } else {
            fill.store(headers, Bytes::from(buffer.into_boxed_slice()), self.freshness);
        }
    }

    pub(super) fn refuse(mut self, reason: Refusal) {
        if let Some(fill) = self.fill.take() {
            fill.shared.give_filling(self.buffer.len() as u64);
            fill.refuse(reason);
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if let Some(fill) = self.fill.take() {
            fill.shared.give_filling(self.buffer.len() as u64);
            fill.shared.counters.refuse(Refusal::ClientLeft);
        }
    }
}
