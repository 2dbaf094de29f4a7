use crate::{Panicked, panicked::guarded};
use pin_project_lite::pin_project;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

pin_project! {
    /// An item and its number; a panic is its result.
    pub(super) struct Guarded<F> {
        nth: usize,
        #[pin]
        item: Option<F>,
    }
}

impl<F> Guarded<F> {
    pub(super) fn new(nth: usize, item: F) -> Self {
        Self { nth, item: Some(item) }
    }
}

impl<F: Future> Future for Guarded<F> {
    type Output = (usize, Result<F::Output, Panicked>);

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(item) = this.item.as_mut().as_pin_mut() else { unreachable!("polled after it ended") };
        let result = match catch_unwind(AssertUnwindSafe(|| item.poll(context))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(value)) => Ok(value),
            Err(payload) => Err(Panicked::new(payload)),
        };
        // Here, so that a panic of its destructor does not reach the other items.
        guarded(|| this.item.set(None));
        Poll::Ready((*this.nth, result))
    }
}
