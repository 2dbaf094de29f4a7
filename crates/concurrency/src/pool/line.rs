//! The queue: what is admitted, and behind it what waits for room.

use super::task::{CANCELLED, QUEUED, REFUSED, RUNNING, STRANDED, WAITING, Work};
use std::{collections::VecDeque, sync::Arc, time::Instant};

/// So many cancelled jobs may lie in a queue before it is swept, or as many as are alive.
const DEAD: usize = 64;

/// Jobs in order of arrival. A cancelled one stays as an empty entry until its turn or the next sweep, so cancelling
/// takes constant time on average, and a queue holds at most twice what is alive and 64 more.
pub(super) struct Line {
    queued: Queue,
    waiting: Queue,
    max: usize,
}

struct Entry {
    work: Arc<dyn Work>,
    since: Instant,
}

#[derive(Default)]
struct Queue {
    entries: VecDeque<Entry>,
    alive: usize,
}

impl Line {
    pub(super) fn new(max: usize) -> Self {
        Self { queued: Queue::default(), waiting: Queue::default(), max }
    }

    pub(super) fn len(&self) -> usize {
        self.queued.alive
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.alive
    }

    /// Whether a job that comes now has to wait: who came before it goes first.
    pub(super) fn is_full(&self) -> bool {
        self.queued.alive >= self.max || self.waiting.alive > 0
    }

    pub(super) fn push(&mut self, work: Arc<dyn Work>, since: Instant) {
        self.queued.push(Entry { work, since });
    }

    pub(super) fn push_waiting(&mut self, work: Arc<dyn Work>, since: Instant) {
        self.waiting.push(Entry { work, since });
    }

    /// The oldest job, which is running from now on.
    pub(super) fn take(&mut self) -> Option<Arc<dyn Work>> {
        self.queued.take(QUEUED, RUNNING).map(|entry| entry.work)
    }

    /// Fills a place that became free; who is admitted must be woken, without the lock.
    pub(super) fn admit(&mut self) -> Option<Arc<dyn Work>> {
        if self.queued.alive >= self.max || self.waiting.alive == 0 {
            return None;
        }
        let entry = self.waiting.take(WAITING, QUEUED)?;
        let work = Arc::clone(&entry.work);
        self.queued.push(entry);
        Some(work)
    }

    /// Takes a job out, if it is still in; tells whether it was admitted.
    pub(super) fn cancel(&mut self, work: &dyn Work) -> Option<bool> {
        if work.advance(QUEUED, CANCELLED) {
            self.queued.lose();
            Some(true)
        } else if work.advance(WAITING, CANCELLED) {
            self.waiting.lose();
            Some(false)
        } else {
            None
        }
    }

    /// Empties the queue into `phase`.
    pub(super) fn discard(&mut self, phase: u8) -> Vec<Arc<dyn Work>> {
        self.queued.drain(QUEUED, phase)
    }

    /// Sends away who waits for room.
    pub(super) fn refuse(&mut self) -> Vec<Arc<dyn Work>> {
        self.waiting.drain(WAITING, REFUSED)
    }

    /// Empties it, with those who wait for room: there is nobody to work on it.
    pub(super) fn strand(&mut self) -> Vec<Arc<dyn Work>> {
        let mut stranded = self.queued.drain(QUEUED, STRANDED);
        stranded.extend(self.waiting.drain(WAITING, STRANDED));
        stranded
    }

    /// When the oldest job was submitted.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.queued.entries.front().map(|entry| entry.since)
    }

    /// About how many were submitted at `then` or before: those cancelled among them count.
    pub(super) fn since(&self, then: Instant) -> usize {
        self.queued.entries.partition_point(|entry| entry.since <= then).min(self.queued.alive)
    }
}

impl Queue {
    fn push(&mut self, entry: Entry) {
        self.entries.push_back(entry);
        self.alive += 1;
    }

    fn take(&mut self, from: u8, to: u8) -> Option<Entry> {
        while let Some(entry) = self.entries.pop_front() {
            if entry.work.advance(from, to) {
                self.alive -= 1;
                self.skip();
                return Some(entry);
            }
        }
        None
    }

