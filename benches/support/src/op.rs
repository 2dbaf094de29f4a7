use std::{fmt, hint::black_box};

/// Does an operation so many times.
pub(crate) type Work = Box<dyn FnMut(u64)>;

/// An operation that is measured: made once, set up on each thread that takes part, then done many times in a loop.
pub struct Op {
    set_up: Box<dyn Fn() -> Work + Send + Sync>,
}

impl Op {
    /// An operation with state of its own on each thread: `set_up` runs there and gives back what does the operation
    /// so many times. What it is done to is shared by the threads if `set_up` captures it.
    ///
    /// ```
    /// use perfect21_bench_support::Op;
    ///
    /// let mut push = Op::with_state(|| {
    ///     let mut list = Vec::new();
    ///     move |times| (0..times).for_each(|n| list.push(n))
    /// });
    /// push.on_this_thread()(1_000);
    /// ```
    #[must_use]
    pub fn with_state<F, W>(set_up: F) -> Self
    where
        F: Fn() -> W + Send + Sync + 'static,
        W: FnMut(u64) + 'static,
    {
        Self { set_up: Box::new(move || Box::new(set_up())) }
    }

    /// An operation without such state: `once` is called with 0, 1, 2, … on each thread.
    #[must_use]
    pub fn each<F, R>(once: F) -> Self
    where
        F: Fn(u64) -> R + Send + Sync + 'static,
    {
        let once = std::sync::Arc::new(once);
        Self::with_state(move || {
            let once = std::sync::Arc::clone(&once);
            move |times| {
                let once = &*once;
                for n in 0..times {
                    black_box(once(n));
                }
            }
        })
    }

    /// Sets the operation up on the calling thread: for a criterion bench of the same operation.
    #[must_use]
    pub fn on_this_thread(&self) -> Box<dyn FnMut(u64)> {
        (self.set_up)()
    }
}

impl fmt::Debug for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Op").finish_non_exhaustive()
    }
}

/// Our operation and the peer's, on so many threads at once.
#[derive(Debug)]
pub struct Case {
    pub(crate) name: &'static str,
    pub(crate) threads: usize,
    pub(crate) peer: &'static str,
    pub(crate) ops: Ops,
    /// So many operations a round, measured otherwise than by the CPU time of their threads.
    pub(crate) whole: Option<(u64, Clock)>,
}

/// What operations are measured by that are not done by their own threads alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    /// The CPU time of the process.
    Process,
    /// The time that passes.
    Wall,
}

/// Ours and the peer's.
pub(crate) enum Ops {
    Once([Op; 2]),
    Anew([Box<dyn Fn() -> Op + Send + Sync>; 2]),
}

impl fmt::Debug for Ops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Once(_) => "Once",
            Self::Anew(_) => "Anew",
        })
    }
}

impl Case {
    /// Pairs our operation with a peer's; `name` and `peer` together find its target.
    #[must_use]
    pub fn new(name: &'static str, threads: usize, ours: Op, peer: &'static str, theirs: Op) -> Self {
        Self { name, threads: threads.max(1), peer, ops: Ops::Once([ours, theirs]), whole: None }
    }

    /// As [`new`](Self::new), for operations on much memory: by where that lies, two that are the same differ by up to a
    /// third. Both are made anew several times, and all are measured.
    #[must_use]
    pub fn anew(
        name: &'static str,
        threads: usize,
        ours: impl Fn() -> Op + Send + Sync + 'static,
        peer: &'static str,
        theirs: impl Fn() -> Op + Send + Sync + 'static,
    ) -> Self {
        let ops = Ops::Anew([Box::new(ours), Box::new(theirs)]);
        Self { name, threads: threads.max(1), peer, ops, whole: None }
    }

    /// As [`new`](Self::new), for operations that are done by threads of their own: called on one thread, so many a round,
    /// and measured by the CPU time of the whole process. Rounds are a fifth as many.
    #[must_use]
    pub fn of_process(name: &'static str, times: u64, ours: Op, peer: &'static str, theirs: Op) -> Self {
        Self { whole: Some((times.max(1), Clock::Process)), ..Self::new(name, 1, ours, peer, theirs) }
    }

    /// As [`of_process`](Self::of_process), for operations that wait for another process: measured by the time that passes,
    /// which is all that their callers see.
    #[must_use]
    pub fn of_time(name: &'static str, times: u64, ours: Op, peer: &'static str, theirs: Op) -> Self {
        Self { whole: Some((times.max(1), Clock::Wall)), ..Self::new(name, 1, ours, peer, theirs) }
    }
}
