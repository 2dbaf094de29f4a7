//! Rounds of ours and the peer's by turns, on threads that start each together.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
    time::{ClockId, clock_gettime},
};

use crate::op::{Case, Clock, Op, Ops, Work};

/// About how long one thread works in a round: short enough that most rounds see no other process.
const ROUND: Duration = Duration::from_micros(500);
/// Which share of a round all threads must have been at work in, for it to count as one with several threads.
const TOGETHER: f64 = 0.8;
/// How often operations are made that are to be made anew; even.
const PAIRS: usize = 10;
/// How long an operation is gone through before it is measured.
const WARM_UP: Duration = Duration::from_millis(20);
/// With fewer rounds than this at work together a case is measured on, up to so many times as long.
const ENOUGH: usize = 20;
const ATTEMPTS: usize = 20;

/// What an operation costs, ours and the peer's, in nanoseconds of CPU time: of one thread, or of the process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) ours: f64,
    pub(crate) theirs: f64,
    pub(crate) ratio: f64,
    /// The tenth and the ninetieth percentile of the rounds' ratios.
    pub(crate) spread: (f64, f64),
    /// In which share of the rounds the threads ran at once.
    pub(crate) together: f64,
}

impl Cost {
    /// Measures a case; `None` if its threads hardly ever ran at once, as on a machine with too few free CPUs.
    pub(crate) fn of(case: &Case, rounds: usize) -> Option<Self> {
        let rounds = if case.whole.is_some() { (rounds / 5).max(5) } else { rounds };
        let mut all = Vec::new();
        (0..ATTEMPTS).find_map(|_| {
            match &case.ops {
                Ops::Once(ops) => all.extend(Self::rounds(case, ops, rounds)),
                Ops::Anew([ours, theirs]) => (0..PAIRS).for_each(|nth| {
                    // Who is made, warmed and asked first has a few hundredths more of cost, so it is the other next time.
                    let mut order = [ours, theirs];
                    order.rotate_left(nth % 2);
                    let mut rounds = Self::rounds(case, &order.map(|make| make()), rounds / PAIRS);
                    rounds.iter_mut().for_each(|round| round.rotate_left(nth % 2));
                    all.extend(rounds);
                }),
            }
            Self::sum_up(&all)
        })
    }

    fn rounds(case: &Case, ops: &[Op; 2], rounds: usize) -> Vec<[Round; 2]> {
        let times = case.whole.map_or_else(|| ops.each_ref().map(times), |(times, _)| [times; 2]);
        let gate = Gate::new(case.threads);
        let by_thread: Vec<Vec<[Turn; 2]>> = thread::scope(|scope| {
            let workers: Vec<_> = (0..case.threads)
                .map(|nth| {
                    let gate = &gate;
                    scope.spawn(move || {
                        if case.threads > 1 {
                            pin(nth);
                        }
                        turns(case, ops, times, rounds, gate)
                    })
                })
                .collect();
            workers
                .into_iter()
                .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        });
        (0..rounds)
            .map(|round| {
                [0, 1].map(|op| {
                    let turns: Vec<Turn> = by_thread.iter().map(|turns| turns[round][op]).collect();
                    Round::of(&turns, times[op])
                })
            })
            .collect()
    }

    fn sum_up(rounds: &[[Round; 2]]) -> Option<Self> {
        // A peer that sleeps in its own lock is at work too; ours never sleeps, so there it was another process.
        let together = |[ours, theirs]: &&[Round; 2]| ours.ran && ours.overlap && theirs.overlap;
        let valid: Vec<_> = rounds.iter().filter(together).collect();
        let together = valid.len() as f64 / rounds.len() as f64;
        if valid.len() < ENOUGH.min(rounds.len()) {
            return None;
        }
        let sorted = |of: fn(&[Round; 2]) -> f64| {
            let mut values: Vec<f64> = valid.iter().map(|ops| of(ops)).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let ratios = sorted(|ops| ops[0].nanos / ops[1].nanos);
        Some(Self {
            ours: at(&sorted(|ops| ops[0].nanos), 0.1),
            theirs: at(&sorted(|ops| ops[1].nanos), 0.1),
            ratio: at(&ratios, 0.5),
            spread: (at(&ratios, 0.1), at(&ratios, 0.9)),
            together,
        })
    }
}

/// The value a share `q` of the sorted ones does not exceed.
fn at(sorted: &[f64], q: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * q).round() as usize]
}

/// One thread's part of a round.
#[derive(Debug, Clone, Copy)]
struct Turn {
    start: Instant,
    end: Instant,
    cpu: Duration,
}

impl Turn {
    fn take(work: &mut Work, times: u64, clock: ClockId) -> Self {
        let (start, before) = (Instant::now(), cpu(clock));
        work(times);
        Self { cpu: cpu(clock) - before, start, end: Instant::now() }
    }
}

