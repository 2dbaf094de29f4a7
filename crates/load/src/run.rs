use crate::{
    engine::drive,
    error::Error,
    plan::Plan,
    progress::{Board, Phase, Progress},
    report::Report,
    request_list::RequestList,
};
use std::{
    fmt,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock},
    thread::{self, JoinHandle},
    time::Duration,
};
use tokio::{
    runtime::{Builder, LocalOptions},
    sync::Notify,
};

/// A run under way on a thread of its own.
///
/// Any thread may look at its [`progress`](Self::progress) or [`stop`](Stopper::stop) it. Dropping it ends it without
/// waiting; its report is lost.
#[must_use = "dropping a run ends it"]
pub struct Run {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    planned: Option<Duration>,
    planned_requests: Option<u64>,
}

#[derive(Debug)]
struct Shared {
    board: Arc<Board>,
    outcome: OnceLock<Result<Report, Error>>,
    done: Notify,
}

impl Run {
    /// Starts a plan against a server.
    ///
    /// Returns at once; a server that cannot be reached is told by [`finished`](Self::finished).
    ///
    /// # Errors
    /// If the system gives no thread.
    ///
    /// # Examples
    /// ```no_run
    /// use perfect21_load::{Plan, RequestList, Run};
    /// use std::time::Duration;
    ///
    /// let plan = Plan::open(1000.0).duration(Duration::from_secs(5)).build()?;
    /// let list = RequestList::builder("localhost:3000").get("/").build()?;
    /// let report = Run::start(plan, ([127, 0, 0, 1], 3000).into(), list)?.join()?;
    /// println!("{report}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn start(plan: Plan, address: SocketAddr, list: RequestList) -> Result<Self, Error> {
        let shared =
            Arc::new(Shared { board: Arc::new(Board::new()), outcome: OnceLock::new(), done: Notify::new() });
        let (planned, planned_requests) = (plan.duration, plan.requests);
        let thread = thread::Builder::new().name("perfect21-load".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || {
                let outcome =
                    catch_unwind(AssertUnwindSafe(|| generate(&plan, address, list, &shared.board)));
                // Set only here.
                let _ = shared.outcome.set(outcome.unwrap_or_else(|_| Err(Error::internal())));
                shared.board.enter(Phase::Done);
                shared.done.notify_waiters();
            }
        });
        Ok(Self { shared, thread: Some(thread.map_err(Error::system)?), planned, planned_requests })
    }

    /// How far it is; reads a few atomics.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.shared.board.progress(self.planned, self.planned_requests)
    }

    /// A handle that can stop it from anywhere, such as a Ctrl-C handler.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.shared.board))
    }

    /// Waits for the report on any async runtime; answers at once if it is there.
    ///
    /// # Errors
    /// If not all connections could be opened, or the generator itself failed.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing; call it again.
    pub async fn finished(&self) -> Result<Report, Error> {
        loop {
            // Made before the look, so that an end between the two is not missed.
            let done = self.shared.done.notified();
            if let Some(outcome) = self.shared.outcome.get() {
                return outcome.clone();
            }
            done.await;
        }
    }

    /// Blocks until the report is there.
    ///
    /// # Errors
    /// As [`finished`](Self::finished).
    pub fn join(mut self) -> Result<Report, Error> {
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            return Err(Error::internal());
        }
        self.shared.outcome.get().cloned().unwrap_or_else(|| Err(Error::internal()))
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.shared.board.abandon();
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("progress", &self.progress()).finish_non_exhaustive()
    }
}

/// Stops a [`Run`].
#[derive(Debug, Clone)]
pub struct Stopper(Arc<Board>);

impl Stopper {
    /// Sends no more requests; after the drain the run ends with a report of what was measured, which says that it
    /// was stopped early. Without effect on a run that has ended.
    pub fn stop(&self) {
        self.0.stop();
    }
}

fn generate(
    plan: &Plan,
    address: SocketAddr,
    list: RequestList,
    board: &Arc<Board>,
) -> Result<Report, Error> {
    let runtime = Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build_local(LocalOptions::default())
        .map_err(Error::system)?;
    runtime.block_on(drive(plan, address, list, board))
}
