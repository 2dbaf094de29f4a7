//! Objects at hand: for each thread a pair of magazines that the pool owns, and the moves between them and the depot.
//!
//! After Bonwick and Adams, *Magazines and Vmem* (USENIX 2001): a thread takes from and returns to its loaded
//! magazine, swaps it with the spare one when it is empty or full, and only when that does not help goes to the depot,
//! once for a whole magazine. Magazines begin with one object and double as the thread needs them to.
//!
//! The modules with unsafe code are `barrier` and `gate`, which let any thread claim another's cache; `store`,
//! `back` and `reclaim`, which use them from either side; and `hand`, which moves an object out of a guard.

#[cfg(not(all(test, perfect21_loom)))]
mod back;
pub(crate) mod barrier;
#[cfg(not(all(test, perfect21_loom)))]
mod cache;
pub(crate) mod gate;
#[cfg(not(all(test, perfect21_loom)))]
mod hand;
#[cfg(not(all(test, perfect21_loom)))]
mod reclaim;
#[cfg(not(all(test, perfect21_loom)))]
pub(crate) mod seat;
#[cfg(not(all(test, perfect21_loom)))]
mod shelf;
#[cfg(not(all(test, perfect21_loom)))]
mod store;
#[cfg(not(all(test, perfect21_loom)))]
mod table;

#[cfg(not(all(test, perfect21_loom)))]
pub(crate) use self::{
    hand::{Hand, Lent},
    store::{Recipe, Settings, Store},
};
