use super::{Algorithm, Window};

/// The limit as it was set. A [`Limit`](crate::Limit) with it costs as one without an algorithm.
#[derive(Debug, Clone, Copy, Default)]
#[allow(clippy::exhaustive_structs, reason = "it has nothing to add, and its name is its value")]
pub struct Fixed;

impl Algorithm for Fixed {
    fn on_window(&mut self, window: &Window) -> usize {
        window.limit
    }

    fn is_fixed(&self) -> bool {
        true
    }
}
