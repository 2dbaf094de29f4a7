use crate::TableName;
use futures_util::future::{Either, select};
use std::time::Duration;
use tokio_postgres::{Client, types::Type};

/// How far a build is, as a second session sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The table or partition that is worked on.
    pub table: TableName,
    /// The index.
    pub index: String,
    /// The server's word for what it does, as `building index: scanning table`.
    pub phase: String,
    /// Blocks of the table that are done in this phase.
    pub blocks_done: u64,
    /// Blocks in all, 0 where the phase does not count them.
    pub blocks_total: u64,
    /// Rows that are done in this phase.
    pub tuples_done: u64,
    /// Rows in all, 0 where the phase does not count them.
    pub tuples_total: u64,
    /// The session that is waited for, by its process.
    pub waits_for: Option<i32>,
    /// What that session does, if we may see it: its state and the first 200 letters of its statement.
    pub blocker: Option<String>,
}

/// Runs a build, and tells of it four times a second. What the watcher cannot read is not told, and stops nothing.
pub(super) async fn watched<T>(
    build: impl Future<Output = T>,
    watcher: Option<(&Client, i32)>,
    seen: &(TableName, String),
    tell: &mut (dyn FnMut(&Progress) + Send),
) -> T {
    let mut build = std::pin::pin!(build);
    let Some((watcher, pid)) = watcher else { return build.await };
    let mut ticks = tokio::time::interval(Duration::from_millis(250));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let look = async {
            ticks.tick().await;
            look(watcher, pid, seen).await
        };
        match select(&mut build, std::pin::pin!(look)).await {
            Either::Left((done, _)) => return done,
            Either::Right((Some(progress), _)) => tell(&progress),
            Either::Right((None, _)) => {}
        }
    }
}

async fn look(watcher: &Client, pid: i32, (table, index): &(TableName, String)) -> Option<Progress> {
    let look = "SELECT coalesce(p.phase, 'waiting for a lock'), coalesce(p.blocks_done, 0), coalesce(p.blocks_total, 0),
            coalesce(p.tuples_done, 0), coalesce(p.tuples_total, 0), w.pid,
            a.state || coalesce(': ' || pg_catalog.left(a.query, 200), '')
        FROM pg_catalog.pg_stat_activity b
        LEFT JOIN pg_catalog.pg_stat_progress_create_index p ON p.pid = b.pid
        CROSS JOIN LATERAL (SELECT coalesce(nullif(p.current_locker_pid, 0)::int4,
            (pg_catalog.pg_blocking_pids(b.pid))[1]) AS pid) w
        LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = w.pid
        WHERE b.pid = $1 AND b.state = 'active'";
    let rows = watcher.query_typed(look, &[(&pid, Type::INT4)]).await.ok()?;
    let row = rows.first()?;
    let count = |nth: usize| row.get::<_, i64>(nth).unsigned_abs();
    Some(Progress {
        table: table.clone(),
        index: index.clone(),
        phase: row.get(0),
        blocks_done: count(1),
        blocks_total: count(2),
        tuples_done: count(3),
        tuples_total: count(4),
        waits_for: row.get(5),
        blocker: row.get(6),
    })
}
