//! Plans for machines of all sizes, without a server.

use super::{KNOWN, Plan, Verdict};
use crate::tuner::{
    Disk, Fact, Facts, Load, Override, Scope, Tuner, TunerBuilder, Workload,
    setting::{Context, Setting},
    value::Value,
};
use perfect21_core::Bytes;
use proptest::prelude::*;
use std::time::Duration;

const WORKLOADS: [Workload; 5] =
    [Workload::Web, Workload::Oltp, Workload::Warehouse, Workload::Desktop, Workload::Mixed];
const DISKS: [Disk; 4] = [Disk::Hdd, Disk::Ssd, Disk::San, Disk::Nvme];

/// Name, default, unit, type, context, least, most, words: as PostgreSQL 15 has them.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str, f64, f64, &'static str);

const ROWS: [Row; 25] = [
    ("autovacuum_max_workers", "3", "", "integer", "postmaster", 1.0, 262_143.0, ""),
    ("autovacuum_work_mem", "-1", "kB", "integer", "sighup", -1.0, 2_147_483_647.0, ""),
    ("checkpoint_completion_target", "0.9", "", "real", "sighup", 0.0, 1.0, ""),
    ("checkpoint_timeout", "300", "s", "integer", "sighup", 30.0, 86_400.0, ""),
    ("default_statistics_target", "100", "", "integer", "user", 1.0, 10_000.0, ""),
    ("effective_cache_size", "524288", "8kB", "integer", "user", 1.0, 2_147_483_647.0, ""),
    ("effective_io_concurrency", "1", "", "integer", "user", 0.0, 1000.0, ""),
    ("huge_pages", "try", "", "enum", "postmaster", f64::NAN, f64::NAN, "off on try"),
    ("jit", "on", "", "bool", "user", f64::NAN, f64::NAN, ""),
    ("maintenance_work_mem", "65536", "kB", "integer", "user", 1024.0, 2_147_483_647.0, ""),
    ("max_connections", "100", "", "integer", "postmaster", 1.0, 262_143.0, ""),
    ("max_parallel_maintenance_workers", "2", "", "integer", "user", 0.0, 1024.0, ""),
    ("max_parallel_workers", "8", "", "integer", "user", 0.0, 1024.0, ""),
    ("max_parallel_workers_per_gather", "2", "", "integer", "user", 0.0, 1024.0, ""),
    ("max_wal_size", "1024", "MB", "integer", "sighup", 2.0, 2_147_483_647.0, ""),
    ("max_worker_processes", "8", "", "integer", "postmaster", 0.0, 262_143.0, ""),
    ("min_wal_size", "80", "MB", "integer", "sighup", 2.0, 2_147_483_647.0, ""),
    ("random_page_cost", "4", "", "real", "user", 0.0, 1.797_69e308, ""),
    ("shared_buffers", "16384", "8kB", "integer", "postmaster", 16.0, 1_073_741_823.0, ""),
    ("superuser_reserved_connections", "3", "", "integer", "postmaster", 0.0, 262_143.0, ""),
    ("wal_buffers", "512", "8kB", "integer", "postmaster", -1.0, 262_143.0, ""),
    ("wal_compression", "off", "", "enum", "superuser", f64::NAN, f64::NAN, "off on pglz lz4"),
    ("wal_segment_size", "16777216", "B", "integer", "internal", 1_048_576.0, 1_073_741_824.0, ""),
    ("work_mem", "4096", "kB", "integer", "user", 64.0, 2_147_483_647.0, ""),
    ("io_method", "worker", "", "enum", "postmaster", f64::NAN, f64::NAN, "sync worker io_uring"),
];

fn facts() -> Facts {
    let mut facts = Facts { version: 150_018, auto_file: Ok(Default::default()), ..Facts::default() };
    for (name, value, unit, vartype, context, min, max, words) in ROWS {
        let unit = Some(unit.to_owned()).filter(|unit| !unit.is_empty());
        let setting = Setting {
            value: Value::parse(value, unit.as_deref(), vartype),
            unit,
            vartype: vartype.into(),
            context: Context::of(context),
            source: "default".into(),
            min: Some(min).filter(|min| !min.is_nan()),
            max: Some(max).filter(|max| !max.is_nan()),
            choices: words.split_whitespace().map(Into::into).collect(),
            pending_restart: false,
        };
        facts.settings.insert(name.into(), setting);
    }
    facts
}

fn set(facts: &mut Facts, name: &str, value: Value) {
    facts.settings.get_mut(name).unwrap().value = value;
}

fn mib(count: u64) -> Value {
    Value::Bytes(Bytes::mib(count))
}

