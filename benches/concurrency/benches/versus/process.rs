//! Ours and a peer's by turns, in CPU time of the whole process: what they do is done by threads of their own.

use perfect21_bench_support::Op;
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

pub(crate) struct Contest {
    pub(crate) name: &'static str,
    pub(crate) peer: &'static str,
    pub(crate) ours: Op,
    pub(crate) theirs: Op,
    /// Operations a round.
    pub(crate) times: u64,
    pub(crate) max_ratio: f64,
    pub(crate) known_miss: Option<&'static str>,
}

pub(crate) const HEAD: &str = "\
| case, CPU of the process | ours ns | peer | peer ns | ratio (p10 to p90) | wall ratio | target | result |
|---|---|---|---|---|---|---|---|";

struct Turn {
    cpu: f64,
    wall: f64,
}

impl Contest {
    /// Prints its row; whether the target is met or known to be missed.
    #[allow(clippy::print_stdout, reason = "the table is the product")]
    pub(crate) fn judge(&self, rounds: usize) -> bool {
        let mut work = [self.ours.on_this_thread(), self.theirs.on_this_thread()];
        let mut turn = |op: usize| turn(&mut work[op], self.times);
        // Threads, queues and allocator warm up.
        for op in [0, 1] {
            turn(op);
        }
        let rounds: Vec<[Turn; 2]> = (0..rounds)
            .map(|round| {
                if round % 2 == 0 {
                    let ours = turn(0);
                    [ours, turn(1)]
                } else {
                    let theirs = turn(1);
                    [turn(0), theirs]
                }
            })
            .collect();
        let sorted = |of: fn(&[Turn; 2]) -> f64| {
            let mut values: Vec<f64> = rounds.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let ratios = sorted(|turns| turns[0].cpu / turns[1].cpu);
        let (ratio, low, high) = (at(&ratios, 0.5), at(&ratios, 0.1), at(&ratios, 0.9));
        let met = ratio <= self.max_ratio;
        let result = match (met, self.known_miss) {
            (true, _) => "met".to_owned(),
            (false, Some(reason)) => format!("missed: {reason}"),
            (false, None) => "missed".to_owned(),
        };
        println!(
            "| {} | {:.0} | {} | {:.0} | {ratio:.3} ({low:.3} to {high:.3}) | {:.3} | ≤ {} | {result} |",
            self.name,
            at(&sorted(|turns| turns[0].cpu), 0.1),
            self.peer,
            at(&sorted(|turns| turns[1].cpu), 0.1),
            at(&sorted(|turns| turns[0].wall / turns[1].wall), 0.5),
            self.max_ratio,
        );
        met || self.known_miss.is_some()
    }
}

fn turn(work: &mut impl FnMut(u64), times: u64) -> Turn {
    let (start, cpu) = (Instant::now(), process_cpu());
    work(times);
    let of = |time: Duration| time.as_nanos() as f64 / times as f64;
    Turn { cpu: of(process_cpu() - cpu), wall: of(start.elapsed()) }
}

fn process_cpu() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec as u32)
}

fn at(sorted: &[f64], q: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * q).round() as usize]
}
