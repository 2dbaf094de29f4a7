use super::{BoundedPool, Shared};
use crate::watch::{Watched, WeakPart};
use perfect21_core::Trim;
use std::sync::{Arc, Weak};

impl<T: Send + 'static> Watched for BoundedPool<T> {
    fn weakly(&self) -> Box<dyn WeakPart> {
        Box::new(WeakBounded(Arc::downgrade(&self.shared)))
    }
}

struct WeakBounded<T>(Weak<Shared<T>>);

impl<T: Send + 'static> WeakPart for WeakBounded<T> {
    fn upgrade(&self) -> Option<Box<dyn Trim>> {
        self.0.upgrade().map(|shared| Box::new(BoundedPool { shared }) as Box<dyn Trim>)
    }

    fn address(&self) -> usize {
        self.0.as_ptr().addr()
    }
}
