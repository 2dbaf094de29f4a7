use super::Watch;
use std::{
    fmt, io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread::{self, JoinHandle},
};

/// The thread that ticks a [`Watch`]; dropping it ends the thread, and waits for a tick under way.
#[must_use = "the watch ends when this is dropped"]
pub struct Running {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub(super) fn start(watch: Watch) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let run = move || run(&watch, &stopped);
        let thread = thread::Builder::new().name("memory-watch".to_owned()).spawn(run)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }

    /// Lets the thread run for as long as the process does.
    pub fn detach(mut self) {
        // The thread waits for the sender to go, and this one never does.
        std::mem::forget(self.stop.take());
        self.thread = None;
    }
}

fn run(watch: &Watch, stopped: &Receiver<()>) {
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(watch.interval()) {
        // Parts that panic are caught one by one; this is for the user's clock and purge.
        if catch_unwind(AssertUnwindSafe(|| watch.tick())).is_err() {
            tracing::error!("a tick of the memory watch panicked");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take()
            // A part that owns the handle may be dropped by the thread itself.
            && thread.thread().id() != thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").finish_non_exhaustive()
    }
}
