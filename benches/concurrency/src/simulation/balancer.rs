//! Ten servers of eight workers at 60 % load, one of which goes bad for a while, behind a real [`Balancer`].

use perfect21_concurrency::{
    Balancer,
    balance::{Pick, Policy},
};
use perfect21_core::ManualClock;
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    sync::Arc,
    time::Duration,
};

/// What goes wrong, for the seconds 20 to 60 of 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// Nothing.
    None,
    /// One server takes ten times as long.
    Slow,
    /// One server fails after a millisecond.
    Fails,
    /// One server does not answer; its requests fail after a second.
    Hangs,
    /// Five servers take three times as long, all the time; they get as much less load.
    Unequal,
}

/// Who spreads the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Spread {
    /// One after the other.
    RoundRobin,
    /// Ours.
    Ours(Policy),
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Figures {
    /// The 99th percentile of the latencies of what succeeded in the bad time, in milliseconds.
    pub p99_ms: f64,
    /// The share of the requests of that time that succeeded.
    pub goodput: f64,
    /// The share of the requests of that time that the bad server got.
    pub bad_share: f64,
    /// After how many seconds of being well again the server had 80 % of its fair share; infinite for never.
    pub recovered_s: f64,
}

/// Those of the simulation's runs.
pub const SEEDS: [u64; 3] = [1, 2, 3];

const SERVERS: usize = 10;
const WORKERS: usize = 8;
const SERVICE_S: f64 = 0.010;
const LOAD: f64 = 0.6;
const BAD: std::ops::Range<f64> = 20.0..60.0;
const END: f64 = 100.0;

enum Event {
    Arrival,
    /// A request of this server is over, and freed a worker.
    Served(usize, Request),
    /// A request is over that no worker had.
    Failed(Request),
}

struct Request {
    server: usize,
    arrived: f64,
    takes: f64,
    pick: Option<Pick<usize>>,
}

#[derive(Default)]
struct Server {
    busy: usize,
    queue: VecDeque<Request>,
}

struct Run {
    trouble: Trouble,
    spread: Spread,
    background: f64,
    balancer: Balancer<usize>,
    clock: ManualClock,
    random: fastrand::Rng,
    now: f64,
    events: BinaryHeap<Reverse<(Nanos, u64)>>,
    pending: std::collections::HashMap<u64, Event>,
    next: u64,
    servers: [Server; SERVERS],
    record: Record,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Nanos(u64);

#[derive(Default)]
struct Record {
    requests: u64,
    bad_requests: u64,
    failures: u64,
    latencies_ms: Vec<f64>,
    /// By second: what the bad server got, and all.
    seconds: Vec<(u64, u64)>,
}

/// One run of a hundred seconds.
///
/// # Panics
/// Never: the balancer's settings are valid.
#[must_use]
pub fn run(spread: Spread, trouble: Trouble, seed: u64) -> Figures {
    run_failing(spread, trouble, 0.0, seed)
}

/// One run in which, from the start to the end, this share of the requests that the servers serve
/// fails, on all of them.
///
/// # Panics
/// Never: the balancer's settings are valid.
#[must_use]
pub fn run_failing(spread: Spread, trouble: Trouble, background: f64, seed: u64) -> Figures {
    fastrand::seed(seed);
    let clock = ManualClock::new();
    let policy = if let Spread::Ours(policy) = spread { policy } else { Policy::default() };
    let balancer =
        Balancer::builder(0..SERVERS).policy(policy).clock(Arc::new(clock.clone())).build().expect("valid");
    let mut run = Run {
        trouble,
        spread,
        background,
        balancer,
        clock,
        random: fastrand::Rng::with_seed(seed ^ 0x5EED),
        now: 0.0,
        events: BinaryHeap::new(),
        pending: std::collections::HashMap::new(),
        next: 0,
        servers: std::array::from_fn(|_| Server::default()),
        record: Record::default(),
    };
    run.at(0.0, Event::Arrival);
    while let Some(Reverse((Nanos(at), id))) = run.events.pop() {
        let Some(event) = run.pending.remove(&id) else { continue };
        let at = at as f64 / 1e9;
        run.clock.advance(Duration::from_secs_f64((at - run.now).max(0.0)));
        run.now = at;
        match event {
            Event::Arrival if at < END => run.arrives(),
            Event::Arrival => {}
            Event::Served(server, request) => run.served(server, request),
            Event::Failed(request) => run.ends(request, false),
        }
    }
    run.figures()
}

impl Run {
    fn at(&mut self, at: f64, event: Event) {
        self.next += 1;
        self.events.push(Reverse((Nanos((at * 1e9) as u64), self.next)));
        self.pending.insert(self.next, event);
    }

