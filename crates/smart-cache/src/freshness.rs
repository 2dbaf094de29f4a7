//! How long a value is good, and for what.

use perfect21_core::ConfigError;
use std::time::Duration;

/// How long a value is good: *fresh* until its soft TTL, then *stale* (better than nothing, and to be replaced) until its
/// hard TTL.
///
/// For caches over something slow; [`Loader`](crate::Loader) is made of it. Kept with the time that a value was loaded
/// at, it needs no clock of its own.
///
/// ```
/// use perfect21_smart_cache::{Freshness, freshness::Age};
/// use std::time::Duration;
///
/// let rates = Freshness::new(Duration::from_secs(60)).stale_for(Duration::from_secs(600));
/// assert_eq!(rates.age(Duration::from_secs(59)), Age::Fresh);
/// assert_eq!(rates.age(Duration::from_secs(60)), Age::Stale);
/// assert_eq!(rates.age(Duration::from_secs(660)), Age::Over);
/// assert_eq!(rates.left(Duration::from_secs(60)), Duration::from_secs(600));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "it only describes"]
pub struct Freshness {
    soft: Duration,
    stale: Duration,
}

/// What a value of some age is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "before, between and after two moments")]
pub enum Age {
    /// To be answered.
    Fresh,
    /// To be answered where there is nothing better, and to be replaced.
    Stale,
    /// Nothing.
    Over,
}

impl Freshness {
    /// Fresh for so long, and over then.
    pub fn new(soft: Duration) -> Self {
        Self { soft, stale: Duration::ZERO }
    }

    /// For how long more it is stale. Default: not at all.
    pub fn stale_for(mut self, stale: Duration) -> Self {
        self.stale = stale;
        self
    }

    /// Checks that it is fresh at all, and ends some time.
    ///
    /// # Errors
    /// If the soft TTL is zero, or both together are too long to be counted.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.soft.is_zero() {
            return Err(ConfigError::new("ttl", format_args!("{:?}", self.soft), "must be above zero"));
        }
        if self.soft.checked_add(self.stale).is_none() {
            let value = format!("{:?} and {:?}", self.soft, self.stale);
            return Err(ConfigError::new("ttl", value, "is past the clock's range"));
        }
        Ok(())
    }

    /// Until when a value is fresh.
    #[must_use]
    pub fn soft(&self) -> Duration {
        self.soft
    }

    /// Until when it is of use at all.
    #[must_use]
    pub fn hard(&self) -> Duration {
        self.soft.saturating_add(self.stale)
    }

    /// What a value is good for that was loaded so long ago.
    #[must_use]
    pub fn age(&self, age: Duration) -> Age {
        if age < self.soft {
            Age::Fresh
        } else if age < self.hard() {
            Age::Stale
        } else {
            Age::Over
        }
    }

    /// How much longer it is of use.
    #[must_use]
    pub fn left(&self, age: Duration) -> Duration {
        self.hard().saturating_sub(age)
    }
}

/// By how much to shorten a TTL: a random part of up to this share of it, from 0 to 1, so that what was loaded together
/// is not over together.
#[must_use]
pub fn jitter(ttl: Duration, share: f64) -> Duration {
    if share > 0.0 { ttl.mul_f64(share.min(1.0) * fastrand::f64()) } else { Duration::ZERO }
}
