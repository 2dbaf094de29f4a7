use crate::error::Error;
use std::time::{Duration, Instant};
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow, error::SqlState};

/// How long a lock is waited for, and how often that is tried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retry {
    pub(crate) lock_timeout: Duration,
    pub(crate) tries: u32,
}

impl Retry {
    /// Whether it may go better next time: a lock that others had, or a deadlock that was resolved at our cost.
    pub(crate) fn is_passing(error: &tokio_postgres::Error) -> bool {
        [SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_DEADLOCK_DETECTED]
            .iter()
            .any(|code| error.code() == Some(code))
    }

    /// Waits between two tries: 50 ms and doubling to 5 s, of which a random half, so that two do not meet again.
    pub(crate) async fn back_off(nth: u32) {
        let most = 50_u64.saturating_mul(1 << nth.min(10)).min(5000);
        tokio::time::sleep(Duration::from_millis(most / 2 + fastrand::u64(0..=most / 2))).await;
    }
}

/// Runs statements as one transaction in one message: all of them happen or none, also if the future is dropped, and
/// the session is as before. Tried again while others hold the locks.
pub(crate) async fn transaction(
    client: &Client,
    retry: Retry,
    doing: &str,
    statements: &[String],
) -> Result<Vec<SimpleQueryMessage>, Error> {
    let sql = format!(
        "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = {}; SET LOCAL statement_timeout = 0; \
         SET LOCAL row_security = off; {}",
        retry.lock_timeout.as_millis(),
        statements.join("; ")
    );
    let began = Instant::now();
    for nth in 0.. {
        match client.simple_query(&sql).await {
            Ok(answer) => return Ok(answer),
            Err(error) if Retry::is_passing(&error) => {
                if nth + 1 >= retry.tries {
                    return Err(Error::busy(doing, began.elapsed(), Some(error)));
                }
                Retry::back_off(nth).await;
            }
            Err(error) => return Err(Error::step(doing, error)),
        }
    }
    unreachable!("the loop has no end")
}

/// The rows of a simple query.
pub(crate) fn rows(answer: &[SimpleQueryMessage]) -> impl Iterator<Item = &SimpleQueryRow> {
    answer.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    })
}