/// What an operation cost in one round, over all threads.
#[derive(Debug, Clone, Copy)]
struct Round {
    nanos: f64,
    /// The threads began and ended at about the same time.
    overlap: bool,
    /// All of them were on a CPU meanwhile.
    ran: bool,
}

impl Round {
    fn of(turns: &[Turn], times: u64) -> Self {
        let cpu: Duration = turns.iter().map(|turn| turn.cpu).sum();
        let nanos = cpu.as_nanos() as f64 / (turns.len() as u64 * times) as f64;
        let span = |from: Option<Instant>, to: Option<Instant>| match (from, to) {
            (Some(from), Some(to)) => to.saturating_duration_since(from).as_secs_f64(),
            _ => 0.0,
        };
        let (starts, ends) = (turns.iter().map(|turn| turn.start), turns.iter().map(|turn| turn.end));
        let whole = span(starts.clone().min(), ends.clone().max());
        let common = span(starts.max(), ends.min());
        let alone = turns.len() == 1;
        let ran = |turn: &Turn| turn.cpu.as_secs_f64() >= TOGETHER * whole;
        Self { nanos, overlap: alone || common >= TOGETHER * whole, ran: alone || turns.iter().all(ran) }
    }
}

fn turns(case: &Case, ops: &[Op; 2], times: [u64; 2], rounds: usize, gate: &Gate) -> Vec<[Turn; 2]> {
    let mut work = ops.each_ref().map(Op::on_this_thread);
    let clock = match case.whole {
        None => ClockId::ThreadCPUTime,
        Some((_, Clock::Process)) => ClockId::ProcessCPUTime,
        Some((_, Clock::Wall)) => ClockId::Monotonic,
    };
    let mut turn = |op: usize| {
        gate.pass();
        Turn::take(&mut work[op], times[op], clock)
    };
    if case.whole.is_some() {
        // Threads and queues are made.
        turn(0);
        turn(1);
    }
    (0..rounds)
        .map(|round| {
            if round % 2 == 0 {
                let ours = turn(0);
                [ours, turn(1)]
            } else {
                let theirs = turn(1);
                [turn(0), theirs]
            }
        })
        .collect()
}

/// How often an operation fits into a round, on one thread. Warm: who is measured cold would get shorter rounds, and in
/// each of them its memory is cold at first.
fn times(op: &Op) -> u64 {
    let mut work = op.on_this_thread();
    let mut cpu = |times| Turn::take(&mut work, times, ClockId::ThreadCPUTime).cpu;
    let mut times = 16;
    while times < 1 << 40 && cpu(times) < ROUND / 2 {
        times *= 2;
    }
    let (mut least, mut sum) = (Duration::MAX, Duration::ZERO);
    while sum < WARM_UP {
        let took = cpu(times).max(Duration::from_nanos(1));
        (least, sum) = (least.min(took), sum + took);
    }
    ((ROUND.as_secs_f64() / least.as_secs_f64() * times as f64) as u64).max(1)
}

/// Keeps the calling thread on the nth of the CPUs it may use: the scheduler likes to put both on one.
fn pin(nth: usize) {
    let Ok(allowed) = sched_getaffinity(None) else { return };
    let cpus: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).collect();
    let mut one = CpuSet::new();
    one.set(cpus[nth % cpus.len()]);
    // Refused by some sandboxes: then the share of rounds together shows what it did.
    let _ = sched_setaffinity(None, &one);
}

/// The CPU time of the calling thread so far: what a bench on a busy machine should take differences of.
#[must_use]
pub fn thread_cpu() -> Duration {
    cpu(ClockId::ThreadCPUTime)
}

fn cpu(clock: ClockId) -> Duration {
    let now = clock_gettime(clock);
    // The clock counts up from zero.
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec as u32)
}

/// A barrier that spins: a sleeping one would wake its threads tens of microseconds apart.
struct Gate {
    threads: usize,
    arrived: AtomicUsize,
}

impl Gate {
    fn new(threads: usize) -> Self {
        Self { threads, arrived: AtomicUsize::new(0) }
    }

    fn pass(&self) {
        let arrived = self.arrived.fetch_add(1, Ordering::AcqRel) + 1;
        let all = arrived.next_multiple_of(self.threads);
        let mut spins = 0_u32;
        while self.arrived.load(Ordering::Acquire) < all {
            spins += 1;
            if spins.is_multiple_of(4096) {
                thread::yield_now();
            }
            std::hint::spin_loop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cheaper_operation_has_the_smaller_ratio() {
        {
            let threads = 1;
            let light = Op::each(|n| n);
            let heavy = Op::each(|n| (0..64).fold(n, |sum, k| std::hint::black_box(sum ^ k)));
            let case = Case::new("light", threads, light, "heavy", heavy);
            let cost = Cost::of(&case, 10).unwrap();
            assert!(cost.ratio < 0.5, "{cost:?}");
            assert!(cost.spread.0 <= cost.ratio && cost.ratio <= cost.spread.1, "{cost:?}");
        }
    }
}
