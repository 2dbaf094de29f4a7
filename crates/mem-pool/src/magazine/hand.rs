//! Something in a user's hand, which goes home when it is let go.
#![allow(unsafe_code, reason = "what a guard holds is moved out of it when it is dropped")]

use std::mem::ManuallyDrop;

/// What knows the way home.
pub(crate) trait Lent {
    fn go_home(self);
}

pub(crate) struct Hand<I: Lent>(ManuallyDrop<I>);

impl<I: Lent> Hand<I> {
    #[inline(always)]
    pub(crate) fn new(item: I) -> Self {
        Self(ManuallyDrop::new(item))
    }

    /// Takes it out: it does not go home then.
    pub(crate) fn into_inner(self) -> I {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is neither used nor dropped after this.
        unsafe { ManuallyDrop::take(&mut this.0) }
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> &I {
        &self.0
    }

    #[inline(always)]
    pub(crate) fn get_mut(&mut self) -> &mut I {
        &mut self.0
    }
}

impl<I: Lent> Drop for Hand<I> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: a value is not used after its drop.
        let item = unsafe { ManuallyDrop::take(&mut self.0) };
        item.go_home();
    }
}
