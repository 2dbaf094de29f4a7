//! The tuner on a real server: what it sees, what it does, and that it takes it back.
#![cfg(feature = "tuner")]

use crate::common::{self, outside};
use perfect21_db_stats::{
    ErrorKind,
    tuner::{Bytes, Context, Disk, Effect, Plan, Scope, Tuner, TunerBuilder, Value, Verdict, Workload},
};
use perfect21_test_support::postgres::Postgres;
use std::collections::BTreeMap;
use tokio_postgres::Client;

fn tuner() -> TunerBuilder {
    Tuner::builder()
        .memory(Bytes::gib(1))
        .cpus(16.0)
        .disk(Disk::Ssd)
        .room(Bytes::gib(10))
        .workload(Workload::Web)
}

/// The lines of `postgresql.auto.conf` without its comments, in the order of the names.
fn auto_conf(server: &Postgres) -> Vec<String> {
    let text = std::fs::read_to_string(server.socket_dir().join("data/postgresql.auto.conf")).unwrap();
    let mut lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).map(Into::into).collect();
    lines.sort();
    lines
}

/// All settings as a session sees them, without what a start makes anew.
async fn settings(client: &Client) -> BTreeMap<String, String> {
    let sql = "SELECT name, concat_ws(' ', setting, source, sourcefile, pending_restart) FROM pg_settings";
    let rows = client.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn show(client: &Client, setting: &str) -> String {
    client.query_one("SELECT current_setting($1)", &[&setting]).await.unwrap().get(0)
}

fn value(plan: &Plan, setting: &str) -> String {
    plan.proposal(setting).unwrap().proposed.as_ref().unwrap().to_string()
}

#[tokio::test]
async fn facts_say_where_they_are_from() {
    let server = Postgres::start_with(&[("jit", "on")]).unwrap();
    let client = outside(&server).await;
    client
        .batch_execute("CREATE EXTENSION pg_stat_statements; SET work_mem = '77MB'; SET jit = off")
        .await
        .unwrap();
    let facts = Tuner::builder().build().unwrap().facts(&client).await.unwrap();
    assert!(facts.is_local, "{facts}");
    let limits = perfect21_host_memory();
    assert_eq!(facts.memory.value().map(Bytes::get), limits, "{facts}");
    assert!(facts.memory.to_string().contains("(measured here: "), "{facts}");
    assert!(facts.cpus.value().unwrap() > 0.0);
    assert_eq!(facts.settings["shared_buffers"].value, Value::Bytes(Bytes::mib(128)));
    assert_eq!(facts.settings["shared_buffers"].unit.as_deref(), Some("8kB"));
    assert_eq!(facts.settings["shared_buffers"].context, Context::Restart);
    assert_eq!(facts.settings["work_mem"].value, Value::Bytes(Bytes::mib(4)), "not that of our session");
    assert_eq!(facts.settings["jit"].value, Value::Text("on".into()), "nor the look's own");
    assert_eq!(facts.settings["max_wal_size"].value, Value::Bytes(Bytes::gib(1)));
    assert_eq!(facts.settings["max_connections"].value, Value::Integer(200));
    assert!(facts.load.databases.unwrap() > Bytes::mib(10), "{facts}");
    assert!(facts.load.transactions.is_some() && facts.load.checkpoints_timed.is_some());
    // Before 15 a server says that only once its collector has written its first file.
    common::eventually("the log is counted", async || {
        let load = tuner().build().unwrap().facts(&client).await.unwrap().load;
        (load.wal.is_some() && load.wal_time.is_some(), load)
    })
    .await;
    assert_eq!((facts.unread.as_slice(), facts.file_errors.len()), (&[][..], 0));
    assert_eq!(facts.auto_file, Ok(BTreeMap::new()));
    assert_eq!(show(&client, "work_mem").await, "77MB", "the session has its own settings still");

    let facts = tuner().build().unwrap().facts(&client).await.unwrap();
    assert_eq!(facts.memory.to_string(), "1 GiB (given)");

    client.batch_execute("BEGIN").await.unwrap();
    let error = tuner().build().unwrap().facts(&client).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InTransaction);
}

/// The smallest of the machine's memory and our control group's limit, read in another way than the tuner's.
fn perfect21_host_memory() -> Option<u64> {
    let group = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let read = |path: String| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let limit = group.lines().find_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        match controllers {
            "memory" => read(format!("/sys/fs/cgroup/memory{path}/memory.limit_in_bytes"))
                .or_else(|| read("/sys/fs/cgroup/memory/memory.limit_in_bytes".into())),
            "" => read(format!("/sys/fs/cgroup{path}/memory.max")),
            _ => None,
        }
    });
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    let total = meminfo.lines().next()?.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024;
    Some(limit.unwrap_or(u64::MAX).min(total))
}

