/// How a process hears of changes of what it holds: entries of a [`Near`](crate::Near) cache, and the versions of caches and
/// tags, which are read along with every entry otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Changes {
    /// The server tells of all, whoever made them, by `CLIENT TRACKING`, which Redis has since 6.0. With a server that does
    /// not, nothing is held. This process's own changes count at once, those of others a moment after they were confirmed.
    #[default]
    Tracked,
    /// For servers that refuse `CLIENT TRACKING`: whoever writes, removes, invalidates or clears publishes it, in one step
    /// with the write, on a channel of the namespace that all listen to. All processes of a namespace must be set so. What
    /// they do not do themselves (expiry aside: other programs' writes, evictions, `FLUSHALL`) is heard of by nobody, and
    /// what is held may be old by [`max_age`](crate::Near::max_age). What a load brings is not published.
    Published,
    /// Not at all, so nothing is held: one connection less.
    Unheard,
}
