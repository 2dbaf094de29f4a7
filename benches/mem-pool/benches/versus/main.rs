//! Ours beside the peers: `cargo bench -p perfect21-bench-mem-pool --bench versus -- [--quick] [--check]`.

mod peers;

use std::process::ExitCode;

use perfect21_bench_mem_pool::{self as ours, Buffer, Small, Thing};
use perfect21_bench_support::{Case, Op, versus};

use crate::peers::Usage;

fn main() -> ExitCode {
    let mut cases = cases_of::<Small>();
    cases.extend(cases_of::<Buffer>());
    cases.push(case::<Buffer>("one thread", 1, ours::borrowed::<Buffer>, peers::zeropool()));
    versus(include_str!("../../targets.toml"), &cases)
}

/// A peer's name and its operation.
type Peer = (&'static str, Op);

fn cases_of<T: Thing>() -> Vec<Case> {
    let one = |peer| case::<T>("one thread", 1, ours::borrowed::<T>, peer);
    let held = |peer| case::<T>("64 held", 1, ours::held::<T>, peer);
    let two = |peer| case::<T>("two threads", 2, ours::borrowed::<T>, peer);
    let owned = |peer| case::<T>("owned, two threads", 2, ours::owned::<T>, peer);
    let passed = |peer| case::<T>("passed on", 2, ours::passed_on::<T>, peer);
    vec![
        one(peers::object_pool::<T>(Usage::One)),
        one(peers::lockfree::<T>(Usage::One)),
        one(peers::opool::<T>(Usage::One)),
        one(peers::sharded_slab::<T>(Usage::One)),
        one(peers::rylv::<T>(Usage::One)),
        one(peers::deadpool::<T>()),
        one(peers::malloc::glibc::<T>(Usage::One)),
        one(peers::malloc::jemalloc::<T>(Usage::One)),
        one(peers::malloc::mimalloc::<T>(Usage::One)),
        held(peers::object_pool::<T>(Usage::Burst)),
        held(peers::opool::<T>(Usage::Burst)),
        held(peers::malloc::glibc::<T>(Usage::Burst)),
        held(peers::malloc::jemalloc::<T>(Usage::Burst)),
        held(peers::malloc::mimalloc::<T>(Usage::Burst)),
        two(peers::object_pool::<T>(Usage::One)),
        two(peers::opool::<T>(Usage::One)),
        two(peers::sharded_slab::<T>(Usage::One)),
        two(peers::rylv::<T>(Usage::One)),
        owned(peers::object_pool_owned::<T>(Usage::One)),
        owned(peers::opool_owned::<T>(Usage::One)),
        passed(peers::object_pool_owned::<T>(Usage::Passed)),
        passed(peers::array_queue::<T>(Usage::Passed)),
        passed(peers::opool_owned::<T>(Usage::Passed)),
        passed(peers::rylv_passed::<T>()),
    ]
}

fn case<T: Thing>(what: &str, threads: usize, ours: fn() -> Op, (peer, theirs): Peer) -> Case {
    // Names are those of the targets file, and live as long as the bench.
    Case::new(format!("{}, {what}", T::NAME).leak(), threads, ours(), peer, theirs)
}