    fn drain(&mut self, from: u8, to: u8) -> Vec<Arc<dyn Work>> {
        std::iter::from_fn(|| self.take(from, to)).map(|entry| entry.work).collect()
    }

    /// One of its entries was cancelled.
    fn lose(&mut self) {
        self.alive -= 1;
        self.skip();
        if self.entries.len() - self.alive > self.alive.max(DEAD) {
            self.entries.retain(|entry| entry.work.phase() != CANCELLED);
        }
    }

    /// Keeps a live entry in front, whose age is the queue's.
    fn skip(&mut self) {
        while self.entries.front().is_some_and(|entry| entry.work.phase() == CANCELLED) {
            self.entries.pop_front();
        }
    }
}

#[cfg(all(test, not(perfect21_loom)))]
mod tests {
    use super::{
        super::task::{DONE, Task},
        *,
    };
    use proptest::prelude::*;

    type Job = Arc<Task<fn(), ()>>;

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Submit,
        Take,
        Cancel(usize),
    }

    /// What a line is to be: jobs by number, in order.
    #[derive(Default)]
    struct Model {
        queued: Vec<usize>,
        waiting: Vec<usize>,
    }

    impl Model {
        fn admit(&mut self, max: usize) {
            if self.queued.len() < max && !self.waiting.is_empty() {
                self.queued.push(self.waiting.remove(0));
            }
        }
    }

    fn submit(line: &mut Line, model: &mut Model, jobs: &mut Vec<Job>) {
        let full = line.is_full();
        let job: Job = Arc::new(Task::new(|| (), if full { WAITING } else { QUEUED }));
        let (number, now) = (jobs.len(), Instant::now());
        if full {
            line.push_waiting(job.clone(), now);
            model.waiting.push(number);
        } else {
            line.push(job.clone(), now);
            model.queued.push(number);
        }
        jobs.push(job);
    }

    proptest! {
        #[test]
        fn jobs_leave_in_order_once_and_places_are_filled(
            max in 1_usize..4,
            steps in prop::collection::vec(
                prop_oneof![
                    3 => Just(Step::Submit),
                    2 => Just(Step::Take),
                    2 => any::<usize>().prop_map(Step::Cancel),
                ],
                0..400,
            ),
        ) {
            let (mut line, mut model, mut jobs) = (Line::new(max), Model::default(), Vec::<Job>::new());
            for step in steps {
                match step {
                    Step::Submit => submit(&mut line, &mut model, &mut jobs),
                    Step::Take => {
                        let expected = (!model.queued.is_empty()).then(|| model.queued.remove(0));
                        let taken = line.take();
                        prop_assert_eq!(taken.is_some(), expected.is_some());
                        if let Some(number) = expected {
                            prop_assert!(jobs[number].advance(RUNNING, DONE), "it is the oldest");
                        }
                        model.admit(max);
                        line.admit();
                    }
                    Step::Cancel(which) if !jobs.is_empty() => {
                        let number = which % jobs.len();
                        let queued = model.queued.iter().position(|other| *other == number);
                        let waiting = model.waiting.iter().position(|other| *other == number);
                        queued.map(|place| model.queued.remove(place));
                        waiting.map(|place| model.waiting.remove(place));
                        let expected = queued.map(|_| true).or(waiting.map(|_| false));
                        prop_assert_eq!(line.cancel(&*jobs[number]), expected);
                        model.admit(max);
                        line.admit();
                    }
                    Step::Cancel(_) => {}
                }
                prop_assert_eq!((line.len(), line.waiting()), (model.queued.len(), model.waiting.len()));
                prop_assert_eq!(line.oldest().is_some(), line.len() > 0);
            }
        }
    }

    #[test]
    fn cancelled_jobs_do_not_pile_up() {
        let mut line = Line::new(10);
        let stuck: Job = Arc::new(Task::new(|| (), QUEUED));
        line.push(stuck, Instant::now());
        for _ in 0..10_000 {
            let job: Job = Arc::new(Task::new(|| (), QUEUED));
            line.push(job.clone(), Instant::now());
            line.cancel(&*job);
        }
        assert_eq!(line.len(), 1);
        assert!(line.queued.entries.len() <= 2 + DEAD, "{}", line.queued.entries.len());
    }
}
