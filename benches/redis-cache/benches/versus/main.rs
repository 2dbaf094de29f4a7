//! Ours beside the peers: `cargo bench -p perfect21-bench-redis-cache --bench versus -- [--quick] [--check] [--only TEXT]`.

mod fred_client;
mod redis_rs;

use fred_client as fred;
use perfect21_bench_redis_cache::{self as ours, TASKS, TTL, key};
use perfect21_bench_support::{Case, Op, versus};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cases: Vec<_> = [reads(), many(), writes(), near()].into_iter().flatten().collect();
    versus(include_str!("../../targets.toml"), &cases)
}

/// By [`TASKS`] tasks.
fn tasks(name: &'static str, ours: Op, peer: &'static str, theirs: Op) -> Case {
    Case::of_time(name, 6400, ours, peer, theirs)
}

fn one_task(name: &'static str, ours: Op, peer: &'static str, theirs: Op) -> Case {
    Case::of_time(name, 500, ours, peer, theirs)
}

fn reads() -> Vec<Case> {
    vec![
        tasks("get, 64 tasks", ours::get(TASKS), "fred", fred::get(TASKS)),
        tasks("get, 64 tasks", ours::get(TASKS), "redis-rs", redis_rs::get(TASKS)),
        tasks("get of JSON, 64 tasks", ours::get_of_json(TASKS), "fred", fred::get(TASKS)),
        tasks("get by who never wrote, 64 tasks", ours::get_by_reader(TASKS), "fred", fred::get(TASKS)),
        tasks("get_or_load hit, 64 tasks", ours::load_hit(TASKS), "fred", fred::get(TASKS)),
        tasks("near miss, 64 tasks", ours::near_miss(TASKS), "fred", fred::get(TASKS)),
        one_task("get, one task", ours::get(1), "fred", fred::get(1)),
        one_task("get, one task", ours::get(1), "redis-rs", redis_rs::get(1)),
        one_task("get_or_load hit, one task", ours::load_hit(1), "fred", fred::get(1)),
        one_task("near miss, one task", ours::near_miss(1), "fred", fred::get(1)),
        tasks("fred's get, 64 tasks", fred::get(TASKS), "redis-rs", redis_rs::get(TASKS)),
    ]
}

fn many() -> Vec<Case> {
    let case = |name, ours, peer, theirs| Case::of_time(name, 100, ours, peer, theirs);
    vec![
        case("get_many(100)", ours::get_many(), "fred, MGET", fred::mget()),
        case("get_many(100)", ours::get_many(), "redis-rs, MGET", redis_rs::mget()),
        case("get_many(100)", ours::get_many(), "fred, 100 GETs in a pipeline", fred::gets()),
        case("get_many(100)", ours::get_many(), "redis-rs, 100 GETs in a pipeline", redis_rs::gets()),
        case("get_many(100) of JSON", ours::get_many_of_json(), "fred, MGET", fred::mget()),
        case("set_many(100)", ours::set_many(), "fred, 100 SETs in a pipeline", fred::sets()),
        case("set_many(100)", ours::set_many(), "redis-rs, 100 SETs in a pipeline", redis_rs::sets()),
    ]
}

fn writes() -> Vec<Case> {
    vec![
        tasks("set, 64 tasks", ours::set(TASKS), "fred", fred::set(TASKS)),
        tasks("set, 64 tasks", ours::set(TASKS), "redis-rs", redis_rs::set(TASKS)),
        tasks("set, two tags, 64 tasks", ours::set_tagged(TASKS), "ours, without tags", ours::set(TASKS)),
        one_task("set, one task", ours::set(1), "fred", fred::set(1)),
        one_task("set, one task", ours::set(1), "redis-rs", redis_rs::set(1)),
        one_task("set, two tags, one task", ours::set_tagged(1), "ours, without tags", ours::set(1)),
    ]
}

fn near() -> Vec<Case> {
    let smart = || ours::smart_hit(None);
    vec![
        Case::new("near hit", 1, ours::near_hit(), "smart-cache", smart()),
        Case::new("near hit", 1, ours::near_hit(), "smart-cache with a TTL", ours::smart_hit(Some(TTL))),
        Case::new("near hit, get_or_load", 1, ours::near_load_hit(), "smart-cache", smart()),
        Case::new("near hit, 2 threads", 2, ours::near_hit(), "smart-cache", smart()),
        Case::of_time("near hit, by a task", 500, ours::near_hit_by_task(), "ours, remote", ours::get(1)),
    ]
}

/// A key of the peers', who make it of a number as ours does.
fn name(n: u64) -> String {
    format!("raw:{}", key(n))
}