#[tokio::test]
async fn a_plan_is_applied_and_taken_back_byte_for_byte() {
    let server = Postgres::start().unwrap();
    let client = outside(&server).await;
    // What was there before comes back, and what was not goes.
    client.batch_execute("ALTER SYSTEM SET work_mem = '1234kB'").await.unwrap();
    client.batch_execute("ALTER SYSTEM SET log_min_duration_statement = 777").await.unwrap();
    client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    let (file, tuner) = (auto_conf(&server), tuner().build().unwrap());
    let seen = outside(&server).await;
    common::eventually("the file is read", async || {
        let value = show(&seen, "work_mem").await;
        (value == "1234kB", value)
    })
    .await;
    let before = settings(&outside(&server).await).await;
    let facts = tuner.facts(&client).await.unwrap();
    let plan = tuner.plan(&facts);
    let (sql, printed) = (plan.sql(), plan.undo().unwrap().sql());
    assert!(sql.contains(&"ALTER SYSTEM SET \"shared_buffers\" = '256MB'".to_owned()), "{sql:?}");
    assert_eq!(sql.last().unwrap(), "SELECT pg_catalog.pg_reload_conf()");
    assert!(printed.contains(&"ALTER SYSTEM SET \"work_mem\" = '1234kB'".to_owned()), "{printed:?}");
    assert!(printed.contains(&"ALTER SYSTEM RESET \"shared_buffers\"".to_owned()), "{printed:?}");
    assert_eq!(plan.proposal("work_mem").unwrap().replaces.as_deref(), Some("1234kB"));

    let applied = tuner.apply(&client, &plan).await.unwrap();
    assert_eq!(applied.undo().sql(), printed);
    let effects: BTreeMap<_, _> =
        applied.changes().map(|(setting, _, effect)| (setting, effect.clone())).collect();
    assert_eq!(effects["work_mem"], Effect::Active, "{applied}");
    assert_eq!(effects["shared_buffers"], Effect::PendingRestart, "{applied}");
    assert_eq!(applied.changes().count(), plan.changes().count());
    assert!(applied.pending_restart().any(|name| name == "shared_buffers"));
    assert_eq!(show(&client, "work_mem").await, value(&plan, "work_mem"));
    assert_eq!(show(&client, "shared_buffers").await, "128MB");

    // Planned again there is nothing left to do.
    let again = tuner.plan(&tuner.facts(&client).await.unwrap());
    assert_eq!(again.changes().count(), 0, "{again}");
    assert!(again.proposal("shared_buffers").unwrap().reason.contains("waits for a restart"), "{again}");

    let back = applied.rollback(&client).await.unwrap();
    assert_eq!((back.left.len(), back.restored.len()), (0, plan.changes().count()));
    assert_eq!(auto_conf(&server), file);
    let after = settings(&outside(&server).await).await;
    let differ: Vec<_> = before.iter().filter(|(name, value)| after[*name] != **value).collect();
    assert_eq!(differ, Vec::<(&String, &String)>::new());
    assert_eq!(back.pending_restart, Vec::<String>::new());

    // The same after a restart in between.
    let applied = tuner.apply(&client, &plan).await.unwrap();
    server.restart().unwrap();
    let client = outside(&server).await;
    for change in plan.changes() {
        let now = client
            .query_one("SELECT source FROM pg_settings WHERE name = $1", &[&change.setting])
            .await
            .unwrap();
        assert_eq!(now.get::<_, String>(0), "configuration file", "{}", change.setting);
    }
    assert_eq!(show(&client, "shared_buffers").await, "256MB");
    let back = applied.rollback(&client).await.unwrap();
    assert!(back.pending_restart.contains(&"shared_buffers".to_owned()), "{back:?}");
    assert_eq!(auto_conf(&server), file);
    server.restart().unwrap();
    let after = settings(&outside(&server).await).await;
    let differ: Vec<_> = before.iter().filter(|(name, value)| after[*name] != **value).collect();
    assert_eq!(differ, Vec::<(&String, &String)>::new());
}

/// What a server of this machine can take.
fn smallest_room() -> Bytes {
    Bytes::gib(2)
}

#[tokio::test]
async fn plans_start_a_server_that_shows_their_values() {
    let server = Postgres::start().unwrap();
    for (memory, cpus, workload, disk) in [
        (Bytes::mib(256), 1.0, Workload::Desktop, Disk::Hdd),
        (Bytes::gib(4), 16.0, Workload::Oltp, Disk::Nvme),
        (Bytes::gib(2), 64.0, Workload::Warehouse, Disk::San),
        (Bytes::gib(1), 4.0, Workload::Mixed, Disk::Ssd),
    ] {
        let client = outside(&server).await;
        let tuner =
            Tuner::builder().memory(memory).cpus(cpus).workload(workload).disk(disk).room(smallest_room());
        let tuner = tuner.connections(300).build().unwrap();
        let plan = tuner.plan(&tuner.facts(&client).await.unwrap());
        let applied = tuner.apply(&client, &plan).await.unwrap();
        server.restart().unwrap();
        let client = outside(&server).await;
        let facts = tuner.facts(&client).await.unwrap();
        assert!(plan.changes().count() > 5, "{plan}");
        for change in plan.changes() {
            let shown = &facts.settings[&change.setting];
            assert_eq!(Some(&shown.value), change.proposed.as_ref(), "{} of {memory}", change.setting);
            assert!(!shown.pending_restart, "{}", change.setting);
        }
        applied.rollback(&client).await.unwrap();
        assert_eq!(auto_conf(&server), Vec::<String>::new());
        server.restart().unwrap();
    }
}

