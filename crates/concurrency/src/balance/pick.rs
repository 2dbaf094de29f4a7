use super::{EndpointId, Inner, Target, endpoint::Endpoint};
use std::{
    fmt,
    ops::Deref,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

/// An endpoint for one request; it counts as in flight while this lives.
///
/// Say how it went. Dropped without a word, it counts as given up: how long it had taken by then is at least what it takes,
/// and it is neither a success nor a failure.
#[must_use = "dropped, the request counts as given up"]
pub struct Pick<E> {
    inner: Arc<Inner<E>>,
    endpoint: Arc<Endpoint<E>>,
    began: u64,
    probes: bool,
    told: bool,
}

impl<E> Pick<E> {
    pub(super) fn new(inner: Arc<Inner<E>>, endpoint: Arc<Endpoint<E>>, probes: bool) -> Self {
        endpoint.in_flight.fetch_add(1, Relaxed);
        endpoint.counts.picks.fetch_add(1, Relaxed);
        let began = inner.tuning.now();
        Self { inner, endpoint, began, probes, told: false }
    }

    /// Which endpoint it is.
    #[must_use]
    pub fn id(&self) -> EndpointId {
        self.endpoint.id
    }

    /// The endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &E {
        &self.endpoint.value
    }

    pub(super) fn target(&self) -> Target<E> {
        Target::new(&self.endpoint)
    }

    /// It answered, as it should.
    pub fn success(mut self) {
        self.told = true;
        let (tuning, now) = (&self.inner.tuning, self.inner.tuning.now());
        let took = since(self.began, now);
        if self.probes {
            self.inner.probed(&self.endpoint, Some(true));
            self.endpoint.recovered(now, tuning);
        }
        self.endpoint.succeeded(took, now, tuning);
        self.inner.forget(now);
    }

    /// It failed, or was not there: it counts as slow for a while, and is ejected where that happens too often.
    pub fn failure(mut self) {
        self.told = true;
        let (tuning, now) = (&self.inner.tuning, self.inner.tuning.now());
        let too_bad = self.endpoint.failed(since(self.began, now), now, tuning);
        if self.probes {
            self.inner.probed(&self.endpoint, Some(false));
        } else if too_bad {
            self.inner.eject(&self.endpoint, None);
        }
        self.inner.forget(now);
    }

    /// It asks to be left alone, as an answer 429 or 503 does: out for that long (`Retry-After`, at most 300 s), if not
    /// too many are out, or a failure where it does not say.
    pub fn overloaded(mut self, retry_after: Option<Duration>) {
        let Some(after) = retry_after else { return self.failure() };
        self.told = true;
        let (tuning, now) = (&self.inner.tuning, self.inner.tuning.now());
        self.endpoint.failed(since(self.began, now), now, tuning);
        if self.probes {
            self.inner.probed(&self.endpoint, Some(false));
        }
        self.inner.eject(&self.endpoint, Some(after.min(MAX_RETRY_AFTER)));
    }

    /// It says nothing of the endpoint: a request that the caller gave up or got wrong. The same as dropping it.
    pub fn ignore(self) {
        drop(self);
    }
}

/// What a server may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

#[allow(clippy::cast_precision_loss, reason = "nanoseconds of a request")]
fn since(began: u64, now: u64) -> f64 {
    now.saturating_sub(began) as f64
}

impl<E> Drop for Pick<E> {
    fn drop(&mut self) {
        self.endpoint.in_flight.fetch_sub(1, Relaxed);
        if self.told {
            return;
        }
        let now = self.inner.tuning.now();
        self.endpoint.estimate.at_least(since(self.began, now), now);
        if self.probes {
            self.inner.probed(&self.endpoint, None);
        }
    }
}

impl<E> Deref for Pick<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.endpoint.value
    }
}

impl<E: fmt::Debug> fmt::Debug for Pick<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pick")
            .field("id", &self.endpoint.id)
            .field("endpoint", &self.endpoint.value)
            .field("probes", &self.probes)
            .finish_non_exhaustive()
    }
}