    fn exponential(&mut self) -> f64 {
        -(1.0 - self.random.f64()).ln()
    }

    fn is_bad(&self, server: usize) -> bool {
        server == 0 && BAD.contains(&self.now)
    }

    fn arrives(&mut self) {
        let workers = (SERVERS * WORKERS) as f64;
        // With half of the servers at a third, there is as much less to do.
        let speed = if self.trouble == Trouble::Unequal { 2.0 / 3.0 } else { 1.0 };
        let rate = workers / SERVICE_S * LOAD * speed;
        let pause = self.exponential() / rate;
        self.at(self.now + pause, Event::Arrival);

        let (server, pick) = match self.spread {
            Spread::RoundRobin => {
                (self.record.seconds.iter().map(|(_, all)| *all).sum::<u64>() as usize % SERVERS, None)
            }
            Spread::Ours(_) => {
                let pick = self.balancer.pick().expect("there are endpoints");
                (*pick, Some(pick))
            }
        };
        self.note(server);
        let takes = SERVICE_S * (0.5 + 0.5 * self.exponential()) * self.slowness(server);
        let request = Request { server, arrived: self.now, takes, pick };
        match self.trouble {
            Trouble::Fails if self.is_bad(server) => self.at(self.now + 0.001, Event::Failed(request)),
            Trouble::Hangs if self.is_bad(server) => self.at(self.now + 1.0, Event::Failed(request)),
            _ if self.servers[server].busy < WORKERS => self.serve(server, request),
            _ => self.servers[server].queue.push_back(request),
        }
    }

    fn slowness(&self, server: usize) -> f64 {
        match self.trouble {
            Trouble::Slow if self.is_bad(server) => 10.0,
            Trouble::Unequal if server < SERVERS / 2 => 3.0,
            _ => 1.0,
        }
    }

    fn note(&mut self, server: usize) {
        let second = self.now as usize;
        if self.record.seconds.len() <= second {
            self.record.seconds.resize(second + 1, (0, 0));
        }
        let (bad, all) = &mut self.record.seconds[second];
        *bad += u64::from(server == 0);
        *all += 1;
        if BAD.contains(&self.now) {
            self.record.requests += 1;
            self.record.bad_requests += u64::from(server == 0);
        }
    }

    fn serve(&mut self, server: usize, request: Request) {
        self.servers[server].busy += 1;
        self.at(self.now + request.takes, Event::Served(server, request));
    }

    fn served(&mut self, server: usize, request: Request) {
        self.servers[server].busy -= 1;
        // No draw without failures, so that those runs stay as they are.
        let fails = self.background > 0.0 && self.random.f64() < self.background;
        self.ends(request, !fails);
        if let Some(next) = self.servers[server].queue.pop_front() {
            self.serve(server, next);
        }
    }

    fn ends(&mut self, request: Request, success: bool) {
        if BAD.contains(&request.arrived) {
            if success {
                self.record.latencies_ms.push((self.now - request.arrived) * 1e3);
            } else {
                self.record.failures += 1;
            }
        }
        debug_assert!(request.server < SERVERS);
        match request.pick {
            Some(pick) if success => pick.success(),
            Some(pick) => pick.failure(),
            None => {}
        }
    }

    fn figures(mut self) -> Figures {
        let record = &mut self.record;
        record.latencies_ms.sort_unstable_by(f64::total_cmp);
        let p99_ms = record.latencies_ms[record.latencies_ms.len() * 99 / 100];
        let fair = 0.8 / SERVERS as f64;
        let well = &record.seconds[BAD.end as usize..];
        let recovered = well.iter().position(|(bad, all)| *bad as f64 >= fair * *all as f64);
        Figures {
            p99_ms,
            goodput: 1.0 - record.failures as f64 / record.requests as f64,
            bad_share: record.bad_requests as f64 / record.requests as f64,
            recovered_s: recovered.map_or(f64::INFINITY, |second| second as f64),
        }
    }
}
