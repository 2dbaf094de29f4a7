use super::{
    Balancer, EndpointId,
    endpoint::Endpoint,
    estimate::nanos,
    inner::Inner,
    retry::Budget,
    set::{Set, Slot},
    stats::Label,
    tuning::Tuning,
};
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use perfect21_core::{Clock, ConfigError, SystemClock};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64},
    },
    time::Duration,
};

/// What an endpoint costs, beside the requests that it has in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Policy {
    /// Its estimated latency, which jumps to each peak and sinks by an exponentially weighted mean (as Finagle's).
    #[default]
    PeakEwma,
    /// The same for all: least requests in flight.
    LeastInFlight,
}

/// Settings of a [`Balancer`]; made by [`Balancer::builder`].
#[must_use = "a builder does nothing until .build()"]
pub struct BalancerBuilder<E> {
    name: String,
    endpoints: Vec<E>,
    label: Label<E>,
    policy: Policy,
    decay: Duration,
    failure_penalty: Duration,
    window: Duration,
    min_requests: u64,
    min_success: f64,
    max_failures_in_a_row: u32,
    ejection: (Duration, Duration),
    max_ejected: f64,
    slow_start: Duration,
    max_retries: usize,
    retry_budget: (f64, u32),
    clock: Arc<dyn Clock>,
}

impl<E> BalancerBuilder<E> {
    pub(super) fn new(endpoints: impl IntoIterator<Item = E>) -> Self {
        Self {
            name: "balancer".to_owned(),
            endpoints: endpoints.into_iter().collect(),
            label: Box::new(|id, _| format!("#{}", id.0)),
            policy: Policy::default(),
            decay: Duration::from_secs(3),
            failure_penalty: Duration::from_millis(200),
            window: Duration::from_secs(10),
            min_requests: 10,
            min_success: 0.7,
            max_failures_in_a_row: 5,
            ejection: (Duration::from_secs(1), Duration::from_secs(2)),
            max_ejected: 0.5,
            slow_start: Duration::from_secs(2),
            max_retries: 2,
            retry_budget: (0.2, 10),
            clock: Arc::new(SystemClock),
        }
    }

    /// The name in metrics and logs. Default: `balancer`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// What an endpoint is called in metrics. Default: its number.
    pub fn label(mut self, label: impl Fn(&E) -> String + Send + Sync + 'static) -> Self {
        self.label = Box::new(move |_, endpoint| label(endpoint));
        self
    }

    /// What an endpoint costs. Default: [`Policy::PeakEwma`].
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// How fast a latency is forgotten: after this time a peak counts by 37 %. Default: 3 s.
    pub fn decay(mut self, decay: Duration) -> Self {
        self.decay = decay;
        self
    }

    /// Sets what a failed request costs, as a latency. Default: 200 ms.
    ///
    /// The cost is at least this, at least ten times the usual latency, and at least the time the
    /// request took. It counts by the share of the endpoint's recent requests that failed: with 200
    /// ms and 1 % of failures an endpoint with answers in 5 ms costs as much as one with answers in
    /// 7 ms and no failures. At most a day.
    pub fn failure_penalty(mut self, penalty: Duration) -> Self {
        self.failure_penalty = penalty;
        self
    }

    /// An endpoint is ejected when of its requests of the last `window`, if there were `min_requests`, a smaller share than
    /// `min_success` succeeded. Default: 10 s, 10 and 0.7.
    pub fn ejection_by_share(mut self, window: Duration, min_requests: u64, min_success: f64) -> Self {
        (self.window, self.min_requests, self.min_success) = (window, min_requests, min_success);
        self
    }

    /// An endpoint is ejected when so many requests in a row failed. Default: 5.
    pub fn ejection_in_a_row(mut self, failures: u32) -> Self {
        self.max_failures_in_a_row = failures;
        self
    }

    /// How long an endpoint is out: the first time, doubled for each time in a row, and the most.
    /// Default: 1 s and 2 s; what that costs is one request each time, which goes to another
    /// endpoint if it is [run](Balancer::run) with retries.
    pub fn ejection_time(mut self, first: Duration, most: Duration) -> Self {
        self.ejection = (first, most);
        self
    }

    /// The share of the endpoints that may be out at once, from 0 to 1; one that fails when so many are out stays in.
    /// Default: 0.5.
    pub fn max_ejected(mut self, share: f64) -> Self {
        self.max_ejected = share;
        self
    }

    /// How long a new endpoint, and one that was out, takes to get its whole share. Default: 2 s; zero is at once.
    pub fn slow_start(mut self, slow_start: Duration) -> Self {
        self.slow_start = slow_start;
        self
    }

