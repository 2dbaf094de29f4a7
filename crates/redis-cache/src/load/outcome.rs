use crate::{Error, LoadError};
use std::{
    any::{Any, type_name},
    sync::Arc,
    time::Duration,
};

/// What came of a load, for all who wait for it: their loads may fail with errors of other types.
#[derive(Clone)]
pub(crate) enum Outcome<V> {
    /// A value, or that there is none.
    Value(Option<V>),
    Failed {
        error: Arc<dyn Any + Send + Sync>,
        of: &'static str,
    },
    TimedOut(Duration),
    Cache(Error),
}

impl<V> Outcome<V> {
    pub(super) fn failed<E: Send + Sync + 'static>(error: E) -> Self {
        Self::Failed { error: Arc::new(error), of: type_name::<E>() }
    }

    pub(super) fn into_result<E: Send + Sync + 'static>(self) -> Result<Option<V>, LoadError<E>> {
        match self {
            Self::Value(value) => Ok(value),
            Self::Failed { error, of } => Err(match error.downcast() {
                Ok(error) => LoadError::Load(error),
                Err(_) => LoadError::Other(of.to_owned()),
            }),
            Self::TimedOut(after) => Err(LoadError::TimedOut(after)),
            Self::Cache(error) => Err(LoadError::Cache(error)),
        }
    }
}
