use super::{EndpointId, endpoint::Endpoint};
use std::{fmt, ops::Deref, sync::Arc};

/// An endpoint that a request goes to; derefs to it.
pub struct Target<E>(Arc<Endpoint<E>>);

impl<E> Target<E> {
    pub(super) fn new(endpoint: &Arc<Endpoint<E>>) -> Self {
        Self(Arc::clone(endpoint))
    }

    pub(super) fn endpoint(&self) -> &Endpoint<E> {
        &self.0
    }

    /// Which endpoint it is.
    #[must_use]
    pub fn id(&self) -> EndpointId {
        self.0.id
    }
}

impl<E> Deref for Target<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.0.value
    }
}

impl<E> Clone for Target<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E: fmt::Debug> fmt::Debug for Target<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.0.id).field(&self.0.value).finish()
    }
}
