//! Partitions of a real table: their bounds, names and ends, and what is refused.
#![cfg(feature = "partition")]

use crate::partition_common::{self, bounds, builder, clock, connect_to, count, database, left_behind, set};
use perfect21_db_stats::{
    ErrorKind,
    partition::{Action, Expired, Interval, Partitions, Retention},
};
use std::time::Duration;

const EVENTS: &str = "CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY, at timestamptz NOT NULL,
    body text DEFAULT 'b', twice text GENERATED ALWAYS AS (body || body) STORED, PRIMARY KEY (id, at))
    PARTITION BY RANGE (at); CREATE INDEX ON events (at);";

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, bounds)| ((*name).to_owned(), (*bounds).to_owned())).collect()
}

#[tokio::test]
async fn months_are_made_ahead_whatever_zone_the_session_has() {
    let (client, _) = database("ahead").await;
    client.batch_execute(EVENTS).await.unwrap();
    client.batch_execute("SET timezone = 'Asia/Tokyo'; SET datestyle = 'SQL, DMY'").await.unwrap();
    let clock = clock("2024-01-31T23:30:00Z");
    let partitions = builder("events", &clock).zone("Europe/Berlin").premake(2).build().unwrap();
    let plan = partitions.plan(&client).await.unwrap();
    assert_eq!(plan.steps.len(), 3);
    assert!(
        plan.to_string()
            .starts_with("-- Create \"public\".\"events_p2024_02\" from 2024-02-01 00:00:00+01:00"),
        "{plan}"
    );
    assert_eq!(bounds(&client, "events").await, [], "a plan changes nothing");

    let report = partitions.maintain(&client).await.unwrap().whole().unwrap();
    assert_eq!(report.created.len(), 3);
    let expected = [
        ("events_p2024_02", "('2024-01-31 23') TO ('2024-02-29 23')"),
        ("events_p2024_03", "('2024-02-29 23') TO ('2024-03-31 22:00:00+00')"),
        ("events_p2024_04", "('2024-03-31 22:00:00+00') TO ('2024-04-30 22:00:00+00')"),
    ];
    let seen = bounds(&client, "events").await;
    let seen: Vec<_> =
        seen.iter().map(|(name, text)| (name.clone(), text.replace(":00:00+00", ""))).collect();
    let expected: Vec<_> =
        expected.iter().map(|(name, text)| ((*name).to_owned(), text.replace(":00:00+00", ""))).collect();
    assert_eq!(seen, expected);
    // The bounds are what the plan's words say, and rows and indexes are where they belong.
    client
        .execute("INSERT INTO events (at) VALUES ('2024-02-29 23:59:59+01'), ('2024-03-01 00:00:00+01')", &[])
        .await
        .unwrap();
    assert_eq!(count(&client, "SELECT count(*) FROM events_p2024_02").await, 1);
    assert_eq!(
        count(
            &client,
            "SELECT count(*) FROM pg_index WHERE indrelid = 'events_p2024_03'::regclass AND indisvalid"
        )
        .await,
        2
    );
    assert!(partitions.plan(&client).await.unwrap().steps.is_empty(), "nothing is left to do");
    assert_eq!(left_behind(&client).await, [] as [String; 0]);
}

