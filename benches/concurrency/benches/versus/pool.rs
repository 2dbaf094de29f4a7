//! The thread pool beside affinitypool and tokio's `spawn_blocking`.

use super::process::Contest;
use perfect21_bench_concurrency::pool as ours;
use perfect21_bench_support::Op;

const PIPELINED: &str =
    "one lock for the queue, its bound and its counts, and the time of each job; theirs has neither";

pub(crate) fn contests() -> Vec<Contest> {
    let contest = |name, peer, ours, theirs, times, max_ratio| Contest {
        name,
        peer,
        ours,
        theirs,
        times,
        max_ratio,
        known_miss: None,
    };
    let affinity =
        contest("job, pipelined", "affinitypool", ours::pipelined(), affinity_pipelined(), 100_000, 1.0);
    vec![
        Contest { known_miss: Some(PIPELINED), ..affinity },
        contest("job, pipelined", "spawn_blocking", ours::pipelined(), blocking_pipelined(), 20_000, 0.25),
        contest("job, round trip", "spawn_blocking", ours::round_trip(), blocking_round_trip(), 5_000, 1.0),
        contest("job, round trip", "affinitypool", ours::round_trip(), affinity_round_trip(), 5_000, 1.1),
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
