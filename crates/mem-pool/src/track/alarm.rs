use super::{
    counters::{Scope, is_counting},
    future::Meter,
    growth::Heap,
};
use perfect21_core::Bytes;
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Once, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

/// Warns by [`tracing`] when a call's heap grows by more than a limit: what `#[track_memory(over = "10MB")]` puts around
/// a function.
///
/// What counts is what the call leaves allocated ([`Heap::net`]), so a function that frees what it took stays silent. A
/// warning names the function, its growth and its peak, and comes at most every ten seconds; the next one tells how
/// many were left out. Costs a few nanoseconds a call or poll. Without [`Counting`](super::Counting) as the global
/// allocator one warning in all says that nothing is measured.
///
/// ```
/// use perfect21_mem_pool::track::{Alarm, Bytes, Counting};
///
/// #[global_allocator]
/// static ALLOCATOR: Counting = Counting::system();
///
/// static REPORT: Alarm = Alarm::new("report", Bytes::mib(10));
///
/// let rows = REPORT.track(|| vec![0_u8; 11 << 20]); // warns: report grew by 11 MiB
/// # drop(rows);
/// ```
#[derive(Debug)]
pub struct Alarm {
    name: &'static str,
    over: Bytes,
    /// Nanoseconds on [`since_start`]; zero is never.
    last: AtomicU64,
    left_out: AtomicU64,
}

const PAUSE: Duration = Duration::from_secs(10);

impl Alarm {
    /// For a `static`: a name for the log, and the growth above which to warn.
    #[must_use]
    pub const fn new(name: &'static str, over: Bytes) -> Self {
        Self { name, over, last: AtomicU64::new(0), left_out: AtomicU64::new(0) }
    }

    /// Runs `call`, and warns if it grew by more than the limit, also where it panics.
    pub fn track<T>(&self, call: impl FnOnce() -> T) -> T {
        let _guard = self.enter();
        call()
    }

    /// Counts from here until the guard drops, on this thread.
    pub fn enter(&self) -> AlarmGuard<'_> {
        AlarmGuard { alarm: self, scope: Scope::enter() }
    }

    /// Counts what `future` allocates while it is polled, and warns when it ends or is dropped.
    pub fn track_async<F: Future>(&self, future: F) -> AlarmFuture<'_, F> {
        AlarmFuture { future: Some(future), meter: Meter::default(), alarm: self }
    }

    fn judge(&self, heap: Option<Heap>) {
        let Some(heap) = heap else {
            static SAID: Once = Once::new();
            SAID.call_once(|| {
                tracing::warn!(
                    name = self.name,
                    "memory growth is not measured: `track::Counting` is not the global allocator"
                );
            });
            return;
        };
        if u64::try_from(heap.net()).is_ok_and(|net| net > self.over.get()) {
            self.warn(heap);
        }
    }

    #[cold]
    fn warn(&self, heap: Heap) {
        let now = since_start();
        let last = self.last.load(Relaxed);
        let pause = last != 0 && now.saturating_sub(last) < PAUSE.as_nanos() as u64;
        if pause || self.last.compare_exchange(last, now, Relaxed, Relaxed).is_err() {
            self.left_out.fetch_add(1, Relaxed);
            return;
        }
        let left_out = self.left_out.swap(0, Relaxed);
        let grew = Bytes::new(heap.net().unsigned_abs());
        tracing::warn!(
            name = self.name,
            bytes = grew.get(),
            peak = heap.peak.get(),
            allocations = heap.allocations,
            left_out,
            "{} grew by {grew}, more than {}",
            self.name,
            self.over
        );
    }
}

/// Above zero.
fn since_start() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64 + 1
}

/// Counts for an [`Alarm`] until it drops.
#[must_use = "nothing is counted after the guard is gone"]
pub struct AlarmGuard<'a> {
    alarm: &'a Alarm,
    scope: Scope,
}

impl Drop for AlarmGuard<'_> {
    fn drop(&mut self) {
        self.alarm.judge(is_counting().then(|| self.scope.heap()));
    }
}

impl fmt::Debug for AlarmGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlarmGuard").field("alarm", &self.alarm).finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`Alarm::track_async`].
    #[must_use = "futures do nothing unless polled or awaited"]
    pub struct AlarmFuture<'a, F> {
        #[pin]
        future: Option<F>,
        meter: Meter,
        alarm: &'a Alarm,
    }

    impl<F> PinnedDrop for AlarmFuture<'_, F> {
        /// Of a future that is cancelled, what its drop frees counts too.
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_some() {
                this.meter.during(|| this.future.set(None));
                this.alarm.judge(this.meter.heap());
            }
        }
    }
}

impl<F: Future> Future for AlarmFuture<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let future = this.future.as_mut();
        let poll = this.meter.during(|| match future.as_pin_mut() {
            Some(future) => future.poll(cx),
            // Polled again after it was ready.
            None => Poll::Pending,
        });
        if poll.is_ready() {
            this.meter.during(|| this.future.set(None));
            this.alarm.judge(this.meter.heap());
        }
        poll
    }
}

impl<F> fmt::Debug for AlarmFuture<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlarmFuture").field("alarm", &self.alarm).finish_non_exhaustive()
    }
}