#[tokio::test]
async fn what_roles_and_databases_have_is_said() {
    let server = Postgres::start().unwrap();
    let client = outside(&server).await;
    for statement in [
        "CREATE ROLE \"o'Hara\"",
        "CREATE DATABASE \"My \"\"db\"",
        "ALTER ROLE \"o'Hara\" SET work_mem = '5MB'",
        "ALTER DATABASE postgres SET work_mem = '6MB'",
        "ALTER ROLE ALL SET random_page_cost = 3",
        "ALTER ROLE \"o'Hara\" IN DATABASE \"My \"\"db\" SET work_mem = 7000",
    ] {
        client.batch_execute(statement).await.unwrap();
    }
    let client = outside(&server).await;
    let tuner = tuner().build().unwrap();
    let facts = tuner.facts(&client).await.unwrap();
    assert_eq!(
        facts.settings["work_mem"].value,
        Value::Bytes(Bytes::mib(4)),
        "the server's, not the database's"
    );
    let plan = tuner.plan(&facts);
    let said = plan.to_string();
    for expected in [
        "overridden: role o'Hara has 5MB",
        "overridden: database postgres has 6MB",
        "overridden: role o'Hara in database My \"db has 7000",
        "overridden: all roles have 3",
    ] {
        assert!(said.contains(expected), "{expected} in {said}");
    }
    assert_eq!(plan.proposal("work_mem").unwrap().overridden.len(), 3);
    let applied = tuner.apply(&client, &plan).await.unwrap();
    let effect = applied.changes().find(|(setting, ..)| *setting == "random_page_cost").unwrap().2;
    assert_eq!(*effect, Effect::Hidden { source: "global".into() });
    applied.rollback(&client).await.unwrap();
    assert_eq!(auto_conf(&server), Vec::<String>::new());
}

#[tokio::test]
async fn a_role_or_database_gets_its_own_and_gives_it_back() {
    let server = Postgres::start().unwrap();
    let client = outside(&server).await;
    let (role, database) = ("Ro\"le; DROP TABLE x --", "d'b\\\".pg");
    client.batch_execute(&format!("CREATE ROLE \"{}\" LOGIN", role.replace('"', "\"\""))).await.unwrap();
    client.batch_execute(&format!("CREATE DATABASE \"{}\"", database.replace('"', "\"\""))).await.unwrap();
    let look = "SELECT coalesce(array_agg(concat_ws('/', setrole, setdatabase, setconfig) ORDER BY k), '{}')
        FROM (SELECT concat_ws('/', setrole, setdatabase) AS k, setrole, setdatabase, setconfig
              FROM pg_db_role_setting) s";
    let state = async || client.query_one(look, &[]).await.unwrap().get::<_, Vec<String>>(0);
    for scope in [
        Scope::Role(role.into()),
        Scope::Database(database.into()),
        Scope::RoleInDatabase { role: role.into(), database: database.into() },
    ] {
        client.batch_execute(&format!("{scope} SET jit = 'on'").replace("ALTER SYSTEM", "")).await.unwrap();
        let before = state().await;
        let tuner = tuner().scope(scope.clone()).build().unwrap();
        let plan = tuner.plan(&tuner.facts(&client).await.unwrap());
        assert_eq!(plan.proposal("shared_buffers").unwrap().verdict, Verdict::Blocked);
        assert_eq!(plan.proposal("jit").unwrap().verdict, Verdict::Change);
        assert!(plan.sql().iter().all(|sql| sql.starts_with(&format!("{scope} SET "))), "{:?}", plan.sql());
        assert!(plan.undo().unwrap().sql().contains(&format!("{scope} SET \"jit\" = 'on'")));
        let applied = tuner.apply(&client, &plan).await.unwrap();
        assert_eq!(*applied.undo(), plan.undo().unwrap());
        assert!(applied.changes().all(|(.., effect)| *effect == Effect::NewSessions));
        assert_ne!(state().await, before);
        let again = tuner.plan(&tuner.facts(&client).await.unwrap());
        assert_eq!(again.changes().count(), 0, "{again}");
        // What somebody else changed since is left.
        client.batch_execute(&format!("{scope} SET work_mem = '99MB'")).await.unwrap();
        let back = applied.rollback(&client).await.unwrap();
        assert_eq!(back.left, [("work_mem".to_owned(), Some("99MB".to_owned()))]);
        client.batch_execute(&format!("{scope} RESET work_mem")).await.unwrap();
        assert_eq!(state().await, before);
        assert_eq!(auto_conf(&server), Vec::<String>::new());
    }
    let tuner = tuner().scope(Scope::Role("nobody'\"".into())).build().unwrap();
    let plan = tuner.plan(&tuner.facts(&client).await.unwrap());
    let error = tuner.apply(&client, &plan).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "42704", "{error}");
}