#[tokio::test]
async fn each_kind_of_key_and_interval_tiles_over_changed_clocks() {
    let (client, _) = database("kinds").await;
    for (nth, (kind, interval, zone, now)) in [
        ("timestamptz", Interval::Day, "Europe/Berlin", "2024-03-29T12:00:00Z"),
        ("timestamptz", Interval::Hour, "Europe/Berlin", "2024-10-26T22:30:00Z"),
        ("timestamptz", Interval::Day, "America/Sao_Paulo", "2018-11-02T12:00:00Z"),
        ("timestamptz", Interval::Day, "Australia/Lord_Howe", "2024-04-05T12:00:00Z"),
        ("timestamptz(3)", Interval::Week, "Australia/Lord_Howe", "2024-09-25T12:00:00Z"),
        ("timestamp", Interval::Hour, "Europe/Berlin", "2024-03-31T00:30:00Z"),
        ("timestamp", Interval::Month, "America/Sao_Paulo", "2024-02-29T12:00:00Z"),
        ("date", Interval::Quarter, "UTC", "2023-12-31T23:00:00Z"),
        ("date", Interval::Day, "Europe/Berlin", "2024-02-28T23:30:00Z"),
    ]
    .into_iter()
    .enumerate()
    {
        let table = format!("t{nth}");
        client
            .batch_execute(&format!("CREATE TABLE {table} (at {kind}) PARTITION BY RANGE (at)"))
            .await
            .unwrap();
        let clock = clock(now);
        let partitions = builder(&table, &clock).interval(interval).zone(zone).premake(5).build().unwrap();
        let _ = partitions.maintain(&client).await.unwrap().whole().unwrap();
        // Upper bounds are the next one's lower bounds: the server itself refuses overlaps.
        let gaps = format!(
            "SELECT count(*) FROM (SELECT split_part(b, '''', 2) AS f, lag(split_part(b, '''', 4)) OVER (ORDER BY split_part(b, '''', 2)::{kind}) AS t
             FROM (SELECT pg_get_expr(relpartbound, oid) AS b FROM pg_class WHERE relispartition AND relname LIKE '{table}\\_%') x) y WHERE f <> t"
        );
        assert_eq!(count(&client, &gaps).await, 0, "{kind} {interval} {zone}");
        let made = format!("SELECT count(*) FROM pg_inherits WHERE inhparent = '{table}'::regclass");
        assert_eq!(count(&client, &made).await, 6, "{kind} {interval} {zone}");
        assert!(partitions.plan(&client).await.unwrap().steps.is_empty(), "{kind} {interval} {zone}");
    }
}

#[tokio::test]
async fn others_partitions_stay_and_only_gaps_are_filled() {
    let (client, _) = database("widths").await;
    client.batch_execute(EVENTS).await.unwrap();
    client
        .batch_execute(
            "CREATE TABLE old PARTITION OF events FOR VALUES FROM (MINVALUE) TO ('2023-11-10 00:00+00');
             CREATE TABLE wide PARTITION OF events FOR VALUES FROM ('2023-12-15 00:00+00') TO ('2024-02-10 00:00+00');
             CREATE TABLE far PARTITION OF events FOR VALUES FROM ('2099-01-01 00:00+00') TO (MAXVALUE);
             CREATE TABLE events_p2024_02 (taken int);",
        )
        .await
        .unwrap();
    let clock = clock("2024-01-15T00:00:00Z");
    let partitions = builder("events", &clock).premake(1).build().unwrap();
    let report = partitions.maintain(&client).await.unwrap().whole().unwrap();
    assert_eq!(report.created.len(), 3);
    assert_eq!(
        bounds(&client, "events").await,
        pairs(&[
            ("events_p2023_11", "('2023-11-10 00') TO ('2023-12-01 00')"),
            ("events_p2023_12", "('2023-12-01 00') TO ('2023-12-15 00')"),
            ("wide", "('2023-12-15 00') TO ('2024-02-10 00')"),
            ("events_p2024_02_2", "('2024-02-10 00') TO ('2024-03-01 00')"),
            ("far", "('2099-01-01 00') TO (MAXVALUE)"),
            ("old", "(MINVALUE) TO ('2023-11-10 00')"),
        ])
    );
}