/// What the setting will be.
fn will_be(plan: &Plan, name: &str) -> Value {
    let proposal = plan.proposal(name).unwrap();
    match (&proposal.proposed, proposal.verdict) {
        (Some(value), Verdict::Change) => value.clone(),
        _ => proposal.now.clone(),
    }
}

fn plan(tuner: TunerBuilder, mut facts: Facts, memory: Bytes, cpus: f64, disk: Disk) -> Plan {
    facts.memory = Fact::Given(memory);
    facts.cpus = Fact::Given(cpus);
    facts.disk = Fact::Given(disk);
    tuner.build().unwrap().plan(&facts)
}

/// Holds for every plan: what the server takes, and what the machine has.
fn checked(plan: &Plan, facts: &Facts, memory: u64, connections: u64) -> Result<(), TestCaseError> {
    for change in plan.changes() {
        let setting = &facts.settings[&change.setting];
        let value = change.proposed.as_ref().unwrap();
        prop_assert_eq!(setting.fitted(value), Some(value.clone()), "{}", &change.setting);
        let text = value.to_string();
        prop_assert_eq!(&Value::parse(&text, setting.unit.as_deref(), &setting.vartype), value, "as written");
        prop_assert_ne!(value, &change.now, "{}", &change.setting);
        prop_assert!(change.reason.len() > 10, "{}", change.reason);
    }
    let shared = will_be(plan, "shared_buffers").bytes().unwrap();
    prop_assert!(shared <= memory / 10 * 4, "{shared} of {memory}");
    let work = will_be(plan, "work_mem").bytes().unwrap();
    let is_said = plan.notes.iter().any(|note| note.contains("do not fit"));
    let changed = plan.proposal("work_mem").unwrap().verdict == Verdict::Change;
    let beside = if changed { shared } else { 0 };
    prop_assert!(
        is_said || beside + work * connections * 2 <= memory,
        "{work} for {connections}, {shared} of {memory}"
    );
    let (least, most) = (will_be(plan, "min_wal_size"), will_be(plan, "max_wal_size"));
    prop_assert!(least.bytes().unwrap() <= most.bytes().unwrap(), "{least:?} {most:?}");
    prop_assert!(most.bytes().unwrap() >= 32 << 20);
    Ok(())
}

