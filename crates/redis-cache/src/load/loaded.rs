use crate::Terms;
use std::{borrow::Cow, time::Duration};

/// What a load brings: a value, and on which terms it is kept, where they are not those of the cache. A plain value is one
/// too.
///
/// ```
/// use perfect21_redis_cache::Loaded;
/// use std::time::Duration;
///
/// let page = Loaded::new("<h1>oak table</h1>".to_owned())
///     .ttl(Duration::from_secs(60))
///     .tag("product:7");
/// # let _ = page;
/// ```
#[derive(Debug, Clone)]
#[must_use = "it does nothing until a load returns it"]
pub struct Loaded<V> {
    pub(crate) value: V,
    pub(crate) terms: Terms,
}

impl<V> Loaded<V> {
    /// On the terms of the cache.
    pub fn new(value: V) -> Self {
        Self { value, terms: Terms::new() }
    }

    /// The longest that the value lives, from 1 ms to 100 years.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.terms = self.terms.ttl(ttl);
        self
    }

    /// By what it can be invalidated, beside the tags that the cache gives to all its entries. An invalidation of any tag at
    /// all during the load keeps a value from being stored that learnt its tags only by it.
    pub fn tag(mut self, tag: impl Into<Cow<'static, str>>) -> Self {
        self.terms = self.terms.tag(tag);
        self
    }

    /// As [`tag`](Self::tag).
    pub fn tags<T: Into<Cow<'static, str>>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.terms = self.terms.tags(tags);
        self
    }

    pub(crate) fn map<T>(self, to: impl FnOnce(V) -> T) -> Loaded<T> {
        Loaded { value: to(self.value), terms: self.terms }
    }
}

impl<V> From<V> for Loaded<V> {
    fn from(value: V) -> Self {
        Self::new(value)
    }
}
