//! Sessions that write events of the clock's time, one after the other, and note what each insert took.

use perfect21_concurrency::{Clock as _, ManualClock};
use perfect21_db_stats::TableName;
use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime},
};
use tokio::task::JoinHandle;

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    rows: AtomicU64,
    longest_micros: AtomicU64,
}

pub(crate) struct Writers {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<Result<(), tokio_postgres::Error>>>,
}

impl Writers {
    pub(crate) async fn start(
        url: &str,
        table: &TableName,
        count: usize,
        clock: &ManualClock,
    ) -> Result<Self, Box<dyn Error>> {
        let shared = Arc::new(Shared::default());
        let mut tasks = Vec::with_capacity(count);
        for _ in 0..count {
            let client = crate::connect(url).await?;
            let sql = format!(
                "INSERT INTO {table} (at, kind, body) VALUES (to_timestamp($1), CASE WHEN $2 % 5 = 0 THEN 'order' ELSE 'visit' END, '{{\"page\": 1}}')"
            );
            let insert = client.prepare(&sql).await?;
            let (shared, clock) = (Arc::clone(&shared), clock.clone());
            tasks.push(tokio::spawn(async move {
                let mut nth = 0_i32;
                while !shared.stop.load(Relaxed) {
                    let began = Instant::now();
                    client.execute(&insert, &[&seconds(&clock), &nth]).await?;
                    let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
                    shared.longest_micros.fetch_max(micros, Relaxed);
                    shared.rows.fetch_add(1, Relaxed);
                    nth = nth.wrapping_add(1);
                }
                Ok(())
            }));
        }
        Ok(Self { shared, tasks })
    }

    /// Waits until so many more rows are written.
    pub(crate) async fn more(&self, rows: u64) -> Result<(), Box<dyn Error>> {
        let until = self.shared.rows.load(Relaxed) + rows;
        while self.shared.rows.load(Relaxed) < until {
            if self.tasks.iter().any(JoinHandle::is_finished) {
                return Err("a writer has stopped".into());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// The longest insert so far.
    pub(crate) fn longest(&self) -> Duration {
        Duration::from_micros(self.shared.longest_micros.load(Relaxed))
    }

    /// Ends them; returns how many rows they have written, and the longest insert.
    pub(crate) async fn stop(self) -> Result<(i64, Duration), Box<dyn Error>> {
        self.shared.stop.store(true, Relaxed);
        let longest = self.longest();
        for task in self.tasks {
            task.await??;
        }
        Ok((i64::try_from(self.shared.rows.load(Relaxed))?, longest))
    }
}

/// The clock's time in seconds, as the server takes it.
pub(crate) fn seconds(clock: &ManualClock) -> f64 {
    clock.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
