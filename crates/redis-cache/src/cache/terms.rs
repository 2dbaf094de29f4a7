use std::{borrow::Cow, time::Duration};

/// On which terms a value is kept, where they are not those of its cache.
///
/// ```
/// use perfect21_redis_cache::Terms;
/// use std::time::Duration;
///
/// let terms = Terms::new().ttl(Duration::from_secs(60)).tag("product:7").tag("products");
/// # let _ = terms;
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "they do nothing until a value is kept on them"]
pub struct Terms {
    pub(crate) ttl: Option<Duration>,
    pub(crate) tags: Vec<Cow<'static, str>>,
}

impl Terms {
    /// Those of the cache.
    pub fn new() -> Self {
        Self::default()
    }

    /// The longest that the value lives, at least a millisecond.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// By what it can be invalidated, beside the tags that the cache gives to all its entries; at most 64 tags of at most
    /// 255 bytes.
    pub fn tag(mut self, tag: impl Into<Cow<'static, str>>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// By what it can be invalidated, as [`tag`](Self::tag).
    pub fn tags<T: Into<Cow<'static, str>>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags.extend(tags.into_iter().map(Into::into));
        self
    }
}
