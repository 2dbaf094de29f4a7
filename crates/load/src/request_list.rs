use crate::request_builder::RequestListBuilder;
use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// The requests of a run, built once, and the order in which they are sent, over and over.
///
/// Clones share one position, and a run goes on where the last one with this list stopped: a second phase does not
/// send the same first requests again. Costs the bytes of each distinct request, 24 bytes beside it, and 4 bytes for
/// each entry of the order.
///
/// ```
/// use perfect21_load::RequestList;
///
/// // Two pages; the first is asked for twice as often.
/// let list = RequestList::builder("shop.example").gets(["/a", "/b"]).order([0, 0, 1]).build()?;
/// assert_eq!((list.distinct(), list.len()), (2, 3));
/// assert!((list.prefix_ceiling(3) - 1.0 / 3.0).abs() < 1e-9);
/// # Ok::<(), perfect21_load::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct RequestList(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bytes: Vec<u8>,
    requests: Vec<Spot>,
    order: Vec<u32>,
    issued: AtomicU64,
}

#[derive(Debug)]
struct Spot {
    range: Range<usize>,
    head: bool,
}

/// One request out of a [`RequestList`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) bytes: &'a [u8],
    /// Whether the answer has no body whatever its headers say.
    pub(crate) head: bool,
}

impl RequestList {
    /// Begins a list of requests with this `Host` header.
    pub fn builder(host_header: impl Into<String>) -> RequestListBuilder {
        RequestListBuilder::new(host_header.into())
    }

    /// The length of the order: after so many requests it starts again.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a list is never empty")]
    pub fn len(&self) -> usize {
        self.0.order.len()
    }

    /// How many different requests there are.
    #[must_use]
    pub fn distinct(&self) -> usize {
        self.0.requests.len()
    }

    /// How many requests have been handed out since the list was made, by all runs together.
    #[must_use]
    pub fn issued(&self) -> u64 {
        self.0.issued.load(Ordering::Relaxed)
    }

    /// The best hit ratio that a cache which starts empty can reach over the first `n` requests: 1 − distinct / `n`.
    ///
    /// Visits up to one pass of the order. Zero for `n` = 0.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a ratio for people")]
    pub fn prefix_ceiling(&self, n: u64) -> f64 {
        if n == 0 {
            return 0.0;
        }
        let prefix = usize::try_from(n).unwrap_or(usize::MAX).min(self.len());
        let mut seen = vec![false; self.distinct()];
        let mut distinct = 0_u64;
        for index in &self.0.order[..prefix] {
            distinct += u64::from(!std::mem::replace(&mut seen[*index as usize], true));
        }
        1.0 - distinct as f64 / n as f64
    }

    /// Each request is a range of `bytes`, and whether it is a HEAD; `order` holds indices of `requests`.
    pub(crate) fn from_parts(bytes: Vec<u8>, requests: Vec<(Range<usize>, bool)>, order: Vec<u32>) -> Self {
        let requests = requests.into_iter().map(|(range, head)| Spot { range, head }).collect();
        Self(Arc::new(Inner { bytes, requests, order, issued: AtomicU64::new(0) }))
    }

    /// Hands out the next position.
    pub(crate) fn next_position(&self) -> u64 {
        self.0.issued.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn is_first_pass(&self, position: u64) -> bool {
        position < self.0.order.len() as u64
    }

    #[allow(clippy::cast_possible_truncation, reason = "below the order's length")]
    pub(crate) fn at(&self, position: u64) -> Request<'_> {
        let index = self.0.order[(position % self.0.order.len() as u64) as usize];
        let spot = &self.0.requests[index as usize];
        Request { bytes: &self.0.bytes[spot.range.clone()], head: spot.head }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_complete_and_follow_the_order_round_and_round() {
        let list = RequestList::builder("h:1")
            .get("/a?x=1")
            .head("/b")
            .header("Accept", "*/*")
            .order([1, 0, 0])
            .build()
            .unwrap();
        let text = |position| String::from_utf8(list.at(position).bytes.to_vec()).unwrap();
        assert_eq!(text(0), "HEAD /b HTTP/1.1\r\nhost: h:1\r\nAccept: */*\r\n\r\n");
        assert_eq!(text(1), "GET /a?x=1 HTTP/1.1\r\nhost: h:1\r\nAccept: */*\r\n\r\n");
        assert_eq!(text(3), text(0));
        assert!(list.at(0).head && !list.at(1).head);
        assert!(list.is_first_pass(2) && !list.is_first_pass(3));
    }

    #[test]
    fn clones_share_the_position() {
        let list = RequestList::builder("h").get("/").build().unwrap();
        assert_eq!((list.next_position(), list.clone().next_position(), list.issued()), (0, 1, 2));
    }

    #[test]
    fn the_ceiling_counts_each_request_once() {
        let list = RequestList::builder("h").gets(["/a", "/b", "/c"]).order([0, 1, 0, 0]).build().unwrap();
        for (n, ceiling) in [(0, 0.0), (1, 0.0), (2, 0.0), (4, 0.5), (8, 0.75)] {
            assert!((list.prefix_ceiling(n) - ceiling).abs() < 1e-9, "{n}");
        }
    }
}
