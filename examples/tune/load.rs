//! A small load: three statements, one after the other, by one client. It shows that settings count; how much they bring
//! for other work it does not say.

use super::Result;
use std::{
    io::{self, Write},
    time::{Duration, Instant},
};
use tokio_postgres::Client;

const ROWS: u32 = 150_000;
const TIMES: usize = 9;

const STATEMENTS: [(&str, &str); 3] = [
    ("sort of all orders", "SELECT count(*) FROM (SELECT note FROM orders ORDER BY note OFFSET 0) s"),
    (
        "customers grouped",
        "SELECT count(*) FROM (SELECT customer, sum(cents) FROM orders GROUP BY customer) s",
    ),
    ("1875 orders changed", "UPDATE orders SET cents = cents + 1 WHERE id % 80 = 7"),
];

pub(super) struct Figures {
    /// The median of each statement.
    medians: Vec<Duration>,
    temporary: i64,
}

pub(super) async fn fill(client: &Client) -> Result<()> {
    let make = format!(
        "CREATE TABLE orders (id int PRIMARY KEY, customer int, cents int, note text);
         INSERT INTO orders SELECT n, n % 30000, n % 997, md5(n::text) FROM generate_series(1, {ROWS}) n"
    );
    Ok(client.batch_execute(&make).await?)
}

pub(super) async fn measure(client: &Client) -> Result<Figures> {
    let mut medians = Vec::new();
    for (_, statement) in STATEMENTS {
        // Not counted: the first run reads the table into memory.
        client.batch_execute(statement).await?;
        let mut times = Vec::new();
        for _ in 0..TIMES {
            let began = Instant::now();
            client.batch_execute(statement).await?;
            times.push(began.elapsed());
        }
        times.sort();
        medians.push(times[TIMES / 2]);
    }
    // One plan says exactly what the counters of the server say a little later.
    let explain = format!("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {}", STATEMENTS[0].1);
    let row = client.query_one(&explain, &[]).await?;
    let plan: serde_json::Value = row.try_get::<_, Json>(0)?.0;
    let temporary = plan[0]["Plan"]["Temp Written Blocks"].as_i64().unwrap_or(0) * 8192;
    Ok(Figures { medians, temporary })
}

struct Json(serde_json::Value);

impl<'a> tokio_postgres::types::FromSql<'a> for Json {
    fn from_sql(
        _: &tokio_postgres::types::Type,
        raw: &'a [u8],
    ) -> std::result::Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(serde_json::from_slice(raw)?))
    }

    fn accepts(kind: &tokio_postgres::types::Type) -> bool {
        *kind == tokio_postgres::types::Type::JSON
    }
}

pub(super) fn show(before: &Figures, after: &Figures, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "\nThree statements over {ROWS} orders, one client, median of {TIMES}, nothing forced to the disk:"
    )?;
    for ((name, _), (before, after)) in STATEMENTS.iter().zip(before.medians.iter().zip(&after.medians)) {
        let (was, is) = (format!("{before:.1?}"), format!("{after:.1?}"));
        let ratio = before.as_secs_f64() / after.as_secs_f64();
        writeln!(out, "  {name:<22} {was:>9} → {is:>9}  {ratio:.2} times as fast")?;
    }
    let mib = |bytes: i64| bytes >> 20;
    writeln!(
        out,
        "  temporary files of the sort: {} MiB → {} MiB\n  What a small server keeps in the page cache anyway is hardly faster, and \
         times differ by half from run to run on a busy machine: measure your own work.",
        mib(before.temporary),
        mib(after.temporary)
    )
}
