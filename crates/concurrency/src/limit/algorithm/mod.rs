//! How an adaptive limit finds itself: one algorithm a file, each pure, called once a window.

mod aimd;
mod baseline;
mod elastic;
mod fixed;
mod gradient2;
mod vegas;

pub use aimd::Aimd;
pub use elastic::Elastic;
pub use fixed::Fixed;
pub use gradient2::Gradient2;
pub use vegas::Vegas;

use super::Window;
use baseline::Baseline;
use std::fmt;

/// What finds a limit: it sees what happened in a [`Window`] and answers with the limit for the next one.
///
/// It has no clock and does no I/O, so it can be simulated and tested by windows alone. It is called once a window and
/// never by two at a time. Its answer is brought into the limit's bounds, and is not followed upwards where nobody found
/// the limit full ([`Window::was_hit`]). Who keeps a state goes by [`Window::limit`], which somebody may have
/// [resized](super::Limit::resize).
///
/// # Failures without load
/// [`Window::overloaded`] counts every call that was reported as overload or took longer than the
/// ceiling. A share of these may have nothing to do with load: a broken dependency, a caller's
/// short deadline, answers that are slow by nature. The algorithms of this crate therefore compare
/// the share with what is usual. If it rises by more than chance, they lower the limit to three
/// quarters for about half a second: if the share falls, load was the cause, and the limit stays
/// low; if not, the share is usual from then on, and the limit goes back. If a quarter of the calls
/// or more fail, the limit falls in any case.
///
/// ```
/// use perfect21_concurrency::{Algorithm, Limit, limit::Window};
///
/// /// One more each window, and half of it when something was overloaded.
/// #[derive(Debug)]
/// struct Halving;
///
/// impl Algorithm for Halving {
///     fn on_window(&mut self, window: &Window) -> usize {
///         if window.overloaded > 0 { window.limit / 2 } else { window.limit + 1 }
///     }
/// }
///
/// let limit = Limit::builder(10).algorithm(Halving).build()?;
/// # drop(limit);
/// # Ok::<(), perfect21_concurrency::ConfigError>(())
/// ```
pub trait Algorithm: fmt::Debug + Send {
    /// The limit for the next window.
    fn on_window(&mut self, window: &Window) -> usize;

    /// Whether it never changes the limit: then nothing is counted and timed for it. Default: no.
    fn is_fixed(&self) -> bool {
        false
    }
}

/// How much Netflix's algorithms go up or down at a limit: by its decimal logarithm, and at least one.
fn step(limit: usize) -> usize {
    limit.max(10).ilog10() as usize
}

/// Whether less than half of the limit was used: then its latencies say nothing about it.
fn is_idle(window: &Window) -> bool {
    window.peak.saturating_mul(2) < window.limit
}
