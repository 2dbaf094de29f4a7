use super::{EndpointId, Target, endpoint::Endpoint};
use std::{fmt, ops::Deref, sync::Arc, time::Duration};

/// An endpoint for one request; it counts as in flight while this lives.
///
/// Say how it went. Dropped without a word, it counts as given up: how long it had taken by then is at least what it takes,
/// and it is neither a success nor a failure.
#[must_use = "dropped, the request counts as given up"]
pub struct Pick<E> {
    endpoint: Arc<Endpoint<E>>,
    began: u64,
    probes: bool,
    told: bool,
}

impl<E> Pick<E> {
    pub(super) fn new(endpoint: Arc<Endpoint<E>>, probes: bool) -> Self {
        endpoint.calls.begin();
        let began = endpoint.tuning.now();
        Self { endpoint, began, probes, told: false }
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
        let (endpoint, now) = (&*self.endpoint, self.endpoint.tuning.now());
        if self.probes {
            endpoint.probed(Some(true));
            endpoint.recovered(now);
        }
        endpoint.succeeded(since(self.began, now), now);
        endpoint.forget_all(now);
    }

    /// Reports a failure: the endpoint failed, or was not there. Its share of failed requests makes
    /// it dearer for a while, its latency stays as it is, and it is ejected where that happens too
    /// often.
    pub fn failure(mut self) {
        self.told = true;
        let (endpoint, now) = (&*self.endpoint, self.endpoint.tuning.now());
        let too_bad = endpoint.failed(since(self.began, now), now);
        if self.probes {
            endpoint.probed(Some(false));
        } else if too_bad && let Some(inner) = endpoint.home.upgrade() {
            inner.eject(endpoint, None);
        }
        endpoint.forget_all(now);
    }

    /// It asks to be left alone, as an answer 429 or 503 does: out for that long (`Retry-After`, at most 300 s), if not
    /// too many are out, or a failure where it does not say.
    pub fn overloaded(mut self, retry_after: Option<Duration>) {
        let Some(after) = retry_after else { return self.failure() };
        self.told = true;
        let (endpoint, now) = (&*self.endpoint, self.endpoint.tuning.now());
        endpoint.failed(since(self.began, now), now);
        if self.probes {
            endpoint.probed(Some(false));
        }
        if let Some(inner) = endpoint.home.upgrade() {
            inner.eject(endpoint, Some(after.min(MAX_RETRY_AFTER)));
        }
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
        let endpoint = &*self.endpoint;
        if self.told {
            endpoint.calls.end();
            return;
        }
        endpoint.calls.give_up();
        let now = endpoint.tuning.now();
        endpoint.estimate.at_least(since(self.began, now), now);
        if self.probes {
            endpoint.probed(None);
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
