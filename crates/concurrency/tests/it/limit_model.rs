//! A limit does step by step what a list that is looked through would do.

use perfect21_concurrency::{
    Limit, Rejected,
    limit::{OwnedPermit, Priority},
};
use proptest::prelude::*;
use std::{
    collections::BTreeMap,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

const LEVELS: [Priority; 3] = [Priority::High, Priority::Normal, Priority::Low];
const MAX_QUEUE: usize = 4;

#[derive(Debug, Clone, Copy)]
enum Step {
    Ask {
        level: usize,
        weight: usize,
    },
    /// A waiter is polled, or leaves.
    Poll(usize),
    Leave(usize),
    End(usize),
    Resize(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_usize, 1..5_usize).prop_map(|(level, weight)| Step::Ask { level, weight }),
        2 => any::<usize>().prop_map(Step::Poll),
        1 => any::<usize>().prop_map(Step::Leave),
        3 => any::<usize>().prop_map(Step::End),
        1 => (1..8_usize).prop_map(Step::Resize),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waits,
    /// In flight; whether its caller knows it shows when it is polled.
    In(usize),
    Displaced,
}

#[derive(Debug)]
struct Asked {
    level: usize,
    weight: usize,
    state: State,
}

/// Who asked, by order of arrival.
#[derive(Debug)]
struct Model {
    limit: usize,
    asked: BTreeMap<usize, Asked>,
}

impl Model {
    fn in_flight(&self) -> usize {
        let taken = |asked: &Asked| if let State::In(taken) = asked.state { taken } else { 0 };
        self.asked.values().map(taken).sum()
    }

    fn waiting(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let waits = self.asked.iter().filter(|(_, asked)| asked.state == State::Waits);
        waits.map(|(number, asked)| (asked.level, *number))
    }

    fn hand_over(&mut self) {
        while let Some((_, next)) = self.waiting().min() {
            let (limit, in_flight) = (self.limit, self.in_flight());
            let asked = self.asked.get_mut(&next).unwrap();
            let weight = asked.weight.min(limit);
            if in_flight + weight > limit {
                return;
            }
            asked.state = State::In(weight);
        }
    }

    /// Whether it is refused.
    fn ask(&mut self, number: usize, level: usize, weight: usize) -> bool {
        let is_free =
            self.waiting().next().is_none() && self.in_flight() + weight.min(self.limit) <= self.limit;
        if !is_free && self.waiting().count() >= MAX_QUEUE {
            let (worst, last) = self.waiting().max().unwrap();
            if worst <= level {
                return true;
            }
            self.asked.get_mut(&last).unwrap().state = State::Displaced;
        }
        self.asked.insert(number, Asked { level, weight, state: State::Waits });
        self.hand_over();
        false
    }
}

type Wait = Pin<Box<dyn Future<Output = Result<OwnedPermit, Rejected>>>>;

struct Run {
    limit: Limit,
    levels: [Limit; 3],
    waits: BTreeMap<usize, Wait>,
    permits: BTreeMap<usize, OwnedPermit>,
    model: Model,
    number: usize,
}

impl Run {
    fn new(limit: usize) -> Self {
        let longest = Duration::from_secs(3600);
        let real = Limit::builder(limit).max_queue(MAX_QUEUE).max_wait(longest).build().unwrap();
        let levels = LEVELS.map(|priority| real.priority(priority));
        let model = Model { limit, asked: BTreeMap::new() };
        Self { limit: real, levels, waits: BTreeMap::new(), permits: BTreeMap::new(), model, number: 0 }
    }

    fn poll(&mut self, number: usize) {
        let Some(wait) = self.waits.get_mut(&number) else { return };
        let outcome = wait.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let state = self.model.asked.get(&number).map(|asked| asked.state);
        match (outcome, state) {
            (Poll::Pending, Some(State::Waits)) => return,
            (Poll::Ready(Ok(permit)), Some(State::In(taken))) => {
                assert_eq!(permit.weight(), taken);
                self.permits.insert(number, permit);
            }
            (Poll::Ready(Err(Rejected::Displaced)), Some(State::Displaced)) => {
                self.model.asked.remove(&number);
            }
            (Poll::Ready(Err(Rejected::QueueFull { .. })), None) => {}
            (outcome, state) => panic!("{number}: {outcome:?} where the model says {state:?}"),
        }
        self.waits.remove(&number);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Ask { level, weight } => {
                self.number += 1;
                let (number, limit) = (self.number, self.levels[level].clone());
                self.waits.insert(number, Box::pin(async move { limit.acquire_many_owned(weight).await }));
                self.model.ask(number, level, weight);
                self.poll(number);
            }
            Step::Poll(which) => {
                if let Some(number) = nth(&self.waits, which) {
                    self.poll(number);
                }
            }
            Step::Leave(which) => {
                if let Some(number) = nth(&self.waits, which) {
                    self.waits.remove(&number);
                    self.gone(number);
                }
            }
            Step::End(which) => {
                if let Some(number) = nth(&self.permits, which) {
                    self.permits.remove(&number);
                    self.gone(number);
                }
            }
            Step::Resize(limit) => {
                self.limit.resize(limit).unwrap();
                self.model.limit = limit;
                self.model.hand_over();
            }
        }
        let stats = self.limit.stats();
        let expected = (self.model.limit, self.model.in_flight(), self.model.waiting().count());
        assert_eq!((stats.limit, stats.in_flight, stats.waiting), expected, "after {step:?}");
    }

    fn gone(&mut self, number: usize) {
        self.model.asked.remove(&number);
        self.model.hand_over();
    }
}

fn nth<T>(map: &BTreeMap<usize, T>, which: usize) -> Option<usize> {
    map.keys().nth(which.checked_rem(map.len())?).copied()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_step_is_the_models(limit in 1..8_usize, steps in prop::collection::vec(step(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        // Timers are of it; none of them fires.
        let _entered = runtime.enter();
        let mut run = Run::new(limit);
        steps.into_iter().for_each(|step| run.step(step));
        run.waits.clear();
        run.permits.clear();
        prop_assert_eq!((run.limit.stats().in_flight, run.limit.stats().waiting), (0, 0));
    }
}
