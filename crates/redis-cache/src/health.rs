use crate::{Error, ErrorKind, redis_cache::Core};
use std::time::{Duration, Instant};

/// Whether the servers answer.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Health {
    /// All do.
    Ready {
        /// How long it took until the last of them had.
        round_trip: Duration,
    },
    /// They do, and something that makes the cache fast or current does not work.
    Degraded {
        /// What.
        why: String,
    },
    /// One or all of them do not, for this reason.
    Down(Error),
}

impl Health {
    /// Whether it is [`Ready`](Self::Ready).
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Ready { .. })
    }
}

pub(crate) async fn ask(core: &Core, deadline: Duration) -> Health {
    let asked = Instant::now();
    let answered = within(deadline, core.backend.ping()).await.unwrap_or_else(|| {
        Err(Error::new(ErrorKind::Timeout, format!("redis did not answer a ping within {deadline:?}")))
    });
    match answered {
        Ok(()) if core.near.as_ref().is_some_and(|near| !near.is_open()) => Health::Degraded {
            why: "the connections that hear of changes are not there: every lookup asks the server"
                .to_owned(),
        },
        Ok(()) => Health::Ready { round_trip: asked.elapsed() },
        Err(error) => Health::Down(error),
    }
}

pub(crate) async fn close(core: &Core, deadline: Duration) -> bool {
    if let Some(near) = &core.near {
        near.close().await;
    }
    within(deadline, core.backend.close()).await.is_some()
}

async fn within<T>(deadline: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(deadline, work).await.ok()
}
