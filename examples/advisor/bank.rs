//! The tables of pgbench, with faults in them and statements on them.

use perfect21_db_stats::Statements;
use std::time::{Duration, Instant};
use tokio_postgres::{Client, Error, NoTls};

const REPORT: &str = "SELECT pg_sleep($1) /* a report */";

pub(crate) struct Bank {
    client: Client,
    url: String,
    accounts: u32,
    /// What the bank's own calls of its report cost: the server keeps no percentiles.
    statements: Statements,
}

/// Faults as they happen to people, before the last time that somebody cleaned up.
const FAULTS: &[&str] = &[
    // Deletes of an account read all of the history, which has no index and no primary key.
    "ALTER TABLE pgbench_history ADD FOREIGN KEY (aid) REFERENCES pgbench_accounts",
    "CREATE INDEX accounts_bid ON pgbench_accounts (bid)",
    "CREATE INDEX accounts_bid_aid ON pgbench_accounts (bid, aid)",
    "CREATE INDEX \"accounts by Balance\" ON pgbench_accounts (abalance)",
    "ALTER TABLE pgbench_tellers ADD CONSTRAINT sane CHECK (tbalance > -1000000) NOT VALID",
    "CREATE TABLE receipts (id serial PRIMARY KEY, text text)",
    "SELECT setval('receipts_id_seq', 2100000000)",
    "SELECT pg_create_physical_replication_slot('forgotten_replica', true)",
    // Nine of ten rows go, and leave their room behind.
    "CREATE TABLE sessions (id int PRIMARY KEY, data text NOT NULL)",
    "INSERT INTO sessions SELECT n, repeat('x', 100) FROM generate_series(1, 150000) n",
    "DELETE FROM sessions WHERE id % 10 <> 0",
];

/// Faults that are there because nobody cleans up after them.
const LATE: &[&str] = &[
    "UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid % 2 = 0",
    "CREATE TABLE imported AS SELECT n AS id FROM generate_series(1, 30000) n",
];

impl Bank {
    pub(crate) async fn open(url: &str, accounts: u32) -> Result<Self, Error> {
        let branches = accounts.div_ceil(10_000);
        let fill = format!(
            "CREATE TABLE pgbench_branches (bid int PRIMARY KEY, bbalance int, filler char(88));
             CREATE TABLE pgbench_tellers (tid int PRIMARY KEY, bid int, tbalance int, filler char(84));
             CREATE TABLE pgbench_accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(84));
             CREATE TABLE pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22));
             INSERT INTO pgbench_branches SELECT n, 0, '' FROM generate_series(1, {branches}) n;
             INSERT INTO pgbench_tellers SELECT n, (n - 1) / 10 + 1, 0, '' FROM generate_series(1, {branches} * 10) n;
             INSERT INTO pgbench_accounts SELECT n, (n - 1) / 10000 + 1, 0, '' FROM generate_series(1, {accounts}) n;
             INSERT INTO pgbench_history
                SELECT n % ({branches} * 10) + 1, n % {branches} + 1, n % {accounts} + 1, n, now(), ''
                FROM generate_series(1, {accounts}) n;
             CREATE EXTENSION pg_stat_statements"
        );
        let client = connect(url).await?;
        let bank = Self { client, url: url.to_owned(), accounts, statements: Statements::new(100) };
        bank.apart(&[&fill]).await?;
        // Not every server has it: without it the advisor estimates.
        let _ = bank.client.batch_execute("CREATE EXTENSION hypopg").await;
        Ok(bank)
    }

    /// In a session of its own, at whose end the server counts what it did.
    async fn apart(&self, statements: &[&str]) -> Result<(), Error> {
        let client = connect(&self.url).await?;
        for statement in statements {
            client.batch_execute(statement).await?;
        }
        self.end(client).await
    }

    async fn end(&self, client: Client) -> Result<(), Error> {
        let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await?.get(0);
        drop(client);
        self.until("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)", pid).await
    }

    pub(crate) async fn plant_faults(&self) -> Result<(), Error> {
        self.apart(FAULTS).await?;
        self.apart(&["VACUUM ANALYZE"]).await?;
        self.apart(LATE).await?;
        // It fails, since a branch has more than one teller, and stays behind invalid.
        let _ = self
            .client
            .batch_execute("CREATE UNIQUE INDEX CONCURRENTLY one_teller ON pgbench_tellers (bid)")
            .await;
        self.client.batch_execute("SELECT pg_stat_statements_reset()").await
    }

    /// Transfers, statements of account and a report that takes `slowness` times as long as at first. In a session of
    /// its own, at whose end the server counts what it did.
    pub(crate) async fn work(&self, slowness: u32) -> Result<(), Error> {
        let client = connect(&self.url).await?;
        let deposit =
            client.prepare("UPDATE pgbench_accounts SET abalance = abalance + $1 WHERE aid = $2").await?;
        let listing = client.prepare("SELECT delta, mtime FROM pgbench_history WHERE aid = $1").await?;
        let overview = client.prepare(
            "SELECT a.aid, h.delta FROM pgbench_tellers t JOIN pgbench_history h ON h.tid = t.tid
                            JOIN pgbench_accounts a ON a.aid = h.aid WHERE t.tid = $1 AND h.delta < 1000",
        );
        let overview = overview.await?;
        for nth in 0..200_u32 {
            let account = (nth * 7919 % self.accounts) as i32 + 1;
            client.execute(&deposit, &[&1_i32, &account]).await?;
            client.query(&listing, &[&account]).await?;
            if nth % 10 == 0 {
                client.query(&overview, &[&(nth as i32 % 10 + 1)]).await?;
                let seconds = f64::from(slowness) * 0.003;
                let timer = self.statements.start(REPORT);
                let rows = client.query(REPORT, &[&seconds]).await?;
                timer.end(Ok(rows.len() as u64));
            }
        }
        self.end(client).await
    }

    pub(crate) fn statements(&self) -> &Statements {
        &self.statements
    }

    /// A session that began something and went away for lunch, and one that waits for it: both end when dropped.
    pub(crate) async fn forget_a_transaction(&self) -> Result<(Client, tokio::task::JoinHandle<()>), Error> {
        let lunch = connect(&self.url).await?;
        lunch
            .batch_execute("SET application_name = 'lunch'; BEGIN; UPDATE pgbench_branches SET bbalance = 1")
            .await?;
        let waiting = connect(&self.url).await?;
        let pid: i32 = waiting.query_one("SELECT pg_backend_pid()", &[]).await?.get(0);
        let task = tokio::spawn(async move {
            // It is ended when the other one goes.
            let _ = waiting.batch_execute("UPDATE pgbench_branches SET bbalance = 2").await;
        });
        let look = "SELECT coalesce(bool_or(state = 'active' AND now() - state_change > '1.5 s'), false)
                    FROM pg_stat_activity WHERE pid = $1";
        self.until(look, pid).await?;
        Ok((lunch, task))
    }

    /// Asks until it is so, for at most 10 s.
    async fn until(&self, look: &str, pid: i32) -> Result<(), Error> {
        let began = Instant::now();
        while !self.client.query_one(look, &[&pid]).await?.get::<_, bool>(0) && began.elapsed().as_secs() < 10
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

async fn connect(url: &str) -> Result<Client, Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
