use super::{Key, KeyWriter};

/// A key of a user's own: no user finds what is another's, whatever the keys are. Written `user(17,'cart)`.
///
/// ```
/// use perfect21_redis_cache::{Cache, ForUser, RedisCache};
///
/// let redis = RedisCache::in_memory().namespace("shop").build()?;
/// let carts: Cache<ForUser<u64, &str>, Vec<u64>> = redis.typed("cart").build()?;
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// carts.set(&ForUser(9602, "wishes"), &vec![17]).await?;
/// assert_eq!(carts.get(&ForUser(18036, "wishes")).await?, None);
/// # Ok::<(), perfect21_redis_cache::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "a pair with a name")]
pub struct ForUser<U, K>(pub U, pub K);

impl<U: Key, K: Key> Key for ForUser<U, K> {
    fn write(&self, writer: &mut KeyWriter) {
        writer.text.push_str("user");
        (&self.0, &self.1).write(writer);
    }
}

/// A key that lies in one slot of a cluster with all others of the same tag, also of other caches: what belongs together
/// is read in one step there. Written `{17}'cart`.
///
/// A tag of which all is asked for makes its node a bottleneck: take one per user or order, not one for all. A tag of more
/// than 64 bytes is cut and ends in its hash. Of several tags in a key the first counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "a pair with a name")]
pub struct InSlot<T, K>(pub T, pub K);

impl<T: Key, K: Key> Key for InSlot<T, K> {
    fn write(&self, writer: &mut KeyWriter) {
        writer.in_tag(|writer| self.0.write(writer));
        self.1.write(writer);
    }
}