    /// How often [`run`](Balancer::run) asks another endpoint after a failure, at the most. Default: 2.
    pub fn max_retries(mut self, retries: usize) -> Self {
        self.max_retries = retries;
        self
    }

    /// What retries all requests together may make: a share of the requests, and so many a second on top. Default: 0.2 and
    /// 10. When everything fails, retries would only add to it.
    pub fn retry_budget(mut self, share: f64, min_per_second: u32) -> Self {
        self.retry_budget = (share, min_per_second);
        self
    }

    /// Where the time is read. Default: the system's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Makes the balancer.
    ///
    /// # Errors
    /// If a time is zero that must not be, a share is not from 0 to 1, or a count is zero.
    pub fn build(self) -> Result<Balancer<E>, ConfigError> {
        self.check()?;
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let tuning = Tuning {
            policy: self.policy,
            decay_ns: nanos(self.decay),
            failure_ns: nanos(self.failure_penalty),
            window_ns: u64::try_from(self.window.as_nanos()).unwrap_or(u64::MAX),
            min_requests: self.min_requests,
            min_success: self.min_success,
            max_failures_in_a_row: self.max_failures_in_a_row,
            first_ejection_ms: millis(self.ejection.0).max(1),
            max_ejection_ms: millis(self.ejection.1).max(1),
            max_ejected: self.max_ejected,
            slow_start_ms: millis(self.slow_start),
            made: self.clock.now(),
            clock: self.clock,
            usual: AtomicU64::new(nanos(FIRST_ESTIMATE).to_bits()),
            forgot_at: AtomicU64::new(0),
        };
        let (tuning, endpoints) = (Arc::new(tuning), self.endpoints);
        let inner = Arc::new_cyclic(|home| {
            let slots = endpoints.into_iter().zip(0..).map(|(endpoint, id)| Slot {
                endpoint: Arc::new(Endpoint::new(EndpointId(id), endpoint, 0, &tuning, home)),
                weight: 1.0,
            });
            let slots: Vec<_> = slots.collect();
            Inner {
                name: self.name,
                label: self.label,
                next_id: AtomicU64::new(slots.len() as u64),
                set: ArcSwap::from_pointee(Set::new(slots)),
                changing: Mutex::new(Vec::new()),
                has_new: AtomicBool::new(false),
                budget: Budget::new(self.retry_budget.0, self.retry_budget.1),
                max_retries: self.max_retries,
                check_is_off: AtomicBool::new(false),
                tuning: Arc::clone(&tuning),
            }
        });
        Ok(Balancer { inner })
    }

    fn check(&self) -> Result<(), ConfigError> {
        let times = [
            ("decay", self.decay),
            ("failure_penalty", self.failure_penalty),
            ("window of ejection_by_share", self.window),
            ("first time of ejection_time", self.ejection.0),
        ];
        if let Some((setting, _)) = times.into_iter().find(|(_, time)| time.is_zero()) {
            return Err(ConfigError::new(setting, "0 s", "must be above zero"));
        }
        if self.ejection.1 < self.ejection.0 {
            let rule = format!("must not be below the first time ({:?})", self.ejection.0);
            return Err(ConfigError::new("most of ejection_time", format!("{:?}", self.ejection.1), rule));
        }
        let shares = [
            ("min_success of ejection_by_share", self.min_success),
            ("max_ejected", self.max_ejected),
            ("share of retry_budget", self.retry_budget.0),
        ];
        if let Some((setting, share)) = shares.into_iter().find(|(_, share)| !(0.0..=1.0).contains(share)) {
            return Err(ConfigError::new(setting, share, "must be from 0 to 1"));
        }
        let counts = [
            ("min_requests of ejection_by_share", self.min_requests),
            ("ejection_in_a_row", self.max_failures_in_a_row.into()),
        ];
        match counts.into_iter().find(|(_, count)| *count == 0) {
            Some((setting, _)) => Err(ConfigError::new(setting, 0, "must be at least 1")),
            None => Ok(()),
        }
    }
}

/// What an answer is taken to need before the first one: it only has to be the same for all.
const FIRST_ESTIMATE: Duration = Duration::from_millis(1);

impl<E> fmt::Debug for BalancerBuilder<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BalancerBuilder")
            .field("name", &self.name)
            .field("endpoints", &self.endpoints.len())
            .field("policy", &self.policy)
            .field("decay", &self.decay)
            .finish_non_exhaustive()
    }
}
