use crate::{ErrorKind, entry::Rejected};
use std::sync::atomic::{AtomicU64, Ordering};

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

            pub(super) fn read(&self) -> $counts {
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
        /// There was no connection, or it was given up for a while.
        Unavailable => unavailable,
        /// The server did not answer in time.
        Timeout => timeout,
        /// Too many commands waited.
        Backpressure => backpressure,
        /// The server answered with an error.
        Server => server,
        /// A value was larger than it may be.
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
        /// A codec that is not the cache's.
        Codec => codec,
        /// A value of another type, or of another version of it.
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
