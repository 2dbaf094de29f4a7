//! Something slow to load from, whose every load waits for the test to say what it brings.
#![allow(dead_code, reason = "each test file uses some")]

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::sync::{Mutex, mpsc, oneshot};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Down;

impl std::fmt::Display for Down {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the source is down")
    }
}

impl std::error::Error for Down {}

type Outcome = Option<Result<u64, Down>>;

#[derive(Clone)]
pub(crate) struct Source {
    loads: Arc<AtomicU64>,
    begun: mpsc::UnboundedSender<Load>,
    next: Arc<Mutex<mpsc::UnboundedReceiver<Load>>>,
}

/// A load under way.
pub(crate) struct Load {
    pub(crate) key: u32,
    outcome: oneshot::Sender<Outcome>,
}

impl Load {
    pub(crate) fn bring(self, outcome: Result<u64, Down>) {
        let _ = self.outcome.send(Some(outcome));
    }

    pub(crate) fn panic(self) {
        let _ = self.outcome.send(None);
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.outcome.is_closed()
    }
}

impl Source {
    pub(crate) fn new() -> Self {
        let (begun, next) = mpsc::unbounded_channel();
        Self { loads: Arc::default(), begun, next: Arc::new(Mutex::new(next)) }
    }

    /// How many loads began.
    pub(crate) fn loads(&self) -> u64 {
        self.loads.load(SeqCst)
    }

    /// The next load that begins.
    pub(crate) async fn next(&self) -> Load {
        let next = async { self.next.lock().await.recv().await.unwrap() };
        // Real time or paused time: far beyond what any test takes.
        tokio::time::timeout(Duration::from_secs(3600), next).await.expect("no load began")
    }

    pub(crate) fn load(
        &self,
    ) -> impl Fn(u32) -> Pin<Box<dyn Future<Output = Result<u64, Down>> + Send>> + Send + Sync + 'static {
        let (loads, begun) = (Arc::clone(&self.loads), self.begun.clone());
        move |key| {
            loads.fetch_add(1, SeqCst);
            let (outcome, brought) = oneshot::channel();
            let _ = begun.send(Load { key, outcome });
            Box::pin(async move { brought.await.unwrap().expect("the load panics") })
        }
    }
}
