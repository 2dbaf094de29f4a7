//! What one user leaves on a connection, and what the next one finds.

use crate::Result;
use perfect21_db_stats::{Connection, Pool};
use perfect21_examples::server::Server;
use std::{
    io::{self, Write},
    time::{Duration, Instant},
};

/// With one connection, so that the next user cannot have another one.
pub(crate) async fn show(server: &Server) -> Result<()> {
    let pool = Pool::builder(server.config()).name("one connection").max_size(1).build()?;
    pool.fill().await?;
    let mut out = io::stdout();
    writeln!(out, "\nWhat a user leaves on a connection, and what the next one finds there")?;
    writeln!(out, "  {:<34} {:>12}  found", "left", "next served")?;
    for (what, sql, cut) in [
        ("nothing", "SELECT 1", false),
        ("an open transaction", "BEGIN", false),
        ("a failed transaction", "BEGIN; SELECT 1 / 0", false),
        ("SET work_mem", "SET work_mem = '77MB'", false),
        ("a temporary table, a lock", "CREATE TEMP TABLE mine (i int); SELECT pg_advisory_lock(7)", false),
        ("a statement of 10 s, given up", "SELECT pg_sleep(10)", true),
    ] {
        let mut connection = pool.get().await?;
        if cut {
            let _ = tokio::time::timeout(Duration::from_millis(50), connection.query(sql, &[])).await;
        } else {
            // Some of them fail: that is what they leave.
            let _ = connection.batch_execute(sql).await;
        }
        drop(connection);
        let begin = Instant::now();
        let mut next = pool.get().await?;
        let found = look(&mut next).await?;
        writeln!(out, "  {what:<34} {:>12}  {found}", format!("{:.1?}", begin.elapsed()))?;
    }
    Ok(())
}

async fn look(connection: &mut Connection) -> Result<String> {
    let sql = "SELECT current_setting('work_mem'), (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'), \
               to_regclass('pg_temp.mine') IS NULL, now() = statement_timestamp() OR txid_current_if_assigned() IS NULL";
    let row = connection.query_one(sql, &[]).await?;
    let (memory, locks, no_table, fresh): (&str, i64, bool, bool) =
        (row.get(0), row.get(1), row.get(2), row.get(3));
    let as_new = locks == 0 && no_table && fresh && memory != "77MB";
    Ok(format!("{} (work_mem {memory}, {locks} locks)", if as_new { "as new" } else { "NOT as new" }))
}
