use super::{
    counters::{Scope, is_counting},
    growth::{Growth, Heap, Rss},
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// What a future has used in the polls until now.
#[derive(Debug, Default)]
pub(super) struct Meter {
    heap: Heap,
}

impl Meter {
    /// Counts one poll, or the drop; also where it panics.
    pub(super) fn during<T>(&mut self, run: impl FnOnce() -> T) -> T {
        let _part = Part { scope: Scope::enter(), heap: &mut self.heap };
        run()
    }

    /// `None` where nobody counts.
    pub(super) fn heap(&self) -> Option<Heap> {
        is_counting().then_some(self.heap)
    }
}

struct Part<'a> {
    scope: Scope,
    heap: &'a mut Heap,
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        *self.heap += self.scope.heap();
    }
}

pin_project! {
    /// The future of [`track_async`].
    #[must_use = "futures do nothing unless polled or awaited"]
    pub struct Tracked<F> {
        #[pin]
        future: F,
        meter: Meter,
        rss: Option<Rss>,
    }
}

/// Gives what `future` returns, and by how much memory grew while it was polled.
///
/// What runs between its polls, on whichever threads, is not counted; what it spawns is neither. Costs two thread-local
/// accesses a poll, and two readings of resident memory (2 µs) in all.
///
/// # Cancel safety
/// Dropping it drops `future` and gives no growth.
///
/// ```
/// use perfect21_mem_pool::track::{Counting, track_async};
///
/// #[global_allocator]
/// static ALLOCATOR: Counting = Counting::system();
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let (page, growth) = track_async(async {
///     let page = vec![0_u8; 4096];
///     tokio::task::yield_now().await; // what others allocate here is theirs
///     page
/// })
/// .await;
/// let heap = growth.heap.expect("the allocator counts");
/// assert!(heap.net() >= 4096 && page.len() == 4096);
/// # }
/// ```
pub fn track_async<F: Future>(future: F) -> Tracked<F> {
    Tracked { future, meter: Meter::default(), rss: None }
}

impl<F: Future> Future for Tracked<F> {
    type Output = (F::Output, Growth);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // Not at creation: a future may wait long for its first poll.
        let rss = this.rss.get_or_insert_with(Rss::now);
        let poll = this.meter.during(|| this.future.poll(cx));
        poll.map(|value| (value, Growth { heap: this.meter.heap(), process_rss: rss.change() }))
    }
}

impl<F> fmt::Debug for Tracked<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracked").field("meter", &self.meter).finish_non_exhaustive()
    }
}
