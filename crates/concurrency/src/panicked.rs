use std::{
    any::Any,
    fmt, mem,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Work panicked; whoever ran it lives on. Holds what the panic said.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use perfect21_concurrency::{ThreadPool, pool::JobError};
///
/// let pool = ThreadPool::new(2)?;
/// let failed = pool.run(|| panic!("no such user")).await;
/// let Err(JobError::Panicked(panicked)) = failed else { unreachable!() };
/// assert_eq!(panicked.message(), "no such user");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panicked {
    message: Box<str>,
}

impl Panicked {
    /// Reads a panic's payload, and drops it without letting a panic of its own out.
    pub(crate) fn new(payload: Box<dyn Any + Send>) -> Self {
        let message = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("a value that is no text")
            .into();
        guarded(|| drop(payload));
        Self { message }
    }

    /// What the panic said.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panicked: {}", self.message)
    }
}

impl std::error::Error for Panicked {}

/// Runs code of others that must not take a worker with it: a destructor, a waker.
pub(crate) fn guarded(work: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(work)) {
        // Its destructor may panic as well.
        mem::forget(payload);
    }
}
