//! The thread pool beside affinitypool and tokio's `spawn_blocking`.

use perfect21_bench_concurrency::pool as ours;
use perfect21_bench_support::{Case, Op};

pub(crate) fn cases() -> Vec<Case> {
    let case = Case::of_process;
    vec![
        case("job, pipelined", 100_000, ours::pipelined(), "affinitypool", affinity_pipelined()),
        case("job, pipelined", 20_000, ours::pipelined(), "spawn_blocking", blocking_pipelined()),
        case("job, round trip", 5_000, ours::round_trip(), "affinitypool", affinity_round_trip()),
        case("job, round trip", 5_000, ours::round_trip(), "spawn_blocking", blocking_round_trip()),
    ]
}

/// The burst's row.
#[allow(clippy::print_stdout, reason = "the table is the product")]
pub(crate) fn burst() -> bool {
    let (took, threads) = ours::burst();
    let ratio = took.as_secs_f64() / 0.350;
    let met = ratio <= 1.15 && threads == 2;
    println!(
        "\n200 jobs of 50 ms on 2 to 32 threads: {took:.0?}, {ratio:.3} of the 350 ms that 32 threads take (target ≤ 1.15), \
         then {threads} threads (target 2): {}",
        if met { "met" } else { "missed" },
    );
    met
}

fn affinity_pipelined() -> Op {
    Op::with_state(|| {
        let (runtime, pool) = (ours::runtime(), affinitypool::Threadpool::new(2));
        move |times| {
            let jobs: Vec<_> = (0..times).map(|n| pool.spawn(move || n)).collect();
            runtime.block_on(async {
                for job in jobs {
                    std::hint::black_box(job.await);
                }
            });
        }
    })
}

fn affinity_round_trip() -> Op {
    Op::with_state(|| {
        let (runtime, pool) = (ours::runtime(), affinitypool::Threadpool::new(2));
        move |times| {
            runtime.block_on(async {
                for n in 0..times {
                    std::hint::black_box(pool.spawn(move || n).await);
                }
            });
        }
    })
}

fn blocking_pipelined() -> Op {
    Op::with_state(|| {
        let runtime = ours::runtime();
        move |times| {
            runtime.block_on(async {
                let jobs: Vec<_> = (0..times).map(|n| tokio::task::spawn_blocking(move || n)).collect();
                for job in jobs {
                    std::hint::black_box(job.await.is_ok());
                }
            });
        }
    })
}

fn blocking_round_trip() -> Op {
    Op::with_state(|| {
        let runtime = ours::runtime();
        move |times| {
            runtime.block_on(async {
                for n in 0..times {
                    std::hint::black_box(tokio::task::spawn_blocking(move || n).await.is_ok());
                }
            });
        }
    })
}
