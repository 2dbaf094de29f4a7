//! How the server goes about statements that were slow.

use crate::{Fingerprint, Pool, error::Error, statement::SlowKey};
use foldhash::fast::RandomState;
use lru::LruCache;
use perfect21_core::ConfigError;
use std::{
    fmt,
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{runtime::Handle, sync::mpsc, task::AbortHandle};
use tokio_postgres::Client;

/// The plan of a statement that was slow.
#[derive(Debug)]
#[non_exhaustive]
pub struct SlowPlan {
    /// Which statement.
    pub fingerprint: Fingerprint,
    /// Its normalised text, which is what was planned.
    pub sql: Arc<str>,
    /// The server's plan for any parameters, as `EXPLAIN` shows it; or why there is none.
    pub plan: Result<String, Error>,
}

/// Asks the server for the plans of slow statements, in the background, until it is dropped.
///
/// What is slow is said by the pool's [`SlowLog`](crate::SlowLog). Each statement is planned once within
/// [`again_after`](SlowPlansBuilder::again_after), one at a time, and never run.
///
/// ```no_run
/// # fn example(pool: perfect21_db_stats::Pool) -> Result<(), perfect21_db_stats::ConfigError> {
/// use perfect21_db_stats::SlowPlans;
///
/// let _plans = SlowPlans::builder(pool)
///     .on_plan(|slow| match &slow.plan {
///         Ok(plan) => eprintln!("{}\n{plan}", slow.sql),
///         Err(error) => eprintln!("{} has no plan: {error}", slow.sql),
///     })
///     .build()?;
/// # Ok(())
/// # }
/// ```
///
/// # Bounds
/// 16 statements wait to be planned, others are left for their next slow call; the last 256 plans are remembered to have
/// been made. It uses one connection of the pool, for two statements of at most 5 s, and backs off while there is none.
#[derive(Debug)]
pub struct SlowPlans(AbortHandle);

type OnPlan = Box<dyn Fn(&SlowPlan) + Send + Sync>;

/// Settings of [`SlowPlans`]; made by [`SlowPlans::builder`].
#[must_use = "a builder does nothing until .build()"]
pub struct SlowPlansBuilder {
    pool: Pool,
    again_after: Duration,
    on_plan: Option<OnPlan>,
}

const WAITING: usize = 16;
const REMEMBERED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(255);

impl SlowPlans {
    /// Begins them for the slow statements of this pool.
    pub fn builder(pool: Pool) -> SlowPlansBuilder {
        SlowPlansBuilder { pool, again_after: Duration::from_mins(10), on_plan: None }
    }
}

impl SlowPlansBuilder {
    /// After how long a statement is planned again that is still slow. Default: 10 minutes.
    pub fn again_after(mut self, time: Duration) -> Self {
        self.again_after = time;
        self
    }

    /// What is called with each plan, in the background: it should neither block nor panic.
    pub fn on_plan(mut self, on_plan: impl Fn(&SlowPlan) + Send + Sync + 'static) -> Self {
        self.on_plan = Some(Box::new(on_plan));
        self
    }

    /// Starts them.
    ///
    /// # Errors
    /// If there is nobody to tell the plans to, the pool goes through a transaction pooler, where nothing can be prepared,
    /// or there is no tokio runtime.
    pub fn build(self) -> Result<SlowPlans, ConfigError> {
        let Some(on_plan) = self.on_plan else {
            return Err(ConfigError::new("on_plan", "none", "must say whom to tell the plans to"));
        };
        if self.pool.shared().settings.pooler {
            let rule = "needs sessions of its own: a pool without behind_transaction_pooler";
            return Err(ConfigError::new("pool", self.pool.name(), rule));
        }
        let runtime = Handle::try_current()
            .map_err(|error| ConfigError::new("runtime", error, "must be a tokio runtime, for its task"))?;
        let (sender, slow) = mpsc::channel(WAITING);
        self.pool.statements().tell_slow(sender);
        let task = runtime.spawn(run(self.pool, slow, self.again_after, on_plan));
        Ok(SlowPlans(task.abort_handle()))
    }
}

async fn run(pool: Pool, mut slow: mpsc::Receiver<Arc<SlowKey>>, again_after: Duration, on_plan: OnPlan) {
    let mut planned = LruCache::with_hasher(REMEMBERED, RandomState::default());
    while let Some(key) = slow.recv().await {
        let done = planned.get(&key.fingerprint).is_some_and(|last: &Instant| last.elapsed() < again_after);
        if done {
            continue;
        }
        planned.put(key.fingerprint, Instant::now());
        let plan = pool.explain(&key.sql).await;
        on_plan(&SlowPlan { fingerprint: key.fingerprint, sql: Arc::from(&*key.sql), plan });
    }
}

impl Drop for SlowPlans {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Pool {
    /// The server's plan of one statement for any parameters, as `EXPLAIN` shows it. Its parameters are `$1`, `$2`…, as in
    /// the texts of [`Statements`](crate::Statements). It is planned within 5 s and not run.
    ///
    /// # Errors
    /// As [`get`](Self::get) and [`Connection::query`](crate::Connection::query): `42601` for what is not one statement,
    /// `42P18` where a parameter could have any type.
    ///
    /// # Cancel safety
    /// Dropped, the connection is made as new in the background.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(pool: perfect21_db_stats::Pool) -> Result<(), perfect21_db_stats::Error> {
    /// println!("{}", pool.explain("SELECT name FROM products WHERE id = $1").await?);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn explain(&self, sql: &str) -> Result<String, Error> {
        let mut connection = self.get().await?;
        // Statements prepared as text outlive a transaction: dropped half-way, it is cleaned at its return, and where the
        // pool cleans nothing, what an earlier one left goes now.
        connection.leaves_names();
        connection.aside(async |client| client.batch_execute(FORGET).await).await?;
        let mut transaction = connection.transaction().await?;
        transaction
            .control("SET LOCAL statement_timeout = '5s'; SET LOCAL plan_cache_mode = force_generic_plan")
            .await?;
        let plan = transaction.aside(async |client| explain(client, sql).await).await;
        transaction.rollback().await?;
        connection.aside(async |client| client.batch_execute(FORGET).await).await?;
        plan
    }
}

const NAME: &str = "perfect21_explain";
const FORGET: &str = "DO $$ BEGIN IF EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE name = 'perfect21_explain') \
    THEN EXECUTE 'DEALLOCATE perfect21_explain'; END IF; END $$";

/// By a statement prepared as text, which works on all versions; through the extended protocol, which takes no second one.
async fn explain(client: &Client, sql: &str) -> Result<String, tokio_postgres::Error> {
    client.execute_typed(&format!("PREPARE {NAME} AS {sql}"), &[]).await?;
    let parameters = "SELECT pg_catalog.cardinality(parameter_types) FROM pg_catalog.pg_prepared_statements WHERE name = $1";
    let parameters: i32 = client.query_one(parameters, &[&NAME]).await?.get(0);
    let nulls = vec!["NULL"; usize::try_from(parameters).unwrap_or(0)].join(", ");
    let arguments = if nulls.is_empty() { String::new() } else { format!("({nulls})") };
    let rows = client.query_typed(&format!("EXPLAIN EXECUTE {NAME}{arguments}"), &[]).await?;
    Ok(rows.iter().map(|row| row.get::<_, &str>(0)).collect::<Vec<_>>().join("\n"))
}

impl fmt::Debug for SlowPlansBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlowPlansBuilder")
            .field("pool", &self.pool)
            .field("again_after", &self.again_after)
            .finish_non_exhaustive()
    }
}
