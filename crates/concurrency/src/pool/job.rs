use super::{
    crew::Crew,
    error::{JobError, Refused},
    task::{self, Join, Task, Work},
};
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

/// A job that a [`ThreadPool`](super::ThreadPool) took: a future of its result, on any runtime or none.
///
/// Dropping it before a thread took the job drops the job's closure and frees its place in the queue; a job that runs
/// already runs to its end. [`detach`](Self::detach) lets it run either way.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use perfect21_concurrency::ThreadPool;
///
/// let pool = ThreadPool::new(2)?;
/// let job = pool.submit(|| 6 * 7).await?;
/// assert_eq!(job.await?, 42);
/// # Ok(())
/// # }
/// ```
///
/// # Cancel safety
/// It may be polled on and off, and dropped at any time.
#[must_use = "dropping a job that is still queued cancels it; `detach()` lets it run"]
pub struct Job<T> {
    task: Option<Arc<dyn Join<T>>>,
    crew: Arc<Crew>,
}

impl<T> Job<T> {
    pub(super) fn new(task: Arc<dyn Join<T>>, crew: Arc<Crew>) -> Self {
        Self { task: Some(task), crew }
    }

    /// Whether its result is there.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.task.as_ref().is_none_or(|task| matches!(task.phase(), task::DONE | task::DISCARDED))
    }

    /// Lets the job run though nobody waits for it; its result is dropped, a panic of it is counted.
    ///
    /// ```
    /// use perfect21_concurrency::ThreadPool;
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let (done, wait) = std::sync::mpsc::channel();
    /// if let Ok(job) = pool.try_submit(move || done.send(42)) {
    ///     job.detach();
    /// }
    /// assert_eq!(wait.recv(), Ok(42));
    /// # Ok::<(), perfect21_concurrency::ConfigError>(())
    /// ```
    pub fn detach(mut self) {
        self.task = None;
    }
}

impl<T> Future for Job<T> {
    type Output = Result<T, JobError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(task) = &self.task else { unreachable!("polled after it was ready") };
        let result = ready!(task.poll_result(cx));
        self.task = None;
        Poll::Ready(result)
    }
}

impl<T> Drop for Job<T> {
    fn drop(&mut self) {
        if let Some(task) = self.task.take()
            && task.phase() == task::QUEUED
        {
            self.crew.cancel(&*task);
        }
    }
}

impl<T> fmt::Debug for Job<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("finished", &self.is_finished()).finish_non_exhaustive()
    }
}

/// Waits for room in a pool's queue, in order of arrival; made by [`ThreadPool::submit`](super::ThreadPool::submit).
#[must_use = "a future does nothing until it is polled"]
pub struct Submit<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    crew: Arc<Crew>,
    state: State<F, T>,
}

enum State<F, T> {
    New(F),
    Waiting(Arc<Task<F, T>>),
    Over,
}

impl<F, T> Submit<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    pub(super) fn new(work: F, crew: Arc<Crew>) -> Self {
        Self { crew, state: State::New(work) }
    }

    fn begin(&mut self) -> Result<(), Refused<F>> {
        let State::New(work) = std::mem::replace(&mut self.state, State::Over) else { return Ok(()) };
        let task = Arc::new(Task::new(work, task::WAITING));
        self.crew.submit(&task)?;
        self.state = State::Waiting(task);
        Ok(())
    }
}

// The closure is never pinned.
impl<F, T> Unpin for Submit<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
}

impl<F, T> Future for Submit<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = Result<Job<T>, Refused<F>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if matches!(self.state, State::New(_)) {
            self.begin()?;
        }
        let State::Waiting(task) = &self.state else { unreachable!("polled after it was ready") };
        let phase = ready!(task.poll_admitted(cx));
        let State::Waiting(task) = std::mem::replace(&mut self.state, State::Over) else { unreachable!() };
        if phase == task::REFUSED {
            let Some(work) = task.take_work() else { unreachable!("nobody ran it") };
            return Poll::Ready(Err(Refused::Closed(work)));
        }
        Poll::Ready(Ok(Job::new(task, Arc::clone(&self.crew))))
    }
}

impl<F, T> Drop for Submit<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    fn drop(&mut self) {
        if let State::Waiting(task) = &self.state {
            // It may have been admitted in the meantime: then it is cancelled as a job is.
            self.crew.cancel(&**task);
        }
    }
}

impl<F, T> fmt::Debug for Submit<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::New(_) => "not begun",
            State::Waiting(task) if task.phase() == task::WAITING => "waiting",
            State::Waiting(_) | State::Over => "over",
        };
        f.debug_struct("Submit").field("state", &state).finish_non_exhaustive()
    }
}
