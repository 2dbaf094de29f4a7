//! Invalidation of many values by what they have in common: one step, however many there are.
//!
//! ```
//! use perfect21_smart_cache::{Cache, Tags};
//!
//! let tags = Tags::new();
//! let pages = Cache::<&str, _>::builder().max_entries(1000).build()?;
//!
//! let began = tags.begin(); // before the data is read
//! let page = tags.tag(began, "<h1>oak table</h1>", ["product:7", "category:tables"])?;
//! pages.insert("/products/7", page)?;
//! assert_eq!(pages.get_current("/products/7"), Some("<h1>oak table</h1>"));
//!
//! tags.invalidate("category:tables"); // after the data was written
//! assert_eq!(pages.get_current("/products/7"), None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How
//! Invalidations are counted, and each tag has the number of its last one. A value has the number at which its load
//! *began*, and is current as long as none of its tags has a higher one. So a load that began before an invalidation and
//! ends after it brings a value that is out of date from the start, even where only the load tells which tags it has.
//!
//! Tags that no value has any more are forgotten. Where one comes again, loads that began before the last invalidation of
//! any forgotten or unknown tag count as out of date: a load too many now and then, and never a value too old.

use crate::{
    Cache,
    load::{self, Backend},
};
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher, Hash},
    sync::{
        Arc,
        atomic::{
            AtomicU64,
            Ordering::{AcqRel, Acquire, Release},
        },
    },
};

/// The number of the last invalidation of a tag.
type Last = AtomicU64;

/// The tags of one or more caches. A handle: clones share them.
#[derive(Clone)]
pub struct Tags {
    inner: Arc<Inner>,
}

struct Inner {
    max_tags: usize,
    /// Invalidations so far.
    count: AtomicU64,
    known: Mutex<Known>,
}

struct Known {
    tags: HashMap<Box<str>, Arc<Last>>,
    /// The last invalidation of any tag that is not known, or was forgotten.
    unknown: u64,
    /// At how many those without values are looked for.
    sweep_at: usize,
}

/// When a load began: see [`Tags::begin`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Began(u64);

/// A value and its tags; 24 bytes beside the value, and 8 for each tag.
#[derive(Clone)]
pub struct Tagged<V> {
    value: V,
    began: Began,
    tags: Arc<[Arc<Last>]>,
}

/// More tags than there may be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the tag {tag:?} is one too many: {max_tags} have values, which is as many as there may be")]
#[non_exhaustive]
pub struct TooManyTags {
    /// The one that there is no room for.
    pub tag: String,
    /// How many there may be.
    pub max_tags: usize,
}

const DEFAULT_MAX_TAGS: usize = 100_000;

impl Tags {
    /// Room for 100 000 tags.
    #[must_use]
    pub fn new() -> Self {
        Self::with_max(DEFAULT_MAX_TAGS)
    }

    /// Room for so many tags that have values at once.
    #[must_use]
    pub fn with_max(max_tags: usize) -> Self {
        let known = Known { tags: HashMap::new(), unknown: 0, sweep_at: 64.min(max_tags) };
        Self { inner: Arc::new(Inner { max_tags, count: AtomicU64::new(0), known: Mutex::new(known) }) }
    }

    /// Notes that a load begins. Call it before the data is read: what is invalidated from now on is not missed.
    #[must_use]
    pub fn begin(&self) -> Began {
        Began(self.inner.count.load(Acquire))
    }

    /// Ties a value to its tags. Takes a lock for the look-up of each, under which no code of others runs.
    ///
    /// # Errors
    /// If there are too many tags.
    pub fn tag<V>(
        &self,
        began: Began,
        value: V,
        tags: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Tagged<V>, TooManyTags> {
        let last_of = |tag: &str| self.inner.known.lock().last_of(tag, self.inner.max_tags);
        let tags = tags.into_iter().map(|tag| last_of(tag.as_ref())).collect::<Result<Arc<[_]>, _>>()?;
        Ok(Tagged { value, began, tags })
    }

    /// Makes all values with the tag out of date, and all loads that began before. Call it after the data was written.
    /// O(1).
    ///
    /// The values stay where they are until they are asked for by [`get_current`](Cache::get_current), or evicted; to
    /// have their memory back at once: `cache.retain(|_, value| value.is_current())`.
    pub fn invalidate(&self, tag: &str) {
        // Counted under the lock, so that who gets to know the tag after this sees the number.
        let mut known = self.inner.known.lock();
        let number = self.inner.count.fetch_add(1, AcqRel) + 1;
        match known.tags.get(tag) {
            Some(last) => last.store(number, Release),
            None => known.unknown = number,
        }
    }

    /// Makes all values of all tags out of date. O(tags).
    pub fn invalidate_all(&self) {
        let mut known = self.inner.known.lock();
        let number = self.inner.count.fetch_add(1, AcqRel) + 1;
        known.tags.values().for_each(|last| last.store(number, Release));
        known.unknown = number;
    }

    /// How many tags are known; some may have no values any more.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.known.lock().tags.len()
    }

