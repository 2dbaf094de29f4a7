use super::guard::Guarded;
use crate::Panicked;
use futures_buffered::FuturesOrderedBounded;
use futures_util::Stream;
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Results in the order of their items; made by [`Gather::stream`](super::Gather::stream).
///
/// Dropping it drops all items.
#[must_use = "streams do nothing unless polled"]
pub struct Ordered<I: Iterator<Item: Future>> {
    items: Option<I>,
    running: FuturesOrderedBounded<Guarded<I::Item>>,
    /// Items that were begun and whose result was not taken.
    under_way: usize,
    limit: usize,
}

impl<I: Iterator<Item: Future>> Ordered<I> {
    pub(super) fn new(items: I, limit: usize) -> Self {
        let places = items.size_hint().1.map_or(limit, |most| limit.min(most.max(1)));
        Self { items: Some(items), running: FuturesOrderedBounded::new(places), under_way: 0, limit: places }
    }
}

/// The iterator is not pinned, and the items are in places of their own.
impl<I: Iterator<Item: Future>> Unpin for Ordered<I> {}

impl<I: Iterator<Item: Future>> Stream for Ordered<I> {
    type Item = Result<<I::Item as Future>::Output, Panicked>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        while this.under_way < this.limit {
            let Some(item) = this.items.as_mut().and_then(Iterator::next) else {
                // Not asked again: it need not be fused.
                this.items = None;
                break;
            };
            this.running.push_back(Guarded::new(0, item));
            this.under_way += 1;
        }
        let next = ready!(Pin::new(&mut this.running).poll_next(context));
        Poll::Ready(next.map(|(_, result)| {
            this.under_way -= 1;
            result
        }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (least, most) = self.items.as_ref().map_or((0, Some(0)), Iterator::size_hint);
        let sum = |items: usize| items.checked_add(self.under_way);
        (sum(least).unwrap_or(usize::MAX), most.and_then(sum))
    }
}

impl<I: Iterator<Item: Future>> fmt::Debug for Ordered<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ordered")
            .field("limit", &self.limit)
            .field("under_way", &self.under_way)
            .finish_non_exhaustive()
    }
}
