//! What happened in a phase, in buckets of a fifth of a second.

const BUCKET: u64 = 200_000_000;
const A_SECOND: usize = 5;

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    completed: u64,
    nanos: u64,
    rejected: u64,
    peak: usize,
    limits: f64,
    seen: u64,
}

#[derive(Debug)]
pub(super) struct Record {
    start: u64,
    buckets: Vec<Bucket>,
    /// Latencies of the second half.
    latencies: Vec<u64>,
}

impl Record {
    pub(super) fn new(start: u64, seconds: u64) -> Self {
        let buckets = vec![Bucket::default(); seconds as usize * A_SECOND];
        Self { start, buckets, latencies: Vec::new() }
    }

    fn at(&mut self, now: u64) -> &mut Bucket {
        &mut self.buckets[((now - self.start) / BUCKET) as usize]
    }

    pub(super) fn complete(&mut self, now: u64, latency: u64) {
        let bucket = self.at(now);
        bucket.completed += 1;
        bucket.nanos += latency;
        if (now - self.start) / BUCKET >= self.half() as u64 {
            self.latencies.push(latency);
        }
    }

    pub(super) fn reject(&mut self, now: u64) {
        self.at(now).rejected += 1;
    }

    pub(super) fn see(&mut self, now: u64, limit: usize, in_flight: usize) {
        let bucket = self.at(now);
        bucket.limits += limit as f64;
        bucket.seen += 1;
        bucket.peak = bucket.peak.max(in_flight);
    }

    fn half(&self) -> usize {
        self.buckets.len() / 2
    }

    /// The second half, in which all but convergence is measured.
    fn settled(&self) -> &[Bucket] {
        &self.buckets[self.half()..]
    }

    /// Completions a second.
    pub(super) fn throughput(&self) -> f64 {
        rate(self.settled())
    }

    /// The lowest number of completions in any second.
    pub(super) fn worst_second(&self) -> f64 {
        self.settled().chunks(A_SECOND).map(rate).fold(f64::INFINITY, f64::min)
    }

    pub(super) fn rejected(&self) -> u64 {
        self.settled().iter().map(|bucket| bucket.rejected).sum()
    }

    /// The most in flight at once.
    pub(super) fn peak(&self) -> usize {
        self.settled().iter().map(|bucket| bucket.peak).max().unwrap_or(0)
    }

    pub(super) fn mean_limit(&self) -> f64 {
        mean_limit(self.settled())
    }

    /// How far the mean limit of any minute is from that of the second minute, as a share of that.
    pub(super) fn drift(&self) -> f64 {
        let minutes: Vec<f64> = self.buckets.chunks_exact(60 * A_SECOND).skip(1).map(mean_limit).collect();
        let Some(first) = minutes.first() else { return 0.0 };
        minutes.iter().map(|minute| (minute / first - 1.0).abs()).fold(0.0, f64::max)
    }

    /// In seconds.
    pub(super) fn median(&mut self) -> f64 {
        if self.latencies.is_empty() {
            return f64::NAN;
        }
        let middle = self.latencies.len() / 2;
        *self.latencies.select_nth_unstable(middle).1 as f64 / 1e9
    }

    /// When the first five seconds begin in which nine tenths of `wanted` are done a second, in `latency` on average.
    pub(super) fn converged(&self, wanted: f64, latency: f64) -> Option<f64> {
        let good = |buckets: &[Bucket]| {
            let completed: u64 = buckets.iter().map(|bucket| bucket.completed).sum();
            let nanos: u64 = buckets.iter().map(|bucket| bucket.nanos).sum();
            rate(buckets) >= 0.9 * wanted && nanos as f64 <= completed as f64 * latency * 1e9
        };
        let first = self.buckets.windows(5 * A_SECOND).position(good)?;
        Some(first as f64 / A_SECOND as f64)
    }
}

fn rate(buckets: &[Bucket]) -> f64 {
    let completed: u64 = buckets.iter().map(|bucket| bucket.completed).sum();
    completed as f64 * A_SECOND as f64 / buckets.len() as f64
}

fn mean_limit(buckets: &[Bucket]) -> f64 {
    let (limits, seen) =
        buckets.iter().fold((0.0, 0), |(limits, seen), bucket| (limits + bucket.limits, seen + bucket.seen));
    limits / seen as f64
}
