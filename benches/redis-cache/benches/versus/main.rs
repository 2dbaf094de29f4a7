//! Ours beside the peers: `cargo bench -p perfect21-bench-redis-cache --bench versus -- [--quick] [--check]`.

mod fred_client;
mod redis_rs;

use perfect21_bench_redis_cache as ours;
use perfect21_bench_support::{Case, versus};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cases = [
        Case::of_time("get, 64 tasks", 5000, ours::get(), "fred", fred_client::get()),
        Case::of_time("get, 64 tasks", 5000, ours::get(), "redis-rs", redis_rs::get()),
        Case::of_time("get, one task", 500, ours::get_by_one(), "fred", fred_client::get_by_one()),
        Case::of_time("get_many(100)", 100, ours::get_many(), "fred, MGET", fred_client::mget()),
        Case::of_time("get_many(100)", 100, ours::get_many(), "redis-rs, MGET", redis_rs::mget()),
        Case::of_time(
            "get_many(100)",
            100,
            ours::get_many(),
            "fred, 100 GETs in a pipeline",
            fred_client::gets(),
        ),
        Case::of_time(
            "get_many(100)",
            100,
            ours::get_many(),
            "redis-rs, 100 GETs in a pipeline",
            redis_rs::gets(),
        ),
        Case::of_time("set, 64 tasks", 5000, ours::set(), "fred", fred_client::set()),
        Case::of_time("set, 64 tasks", 5000, ours::set(), "redis-rs", redis_rs::set()),
        Case::of_time("set, two tags, 64 tasks", 5000, ours::set_tagged(), "ours, without tags", ours::set()),
        Case::of_time(
            "set_many(100)",
            100,
            ours::set_many(),
            "fred, 100 SETs in a pipeline",
            fred_client::sets(),
        ),
        Case::of_time(
            "set_many(100)",
            100,
            ours::set_many(),
            "redis-rs, 100 SETs in a pipeline",
            redis_rs::sets(),
        ),
        Case::new("near hit", 1, ours::near_get(), "smart-cache", ours::smart_cache_get()),
        Case::new(
            "near hit, get_or_load",
            1,
            ours::near_get_or_load(),
            "smart-cache",
            ours::smart_cache_get(),
        ),
        Case::new("near hit, 2 threads", 2, ours::near_get(), "smart-cache", ours::smart_cache_get()),
        Case::of_time(
            "near hit, by a task",
            1000,
            ours::near_get_by_task(),
            "ours, remote",
            ours::get_by_one(),
        ),
    ];
    versus(include_str!("../../targets.toml"), &cases)
}
