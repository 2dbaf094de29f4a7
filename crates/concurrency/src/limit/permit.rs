use super::{
    Limit,
    sampler::{Outcome, Started},
};
use std::mem;

/// What a permit holds: how much, and since when.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) taken: usize,
    pub(super) started: Started,
}

/// A place under a [`Limit`], borrowed from it; dropping it frees the place.
///
/// How the call ended is what an adaptive limit learns from: say it by [`success`](Self::success) or
/// [`overload`](Self::overload). A permit that is just dropped is ignored, as is right for a call that was cancelled. A
/// fixed limit does not care.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use perfect21_concurrency::Limit;
///
/// let limit = Limit::adaptive().build()?;
/// let permit = limit.acquire().await?;
/// let answer: Result<u32, &str> = Ok(7); // from a server
/// match answer {
///     Ok(_) => permit.success(),
///     Err("timed out") => permit.overload(),
///     Err(_) => permit.ignore(),
/// }
/// assert_eq!(limit.stats().in_flight, 0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "dropping a permit frees its place at once"]
pub struct Permit<'a> {
    limit: &'a Limit,
    ticket: Ticket,
}

impl<'a> Permit<'a> {
    pub(super) fn new(limit: &'a Limit, ticket: Ticket) -> Self {
        Self { limit, ticket }
    }

    /// It was served: its latency counts.
    #[inline]
    pub fn success(self) {
        self.end(Outcome::Success);
    }

    /// It failed because too much was going on: a timeout, a refusal.
    pub fn overload(self) {
        self.end(Outcome::Overload);
    }

    /// It says nothing about the server; as dropping it.
    pub fn ignore(self) {
        self.end(Outcome::Ignore);
    }

    /// Ends it as found.
    #[inline]
    pub fn end(mut self, outcome: Outcome) {
        let taken = mem::take(&mut self.ticket.taken);
        self.limit.end(taken, self.ticket.started, outcome);
    }

    /// How many places it holds: what was asked for, or the whole limit where that was less.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.ticket.taken
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.ticket.taken > 0 {
            self.limit.give(self.ticket.taken);
        }
    }
}

/// A [`Permit`] that keeps its limit alive and can go where it likes; one more reference is counted for it.
#[derive(Debug)]
#[must_use = "dropping a permit frees its place at once"]
pub struct OwnedPermit {
    limit: Limit,
    ticket: Ticket,
}

impl OwnedPermit {
    pub(super) fn new(limit: Limit, ticket: Ticket) -> Self {
        Self { limit, ticket }
    }

    /// As [`Permit::success`].
    #[inline]
    pub fn success(self) {
        self.end(Outcome::Success);
    }

    /// As [`Permit::overload`].
    pub fn overload(self) {
        self.end(Outcome::Overload);
    }

    /// As [`Permit::ignore`].
    pub fn ignore(self) {
        self.end(Outcome::Ignore);
    }

    /// As [`Permit::end`].
    #[inline]
    pub fn end(mut self, outcome: Outcome) {
        let taken = mem::take(&mut self.ticket.taken);
        self.limit.end(taken, self.ticket.started, outcome);
    }

    /// As [`Permit::weight`].
    #[must_use]
    pub fn weight(&self) -> usize {
        self.ticket.taken
    }
}

impl Drop for OwnedPermit {
    #[inline]
    fn drop(&mut self) {
        if self.ticket.taken > 0 {
            self.limit.give(self.ticket.taken);
        }
    }
}