#[tokio::test]
async fn retention_goes_by_bounds_also_after_months_missed() {
    let (client, _) = database("retention").await;
    client.batch_execute(EVENTS).await.unwrap();
    let clock = clock("2023-06-15T00:00:00Z");
    let _ = builder("events", &clock)
        .premake(2)
        .build()
        .unwrap()
        .maintain(&client)
        .await
        .unwrap()
        .whole()
        .unwrap();
    client.batch_execute("ALTER TABLE events_p2023_06 RENAME TO \"anything.at all\"; INSERT INTO events (at) VALUES ('2023-06-20 00:00+00')").await.unwrap();
    set(&clock, "2024-01-15T00:00:00Z");
    let keep = builder("events", &clock).premake(0).retention(Retention::Months(3)).expired(Expired::Keep);
    let _ = keep.build().unwrap().maintain(&client).await.unwrap().whole().unwrap();
    let names =
        async || bounds(&client, "events").await.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    // What is past its time is not made again, nor is what is before.
    let ahead =
        ["events_p2023_10", "events_p2023_11", "events_p2023_12", "events_p2024_01"].map(String::from);
    assert_eq!(
        names().await,
        [&["anything.at all".into(), "events_p2023_07".into(), "events_p2023_08".into()], &ahead[..]]
            .concat()
    );

    client.batch_execute("SET statement_timeout = '30s'").await.unwrap();
    let detach = builder("events", &clock).premake(0).retention(Retention::Intervals(3)).build().unwrap();
    let report = detach.maintain(&client).await.unwrap().whole().unwrap();
    assert_eq!(
        report.detached.iter().map(|table| table.name()).collect::<Vec<_>>(),
        ["anything.at all", "events_p2023_07", "events_p2023_08"]
    );
    assert_eq!(names().await, ahead);
    assert_eq!(count(&client, "SELECT count(*) FROM \"anything.at all\"").await, 1, "its rows are kept");
    let timeout: String = client.query_one("SHOW statement_timeout", &[]).await.unwrap().get(0);
    assert_eq!(timeout, "30s", "the session is as before");

    // The default partition, and what others attached, stay; so does the last one, however old.
    client.batch_execute("CREATE TABLE rest PARTITION OF events DEFAULT").await.unwrap();
    set(&clock, "2024-03-15T00:00:00Z");
    let drop = builder("events", &clock)
        .premake(0)
        .retention(Retention::Intervals(2))
        .expired(Expired::Drop)
        .build()
        .unwrap();
    let plan = drop.plan(&client).await.unwrap();
    assert_eq!(plan.steps.iter().filter(|step| step.action == Action::Drop).count(), 3, "{plan}");
    let report = drop.maintain(&client).await.unwrap().whole().unwrap();
    assert_eq!(report.dropped.len(), 3);
    assert_eq!(names().await, ["events_p2024_01", "events_p2024_02", "events_p2024_03"]);
    assert_eq!(count(&client, "SELECT count(*) FROM pg_class WHERE relname = 'events_p2023_12'").await, 0);
    assert_eq!(left_behind(&client).await, ["statement_timeout = 30000"]);
}

