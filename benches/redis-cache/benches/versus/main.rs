//! Ours beside the peers: `cargo bench -p perfect21-bench-redis-cache --bench versus -- [--quick] [--check] [--only TEXT]`.

mod fred;
mod redis_rs;

use perfect21_bench_redis_cache::{self as ours, TASKS, key};
use perfect21_bench_support::{Case, versus};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cases: Vec<_> = [one_key(), many_keys(), writes(), near()].into_iter().flatten().collect();
    versus(include_str!("../../targets.toml"), &cases)
}

/// Operations a round, by how many go at once.
const BY_MANY: u64 = 6400;
const BY_ONE: u64 = 500;
const OF_MANY: u64 = 50;

fn one_key() -> Vec<Case> {
    let case = |name, ours, peer, theirs| Case::of_time(name, BY_MANY, ours, peer, theirs);
    let alone = |name, ours, peer, theirs| Case::of_time(name, BY_ONE, ours, peer, theirs);
    vec![
        case("get, 64 tasks", ours::get(TASKS), "fred GET", fred::get(TASKS)),
        case("get, 64 tasks", ours::get(TASKS), "redis-rs GET", redis_rs::get(TASKS)),
        case("get by who only reads, 64 tasks", ours::get_read_only(TASKS), "fred GET", fred::get(TASKS)),
        case("get_or_load, 64 tasks, all hits", ours::load_hit(TASKS), "fred GET", fred::get(TASKS)),
        case("get, near cache too small, 64 tasks", ours::near_miss(TASKS), "fred GET", fred::get(TASKS)),
        alone("get, one task", ours::get(1), "fred GET", fred::get(1)),
        alone("get, one task", ours::get(1), "redis-rs GET", redis_rs::get(1)),
        alone("get_or_load, one task, all hits", ours::load_hit(1), "fred GET", fred::get(1)),
        alone("get, near cache too small, one task", ours::near_miss(1), "fred GET", fred::get(1)),
        case("fred GET, 64 tasks", fred::get(TASKS), "redis-rs GET", redis_rs::get(TASKS)),
    ]
}

fn many_keys() -> Vec<Case> {
    let case = |name, ours, peer, theirs| Case::of_time(name, OF_MANY, ours, peer, theirs);
    vec![
        case("get_many, 100 keys", ours::get_many(), "fred MGET", fred::mget()),
        case("get_many, 100 keys", ours::get_many(), "fred pipeline of GET", fred::get_pipeline()),
        case("get_many, 100 keys", ours::get_many(), "redis-rs MGET", redis_rs::mget()),
        case("get_many, 100 keys", ours::get_many(), "redis-rs pipe of GET", redis_rs::get_pipe()),
        case("set_many, 100 keys", ours::set_many(), "fred pipeline of SET PX", fred::set_pipeline()),
        case("set_many, 100 keys", ours::set_many(), "redis-rs pipe of SET PX", redis_rs::set_pipe()),
    ]
}

fn writes() -> Vec<Case> {
    let case = |name, ours, peer, theirs| Case::of_time(name, BY_MANY, ours, peer, theirs);
    let alone = |name, ours, peer, theirs| Case::of_time(name, BY_ONE, ours, peer, theirs);
    vec![
        case("set, 64 tasks", ours::set(TASKS), "fred SET PX", fred::set(TASKS)),
        case("set, 64 tasks", ours::set(TASKS), "redis-rs SET PX", redis_rs::set(TASKS)),
        case("set with 2 tags, 64 tasks", ours::set_tagged(TASKS), "fred SET PX", fred::set(TASKS)),
        alone("set, one task", ours::set(1), "fred SET PX", fred::set(1)),
        alone("set, one task", ours::set(1), "redis-rs SET PX", redis_rs::set(1)),
        alone("set with 2 tags, one task", ours::set_tagged(1), "fred SET PX", fred::set(1)),
    ]
}

fn near() -> Vec<Case> {
    vec![
        Case::new("near hit", 1, ours::near_hit(), "SmartCache hit", ours::smart_hit()),
        Case::of_time("near hit", BY_ONE, ours::near_hit(), "ours, get of one task", ours::far_hit()),
    ]
}

/// A key of the peers': they make it of a number as ours does.
fn text_key(n: u64) -> String {
    format!("bench:peer:{}", key(n))
}
