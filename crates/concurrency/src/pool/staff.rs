//! Who works on a queue, and where it sleeps.

use super::crew::Crew;
use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, Thread},
};

#[cfg(all(test, not(perfect21_loom)))]
type Lets = Box<dyn Fn(&Arc<Crew>, u64) -> io::Result<()> + Send + Sync>;

/// Who works on a queue.
pub(crate) enum Staff {
    /// Threads of the pool's own.
    Threads,
    /// Tasks on a rayon pool, one for each job: whoever waits in `join` may begin one, and must not be kept in it.
    #[cfg(feature = "rayon")]
    Rayon(Arc<rayon::ThreadPool>),
    /// Threads, where this does not say that the system starts none.
    #[cfg(all(test, not(perfect21_loom)))]
    Scarce(Lets),
    /// The models' own threads.
    #[cfg(all(test, perfect21_loom))]
    Models,
}

impl Staff {
    /// Starts a worker that was counted already.
    pub(super) fn start(&self, crew: &Arc<Crew>, number: u64) -> io::Result<()> {
        let worker = Arc::clone(crew);
        match self {
            Self::Threads => spawn(worker, number),
            #[cfg(all(test, not(perfect21_loom)))]
            Self::Scarce(lets) => lets(crew, number).and_then(|()| spawn(worker, number)),
            #[cfg(feature = "rayon")]
            Self::Rayon(pool) => {
                pool.spawn(move || worker.turn(number, None));
                Ok(())
            }
            #[cfg(all(test, perfect21_loom))]
            Self::Models => Ok(()),
        }
    }

    /// Its workers sleep where there is nothing to do; others leave.
    pub(super) fn sleeps(&self) -> bool {
        match self {
            Self::Threads => true,
            #[cfg(all(test, not(perfect21_loom)))]
            Self::Scarce(_) => true,
            #[cfg(feature = "rayon")]
            Self::Rayon(_) => false,
            #[cfg(all(test, perfect21_loom))]
            Self::Models => true,
        }
    }
}

fn spawn(worker: Arc<Crew>, number: u64) -> io::Result<()> {
    let name = format!("{}-{number}", worker.name);
    thread::Builder::new().name(name).spawn(move || worker.work(number)).map(drop)
}

impl fmt::Debug for Staff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.sleeps() { "Threads" } else { "Tasks" })
    }
}

/// Where a thread sleeps.
pub(super) struct Seat {
    thread: Thread,
    /// It is in the list of those that sleep; changed under the crew's lock.
    listed: AtomicBool,
}

impl Seat {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { thread: thread::current(), listed: AtomicBool::new(false) })
    }

    pub(super) fn wake(&self) {
        self.thread.unpark();
    }

    pub(super) fn set_listed(&self, listed: bool) {
        self.listed.store(listed, Relaxed);
    }

    pub(super) fn is_listed(&self) -> bool {
        self.listed.load(Relaxed)
    }
}
