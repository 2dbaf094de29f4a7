use crate::{ErrorKind, envelope::Rejected};
use std::sync::atomic::{AtomicU64, Ordering};

/// What happened in a [`Cache`](crate::Cache) since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Lookups that found a value.
    pub hits: u64,
    /// Lookups that did not, rejected values and, under [`MissOnError`](crate::ErrorPolicy::MissOnError), failed
    /// lookups included.
    pub misses: u64,
    /// Values set, those of loads included.
    pub sets: u64,
    /// Removals that the server confirmed, whether or not there was a value.
    pub removes: u64,
    /// Loads begun.
    pub loads: u64,
    /// Loads that brought no value: an error, a panic, or a caller who went away.
    pub load_failures: u64,
    /// Callers who missed and were served by another caller's load.
    pub coalesced: u64,
    /// Loaded values that were not stored because the key was written meanwhile.
    pub overtaken: u64,
    /// Commands that failed, by kind, whether or not a caller saw the error.
    pub errors: ErrorCounts,
    /// Bytes under our keys that were no value of the cache, by reason.
    pub rejected: RejectCounts,
}

impl Stats {
    /// The share of lookups that hit; `None` before the first.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a ratio of counts needs no more than 53 bits")]
    pub fn hit_rate(&self) -> Option<f64> {
        match self.hits + self.misses {
            0 => None,
            lookups => Some(self.hits as f64 / lookups as f64),
        }
    }
}

/// Numbers of events, each in its own atomic.
macro_rules! tally {
    ($tally:ident, $(#[$doc:meta])* $counts:ident, $event:ident { $($(#[$field_doc:meta])* $variant:ident => $field:ident),+ $(,)? }) => {
        #[derive(Default)]
        pub(crate) struct $tally {
            $($field: AtomicU64,)+
        }

        impl $tally {
            pub(crate) fn count(&self, event: $event) {
                let counter = match event {
                    $($event::$variant => &self.$field,)+
                };
                counter.fetch_add(1, Ordering::Relaxed);
            }

            fn read(&self) -> $counts {
                $counts { $($field: self.$field.load(Ordering::Relaxed),)+ }
            }
        }

        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        #[non_exhaustive]
        pub struct $counts {
            $($(#[$field_doc])* pub $field: u64,)+
        }

        impl $counts {
            /// All of them.
            #[must_use]
            pub fn total(&self) -> u64 {
                self.by_name().map(|(_, count)| count).iter().sum()
            }

            pub(crate) fn by_name(&self) -> [(&'static str, u64); [$(stringify!($field)),+].len()] {
                [$((stringify!($field), self.$field)),+]
            }
        }
    };
}

tally!(
    ErrorTally,
    /// Failed commands by [`ErrorKind`].
    ErrorCounts,
    ErrorKind {
        /// A setting was wrong.
        Config => config,
        /// There was no connection.
        Unavailable => unavailable,
        /// The server did not answer in time.
        Timeout => timeout,
        /// Too many commands waited.
        Backpressure => backpressure,
        /// The server answered with an error.
        Server => server,
        /// A key or value was larger than it may be.
        TooLarge => too_large,
        /// A value could not be encoded.
        Encode => encode,
    }
);

tally!(
    RejectTally,
    /// Bytes that were no value of the cache, by reason. Each is a miss.
    RejectCounts,
    Rejected {
        /// Something else wrote them: not our envelope, or not a string in Redis.
        Foreign => foreign,
        /// An envelope of another version.
        Version => version,
        /// A codec that is not known here.
        Codec => codec,
        /// Of another type, or of another version of it.
        Schema => schema,
        /// Cut short, or with bytes behind the end.
        Length => length,
        /// Altered.
        Checksum => checksum,
        /// Over `max_value_bytes`.
        TooLarge => too_large,
        /// Whole, but not of the cache's type.
        Type => wrong_type,
    }
);

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) hits: AtomicU64,
    pub(crate) misses: AtomicU64,
    pub(crate) sets: AtomicU64,
    pub(crate) removes: AtomicU64,
    pub(crate) loads: AtomicU64,
    pub(crate) load_failures: AtomicU64,
    pub(crate) coalesced: AtomicU64,
    pub(crate) overtaken: AtomicU64,
    pub(crate) errors: ErrorTally,
    pub(crate) rejected: RejectTally,
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counters {
    pub(crate) fn read(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            hits: read(&self.hits),
            misses: read(&self.misses),
            sets: read(&self.sets),
            removes: read(&self.removes),
            loads: read(&self.loads),
            load_failures: read(&self.load_failures),
            coalesced: read(&self.coalesced),
            overtaken: read(&self.overtaken),
            errors: self.errors.read(),
            rejected: self.rejected.read(),
        }
    }
}
