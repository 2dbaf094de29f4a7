use std::{error::Error, fmt};

/// Why a [`Codec`](crate::Codec) could not do it: any error becomes one by `?`.
///
/// It is no [`Error`] itself, but stands for its cause.
pub struct CodecError(Box<dyn Error + Send + Sync>);

impl CodecError {
    /// From a text or an error.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }

    /// The error that it was made of.
    #[must_use]
    pub fn source(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for CodecError {
    fn from(cause: E) -> Self {
        Self(cause.into())
    }
}

impl From<CodecError> for Box<dyn Error + Send + Sync> {
    fn from(error: CodecError) -> Self {
        error.0
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