    /// Whether no tag is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Known {
    fn last_of(&mut self, tag: &str, max_tags: usize) -> Result<Arc<Last>, TooManyTags> {
        if let Some(last) = self.tags.get(tag) {
            return Ok(Arc::clone(last));
        }
        if self.tags.len() >= self.sweep_at {
            self.sweep(max_tags);
            if self.tags.len() >= max_tags {
                return Err(TooManyTags { tag: tag.to_owned(), max_tags });
            }
        }
        // What happened to it while it was not known is written down only there.
        let last = Arc::new(Last::new(self.unknown));
        self.tags.insert(tag.into(), Arc::clone(&last));
        Ok(last)
    }

    /// Forgets tags that have no values. Amortised: it waits until there are twice as many as are left.
    fn sweep(&mut self, max_tags: usize) {
        let unknown = &mut self.unknown;
        self.tags.retain(|_, last| {
            // Only who has one can make more of it, and that is nobody else then.
            let has_values = Arc::strong_count(last) > 1;
            *unknown = if has_values { *unknown } else { last.load(Acquire).max(*unknown) };
            has_values
        });
        self.sweep_at = (self.tags.len() * 2).clamp(64.min(max_tags), max_tags);
    }
}

impl<V> Tagged<V> {
    /// Whether none of its tags was invalidated since its load began.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.tags.iter().all(|last| last.load(Acquire) <= self.began.0)
    }

    /// The value, current or not.
    #[must_use]
    pub fn value(&self) -> &V {
        &self.value
    }

    /// The value, current or not.
    #[must_use]
    pub fn into_value(self) -> V {
        self.value
    }
}

impl<K: Hash + Eq, V: Clone, S: BuildHasher> Cache<K, Tagged<V>, S> {
    /// The value under `key`, if it is there and current. One that is not is removed.
    #[must_use]
    pub fn get_current<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + crate::Equivalent<K> + ?Sized,
    {
        let tagged = self.get(key)?;
        if tagged.is_current() {
            return Some(tagged.value);
        }
        // Perhaps of a newer one, which then is loaded once more.
        drop(self.remove(key));
        None
    }

    /// The value under `key`; where there is none that is current, `load` brings it and says its tags, once however many
    /// callers wait. What is invalidated during the load is not answered to who asks after that.
    ///
    /// # Errors
    /// Those of this caller's `load`, or if there are too many tags.
    ///
    /// # Cancel safety
    /// As of [`try_get_or_load`](Self::try_get_or_load).
    ///
    /// # Examples
    /// ```
    /// use perfect21_smart_cache::{Cache, Tags, tag::{Tagged, TooManyTags}};
    ///
    /// async fn page(cache: &Cache<u64, Tagged<String>>, tags: &Tags, id: u64) -> Result<String, TooManyTags> {
    ///     let load = || async { Ok((format!("product {id}"), [format!("product:{id}"), "products".to_owned()])) };
    ///     cache.get_or_load_tagged(id, tags, load).await
    /// }
    /// ```
    pub async fn get_or_load_tagged<F, Fut, N, E>(&self, key: K, tags: &Tags, load: F) -> Result<V, E>
    where
        K: Clone,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<(V, N), E>>,
        N: IntoIterator<Item: AsRef<str>>,
        E: From<TooManyTags>,
    {
        get_or_load(self, key, tags, load).await
    }
}

/// As [`Cache::get_current`].
pub(crate) fn get_current<K: Hash + Eq, V, B>(backend: &B, key: &K) -> Option<V>
where
    B: Backend<K, Tagged<V>> + ?Sized,
{
    let tagged = backend.get(key)?;
    if tagged.is_current() {
        return Some(tagged.value);
    }
    // Perhaps of a newer one, which then is loaded once more.
    drop(backend.remove(key));
    None
}

/// As [`Cache::get_or_load_tagged`].
pub(crate) async fn get_or_load<K, V, B, F, Fut, N, E>(
    backend: &B,
    key: K,
    tags: &Tags,
    load: F,
) -> Result<V, E>
where
    K: Hash + Eq + Clone,
    V: Clone,
    B: Backend<K, Tagged<V>> + ?Sized,
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<(V, N), E>>,
    N: IntoIterator<Item: AsRef<str>>,
    E: From<TooManyTags>,
{
    let asked = tags.begin();
    let mut source = Some(load);
    loop {
        if let Some(value) = get_current(backend, &key) {
            return Ok(value);
        }
        let tagged = load::get_or_load(backend, key.clone(), || {
            let (began, load) = (tags.begin(), source.take().map(|load| load()));
            async move {
                let Some(load) = load else { unreachable!("it returns after its own load") };
                let (value, names) = load.await?;
                Ok::<_, E>(tags.tag(began, value, names)?)
            }
        });
        let tagged = tagged.await?;
        // One that began after we asked is as new as we may ask for, whatever has happened since.
        if tagged.began >= asked || tagged.is_current() || source.is_none() {
            return Ok(tagged.value);
        }
    }
}

impl Default for Tags {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tags")
            .field("known", &self.len())
            .field("max_tags", &self.inner.max_tags)
            .field("invalidations", &self.inner.count.load(Acquire))
            .finish()
    }
}

impl<V: fmt::Debug> fmt::Debug for Tagged<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tagged")
            .field("value", &self.value)
            .field("tags", &self.tags.len())
            .field("current", &self.is_current())
            .finish()
    }
}