#[tokio::test]
async fn rows_of_the_default_partition_go_where_they_belong() {
    let (client, _) = database("rescue").await;
    client.batch_execute(EVENTS).await.unwrap();
    client
        .batch_execute(
            "CREATE TABLE rest (extra int, body text DEFAULT 'b', at timestamptz NOT NULL, id bigint NOT NULL, twice text GENERATED ALWAYS AS (body || body) STORED);
             ALTER TABLE rest DROP COLUMN extra;
             ALTER TABLE events ATTACH PARTITION rest DEFAULT;
             INSERT INTO events (at, body) SELECT '2023-12-01 00:00+00'::timestamptz + nth * interval '1 hour', nth::text FROM generate_series(0, 2399) nth;
             INSERT INTO events (at) VALUES ('1970-01-01 00:00+00'), ('2099-01-01 00:00+00');
             CREATE TABLE events_x PARTITION OF events FOR VALUES FROM ('2023-11-01 00:00+00') TO ('2023-11-02 00:00+00');",
        )
        .await
        .unwrap();
    let sum =
        "SELECT hashtext(string_agg(id || at::text || body || twice, ',' ORDER BY id))::bigint FROM events";
    let before = count(&client, sum).await;
    let clock = clock("2024-01-15T00:00:00Z");
    for limit in [u64::MAX, 0] {
        // First all in one go under the lock, then by a fence, which is the way of a large one.
        let partitions =
            builder("events", &clock).premake(2).batch(100).scan_limit(limit.into()).build().unwrap();
        let report = partitions.maintain(&client).await.unwrap().whole().unwrap();
        assert_eq!(report.moved_rows, 2400, "by months of 744, 744, 696 and 216 rows");
        assert_eq!(count(&client, "SELECT count(*) FROM rest").await, 2, "the others stay");
        assert_eq!(count(&client, "SELECT count(*) FROM events_p2024_02").await, 696);
        assert_eq!(count(&client, sum).await, before, "each row once, as it was");
        assert_eq!(left_behind(&client).await, [] as [String; 0]);
        // And back, for the other way.
        client
            .batch_execute(
                "DO $$ DECLARE t text; BEGIN FOR t IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'events'::regclass
                    AND inhrelid::regclass::text LIKE 'events_p%' LOOP
                 EXECUTE 'ALTER TABLE events DETACH PARTITION ' || t;
                 EXECUTE 'INSERT INTO events (id, at, body) OVERRIDING SYSTEM VALUE SELECT id, at, body FROM ' || t;
                 EXECUTE 'DROP TABLE ' || t; END LOOP; END $$",
            )
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn rows_that_others_would_see_deleted_are_not_moved() {
    let (client, _) = database("watched").await;
    client.batch_execute(EVENTS).await.unwrap();
    client
        .batch_execute(
            "CREATE TABLE rest PARTITION OF events DEFAULT; INSERT INTO events (at) VALUES ('2024-02-10 00:00+00');
             CREATE TABLE notes (event bigint, at timestamptz, FOREIGN KEY (event, at) REFERENCES events ON DELETE CASCADE);
             INSERT INTO notes SELECT id, at FROM events;",
        )
        .await
        .unwrap();
    let clock = clock("2024-01-15T00:00:00Z");
    let partitions = builder("events", &clock).premake(2).build().unwrap();
    let report = partitions.maintain(&client).await.unwrap();
    // One range is refused, and the others are made all the same.
    assert_eq!(report.created.len(), 2);
    let [(_, error)] = &report.failures[..] else { panic!("{report:?}") };
    assert_eq!(error.kind(), ErrorKind::Unfit);
    let text = error.to_string();
    assert!(text.contains("2024-02-01") && text.contains("foreign key \"notes_event_at_fkey\""), "{text}");
    client.batch_execute("DROP TABLE notes; CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER audit BEFORE DELETE ON events FOR EACH ROW EXECUTE FUNCTION no()").await.unwrap();
    let error = partitions.maintain(&client).await.unwrap().whole().unwrap_err();
    assert!(error.to_string().contains("trigger \"audit\""), "{error}");
    assert_eq!(count(&client, "SELECT count(*) FROM events").await, 1);
}

#[tokio::test]
async fn hostile_and_long_names_are_kept() {
    let (client, _) = database("names").await;
    let schema = "a\"; DROP TABLE public.b; --";
    let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let long = "É".repeat(31);
    let twin = format!("{}e", &long[..60]);
    client.batch_execute(&format!("CREATE SCHEMA {}", quote(schema))).await.unwrap();
    for (nth, (table, column)) in [
        ("Events.2024 \"x\"\\ 'y'", "at"),
        (long.as_str(), "select"),
        (twin.as_str(), "A\"t'\\"),
        ("%s_$1", "é"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("{}.{}", quote(schema), quote(table));
        let column = quote(column);
        let sql = format!(
            "CREATE TABLE {name} ({column} timestamptz) PARTITION BY RANGE ({column});
            CREATE TABLE {}.{} PARTITION OF {name} DEFAULT;
            INSERT INTO {name} VALUES ('2024-01-16 00:00+00')",
            quote(schema),
            quote(&format!("default {nth}"))
        );
        client.batch_execute(&sql).await.unwrap();
        let clock = clock("2024-01-15T00:00:00Z");
        let partitions =
            Partitions::builder((schema, table)).clock(std::sync::Arc::new(clock.clone())).build().unwrap();
        let report = partitions.maintain(&client).await.unwrap().whole().unwrap();
        assert_eq!((report.created.len(), report.moved_rows), (5, 1), "{name}");
        let first = report.created[0].name();
        assert!(first.len() <= 63 && first.ends_with("_p2024_01"), "{first}");
        assert_eq!(count(&client, &format!("SELECT count(*) FROM {}", report.created[0])).await, 1);
        set(&clock, "2024-07-15T00:00:00Z");
        let drop = Partitions::builder((schema, table))
            .clock(std::sync::Arc::new(clock))
            .retention(Retention::Months(1))
            .expired(Expired::Drop);
        assert_eq!(drop.build().unwrap().maintain(&client).await.unwrap().whole().unwrap().dropped.len(), 5);
    }
}

#[tokio::test]
async fn what_does_not_fit_is_said() {
    let (client, url) = database("refused").await;
    client
        .batch_execute(
            "CREATE TABLE plain (at timestamptz); CREATE TABLE listed (at date) PARTITION BY LIST (at);
             CREATE TABLE several (a date, b date) PARTITION BY RANGE (a, b);
             CREATE TABLE spoken (at timestamptz) PARTITION BY RANGE (date_part('year', at at time zone 'UTC'));
             CREATE TABLE numbered (at bigint) PARTITION BY RANGE (at);
             CREATE TABLE dated (at date) PARTITION BY RANGE (at);
             CREATE TABLE events (at timestamptz) PARTITION BY RANGE (at);
             CREATE ROLE stranger LOGIN; CREATE ROLE owner LOGIN; CREATE SCHEMA s; GRANT USAGE ON SCHEMA s TO owner;
             CREATE TABLE s.events (at timestamptz) PARTITION BY RANGE (at); ALTER TABLE s.events OWNER TO owner;",
        )
        .await
        .unwrap();
    let clock = clock("2024-01-15T00:00:00Z");
    for (table, words) in [
        ("Plain", "there is no table \"public\".\"Plain\""),
        ("plain", "is not partitioned; it has to be created with PARTITION BY RANGE"),
        ("listed", "is not partitioned BY RANGE of one column"),
        ("several", "is not partitioned BY RANGE of one column"),
        ("spoken", "is not partitioned BY RANGE of one column"),
        ("numbered", "is of type bigint; it has to be timestamptz, timestamp or date"),
    ] {
        let error = builder(table, &clock).build().unwrap().maintain(&client).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unfit, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    let hours = builder("dated", &clock).interval(Interval::Hour).build().unwrap();
    assert!(hours.plan(&client).await.unwrap_err().to_string().contains("a date, which has no hours"));
    let far = partition_common::clock("9999-12-30T00:00:00Z");
    let error = builder("dated", &far).build().unwrap().maintain(&client).await.unwrap_err();
    assert!(error.to_string().contains("beyond the years 1 to 9999"), "{error}");

    for (role, table, words) in [
        ("stranger", ("public", "events"), "the role stranger does not own \"public\".\"events\""),
        ("owner", ("s", "events"), "the role owner must have CREATE on the schema \"s\""),
    ] {
        let client = connect_to(&url.replace("postgres@", &format!("{role}@"))).await;
        let error = Partitions::builder(table).build().unwrap().maintain(&client).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Unfit && error.to_string().contains(words), "{error}");
    }
    // A superuser's new tables are their parent's owner's.
    let _ = Partitions::builder(("s", "events"))
        .premake(0)
        .build()
        .unwrap()
        .maintain(&client)
        .await
        .unwrap()
        .whole()
        .unwrap();
    assert_eq!(
        count(&client, "SELECT count(*) FROM pg_class WHERE relispartition AND relowner = 'owner'::regrole")
            .await,
        1
    );

    client.batch_execute("BEGIN").await.unwrap();
    let error = builder("events", &clock).build().unwrap().maintain(&client).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InTransaction, "{error}");
    client.batch_execute("ROLLBACK").await.unwrap();
}

#[tokio::test]
async fn a_lock_that_others_keep_is_told_and_harms_nobody() {
    let (client, url) = database("locked").await;
    client.batch_execute(EVENTS).await.unwrap();
    client.batch_execute("CREATE TABLE rest PARTITION OF events DEFAULT").await.unwrap();
    let other = connect_to(&url).await;
    other.batch_execute("BEGIN; SELECT FROM events").await.unwrap();
    let clock = clock("2024-01-15T00:00:00Z");
    let partitions = builder("events", &clock)
        .premake(0)
        .tries(2)
        .lock_timeout(Duration::from_millis(20))
        .build()
        .unwrap();
    let error = partitions.maintain(&client).await.unwrap().whole().unwrap_err();
    assert_eq!((error.kind(), error.code().unwrap().code()), (ErrorKind::Busy, "55P03"), "{error}");
    assert!(
        error.to_string().contains("attaching \"public\".\"events_p2024_01\": others held the lock for"),
        "{error}"
    );
    assert_eq!(left_behind(&other).await, [] as [String; 0]);
    other.batch_execute("COMMIT").await.unwrap();
    let _ = partitions.maintain(&client).await.unwrap().whole().unwrap();
}

#[test]
fn settings_are_checked_where_it_is_built() {
    let builder = || Partitions::builder("events");
    for (builder, message) in [
        (Partitions::builder(""), "table = \"public\".\"\": must have a name that is not empty"),
        (builder().zone("Mars/Base"), "zone = Mars/Base: must be the name of a time zone, as Europe/Berlin"),
        (builder().premake(1001), "premake = 1001: must be at most 1000"),
        (builder().retention(Retention::Months(0)), "retention = 0: must be from 1 to 100000"),
        (builder().lock_timeout(Duration::ZERO), "lock_timeout = 0ns: must be from 1 ms to 1 h"),
        (builder().tries(0), "tries = 0: must be from 1 to 1000"),
        (builder().batch(0), "batch = 0: must be from 1 to 1000000"),
    ] {
        assert_eq!(builder.build().unwrap_err().to_string(), message);
    }
}