#[test]
fn every_plan_of_the_matrix_keeps_within_the_machine() {
    for memory in [256, 1 << 10, 8 << 10, 64 << 10] {
        for cpus in [1.0, 2.5, 4.0, 16.0, 64.0] {
            for (workload, disk) in WORKLOADS.iter().flat_map(|w| DISKS.iter().map(move |d| (*w, *d))) {
                let memory = Bytes::mib(memory);
                let plan = plan(Tuner::builder().workload(workload), facts(), memory, cpus, disk);
                checked(&plan, &facts(), memory.get(), 100).unwrap();
                for name in KNOWN.iter().filter(|name| plan.proposal(name).is_none()) {
                    let silent = ["reserved", "segment", "timeout", "autovacuum_work_mem", "huge_pages"];
                    assert!(silent.iter().any(|silent| name.contains(silent)), "nothing is said of {name}");
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn any_server_gets_a_plan_that_it_can_take(
        memory in 64_u64 << 20..1 << 42,
        cpus in 0.1_f64..512.0,
        (workload, disk) in (0..5_usize, 0..4_usize),
        (connections, given) in (1_i64..20_000, prop::option::of(1_u32..20_000)),
        (shared, work, wal) in (16_u64..1 << 26, 64_u64..1 << 31, 2_u64..1 << 24),
        room in prop::option::of(1_u64 << 20..1 << 44),
        (files, file) in (0_u64..1000, 0_u64..1 << 40),
        (timed, requested) in (0_u64..1000, 0_u64..1000),
        (hit, read, size) in (0_u64..1 << 50, 0_u64..1 << 50, 0_u64..1 << 46),
        wal_written in 0_u64..1 << 50,
    ) {
        let mut facts = facts();
        facts.load = Load {
            databases: Some(Bytes::new(size)), transactions: Some(hit), blocks_hit: Some(hit), blocks_read: Some(read),
            temp_files: Some(files), temp_bytes: Some(Bytes::new(files * file)), checkpoints_timed: Some(timed),
            checkpoints_requested: Some(requested), wal: Some(Bytes::new(wal_written)),
            wal_time: Some(Duration::from_secs(timed * 100)), ..Load::default()
        };
        facts.room = room.map_or(Fact::Unknown("".into()), |room| Fact::Given(Bytes::new(room)));
        set(&mut facts, "max_connections", Value::Integer(connections));
        set(&mut facts, "shared_buffers", Value::Bytes(Bytes::new(shared * 8192)));
        set(&mut facts, "work_mem", Value::Bytes(Bytes::new(work * 1024)));
        set(&mut facts, "max_wal_size", mib(wal.max(32)));
        let mut tuner = Tuner::builder().workload(WORKLOADS[workload]);
        if let Some(given) = given {
            tuner = tuner.connections(given);
        }
        let plan = plan(tuner, facts.clone(), Bytes::new(memory), cpus, DISKS[disk]);
        let connections = given.map_or(connections.unsigned_abs(), u64::from);
        checked(&plan, &facts, memory, connections)?;
        // What was done is not proposed again.
        for name in ["shared_buffers", "work_mem", "max_wal_size", "maintenance_work_mem", "effective_cache_size"] {
            let value = will_be(&plan, name);
            set(&mut facts, name, value);
        }
        let tuner = Tuner::builder().workload(WORKLOADS[workload]).connections(u32::try_from(connections).unwrap());
        facts.load.checkpoints_requested = Some(0);
        let again = self::plan(tuner, facts, Bytes::new(memory), cpus, DISKS[disk]);
        for name in ["shared_buffers", "work_mem", "maintenance_work_mem", "effective_cache_size"] {
            prop_assert_ne!(again.proposal(name).unwrap().verdict, Verdict::Change, "{}: {}", name, again);
        }
    }
}

#[test]
fn formulas_give_the_numbers_of_pgtune() {
    let of = |workload, cpus, disk| {
        plan(Tuner::builder().workload(workload).connections(200), facts(), Bytes::gib(16), cpus, disk)
    };
    let web = of(Workload::Web, 8.0, Disk::Ssd);
    for (name, expected) in [
        ("shared_buffers", "4GB"),
        ("effective_cache_size", "12GB"),
        ("maintenance_work_mem", "1GB"),
        ("max_wal_size", "4GB"),
        ("min_wal_size", "1GB"),
        ("work_mem", "19MB"),
        ("random_page_cost", "1.1"),
        ("effective_io_concurrency", "200"),
        ("max_parallel_workers_per_gather", "4"),
        ("max_parallel_maintenance_workers", "4"),
        ("max_connections", "203"),
        ("jit", "off"),
        ("wal_compression", "lz4"),
    ] {
        assert_eq!(will_be(&web, name).to_string(), expected, "{name}: {web}");
    }
    let warehouse = of(Workload::Warehouse, 16.0, Disk::Hdd);
    for (name, expected) in [
        ("maintenance_work_mem", "2GB"),
        ("max_wal_size", "16GB"),
        ("random_page_cost", "4"),
        ("effective_io_concurrency", "2"),
        ("max_parallel_workers_per_gather", "8"),
        ("default_statistics_target", "500"),
        ("autovacuum_max_workers", "4"),
        ("jit", "on"),
    ] {
        assert_eq!(will_be(&warehouse, name).to_string(), expected, "{name}: {warehouse}");
    }
    assert_eq!(will_be(&of(Workload::Desktop, 2.0, Disk::Nvme), "shared_buffers").to_string(), "1GB");
}

/// What a plan for a server of 1 GiB says of one setting.
fn judged(setting: &str, expected: Verdict, said: &str, change: fn(&mut Facts)) {
    let mut facts = facts();
    change(&mut facts);
    let plan = plan(Tuner::builder().workload(Workload::Web), facts, Bytes::gib(1), 2.0, Disk::Ssd);
    let proposal = plan.proposal(setting).unwrap();
    assert_eq!(proposal.verdict, expected, "{setting} in {plan}");
    assert!(proposal.reason.contains(said), "{said} in {}", proposal.reason);
}

#[test]
fn what_is_near_or_measured_to_be_enough_stays() {
    use Verdict::{Change, Keep};
    judged("shared_buffers", Keep, "within 20 %", |f| set(f, "shared_buffers", mib(206)));
    judged("shared_buffers", Change, "a quarter of 1 GiB", |f| set(f, "shared_buffers", mib(204)));
    judged("shared_buffers", Keep, "more already", |f| set(f, "shared_buffers", mib(400)));
    judged("shared_buffers", Change, "a quarter of 1 GiB", |f| set(f, "shared_buffers", mib(500)));
    judged("shared_buffers", Keep, "all databases are 90 MiB and fit", |f| {
        (f.load.blocks_hit, f.load.blocks_read) = (Some(10_000_000), Some(10));
        f.load.databases = Some(Bytes::mib(90));
    });
    judged("shared_buffers", Change, "with 99.0 % of blocks found there so far", |f| {
        (f.load.blocks_hit, f.load.blocks_read) = (Some(990_000), Some(10_000));
        f.load.databases = Some(Bytes::mib(90));
    });
    judged("work_mem", Keep, "no temporary file was written in 200000 transactions", |f| {
        (f.load.temp_files, f.load.transactions) = (Some(0), Some(200_000));
    });
    judged("work_mem", Change, "would not fit", |f| set(f, "work_mem", mib(64)));
    judged("work_mem", Change, "10 temporary files of 1.5 MiB each", |f| {
        set(f, "work_mem", mib(1));
        (f.load.temp_files, f.load.temp_bytes) = (Some(10), Some(Bytes::mib(15)));
    });
    judged("max_wal_size", Keep, "1 of 100 checkpoints", |f| {
        (f.load.checkpoints_timed, f.load.checkpoints_requested) = (Some(99), Some(1));
    });
    judged("max_wal_size", Change, "30 of 40 checkpoints came before their time", |f| {
        (f.load.checkpoints_timed, f.load.checkpoints_requested) = (Some(10), Some(30));
    });
    judged("max_wal_size", Keep, "a quarter of the free 2 GiB", |f| f.room = Fact::Given(Bytes::gib(2)));
    judged("wal_buffers", Keep, "waits for a restart", |f| set(f, "wal_buffers", mib(16)));
    judged("io_method", Keep, "this build has io_uring", |_| ());
    judged("effective_io_concurrency", Keep, "flash", |f| {
        let setting = f.settings.get_mut("effective_io_concurrency").unwrap();
        (setting.max, setting.value) = (Some(0.0), Value::Integer(0));
    });
    judged("wal_compression", Change, "less than half", |f| {
        let setting = f.settings.get_mut("wal_compression").unwrap();
        (setting.vartype, setting.choices) = ("bool".into(), Vec::new());
    });
    judged("wal_compression", Keep, "does not take on", |f| {
        f.settings.get_mut("wal_compression").unwrap().choices = vec!["off".into()];
    });
}

#[test]
fn what_is_not_known_is_not_made_up() {
    let tuner = Tuner::builder().build().unwrap();
    let plan = tuner.plan(&facts());
    for name in
        ["shared_buffers", "work_mem", "effective_cache_size", "maintenance_work_mem", "max_parallel_workers"]
    {
        assert_eq!(plan.proposal(name).unwrap().verdict, Verdict::Keep, "{plan}");
    }
    assert!(plan.notes.iter().any(|note| note.starts_with("memory is unknown")), "{plan}");
    assert!(plan.proposal("random_page_cost").unwrap().reason.contains("only assumed"));
    let nothing = tuner.plan(&Facts::default());
    assert_eq!((nothing.proposals.len(), nothing.sql().len()), (0, 0));
    assert_eq!(nothing.guide().len(), 11);
}

#[test]
fn a_scope_of_its_own_is_compared_with_its_own() {
    let mut facts = facts();
    let scope = Scope::Role("app".into());
    let own = |setting: &str, value: &str| Override {
        scope: scope.clone(),
        setting: setting.into(),
        value: value.into(),
    };
    facts.overrides = vec![own("random_page_cost", "1.1"), own("effective_cache_size", "768MB")];
    let plan = plan(Tuner::builder().scope(scope.clone()), facts, Bytes::gib(1), 2.0, Disk::Ssd);
    assert_eq!(plan.proposal("random_page_cost").unwrap().verdict, Verdict::Keep);
    assert_eq!(plan.proposal("effective_cache_size").unwrap().verdict, Verdict::Keep);
    assert_eq!(plan.proposal("shared_buffers").unwrap().verdict, Verdict::Blocked);
    assert!(plan.sql().iter().all(|sql| sql.starts_with("ALTER ROLE \"app\" SET ")));
}

#[test]
fn the_eleven_settings_of_guides_are_judged() {
    let plan = plan(Tuner::builder().workload(Workload::Web), facts(), Bytes::gib(16), 4.0, Disk::Ssd);
    let guide = plan.guide();
    assert_eq!(guide.len(), 11);
    let said = |name: &str| guide.iter().find(|entry| entry.setting == name).unwrap().to_string();
    assert!(said("checkpoint_segments").contains("Gone since 9.5"));
    assert!(
        said("checkpoint_segments").contains("max_wal_size: 1GB, better 4GB"),
        "{}",
        said("checkpoint_segments")
    );
    assert!(said("shared_buffers").contains("128MB, better 4GB"));
    assert!(said("checkpoint_completion_target").contains("0.9 stays"));
}
