//! Reads under way, and whether a change of their key was told since they began.

use crate::{
    backend::FullKey,
    sync::{AtomicUsize, Mutex, MutexGuard, Ordering},
};
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, PoisonError},
};
use tokio::sync::Notify;

/// In the models there is one, as there is one key.
const SHARDS: usize = if cfg!(all(test, perfect21_loom)) { 1 } else { 32 };

/// One entry for each key that is being read now, so its readers bound it.
pub(super) struct Pending {
    shards: [Mutex<Shard>; SHARDS],
    /// Most of the time nobody reads, and a change is nobody's concern. Raised before a read is sent, it is seen by whoever is
    /// told of a change that comes before the read's answer.
    reads: AtomicUsize,
    hasher: RandomState,
}

#[derive(Default)]
pub(super) struct Shard {
    /// Counts reads and changes: what has the greater number came later.
    count: u64,
    keys: HashMap<FullKey, Reads>,
}

#[derive(Default)]
struct Reads {
    readers: usize,
    changed: u64,
    /// Who waits for a change.
    waiting: Option<Arc<Notify>>,
}

impl Pending {
    pub(super) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::new(Shard::default())),
            reads: AtomicUsize::new(0),
            hasher: RandomState::new(),
        }
    }

    fn shard(&self, key: &str) -> MutexGuard<'_, Shard> {
        let at = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or_default();
        self.shards[at].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a read begins; gives its number.
    pub(super) fn begin(&self, key: &FullKey) -> u64 {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let mut shard = self.shard(key);
        shard.count += 1;
        let number = shard.count;
        shard.keys.entry(FullKey::clone(key)).or_default().readers += 1;
        number
    }

    /// Notes that a key was changed.
    pub(super) fn changed(&self, key: &str) {
        if self.reads.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut shard = self.shard(key);
        shard.count += 1;
        let number = shard.count;
        if let Some(reads) = shard.keys.get_mut(key) {
            reads.changed = number;
            if let Some(waiting) = &reads.waiting {
                waiting.notify_waiters();
            }
        }
    }

    /// Waits until a change is told of a key that is being read, since the read began.
    pub(super) async fn until_changed(&self, key: &str, number: u64) {
        let told = {
            let mut shard = self.shard(key);
            match shard.keys.get_mut(key) {
                Some(reads) if reads.changed < number => {
                    // Made under the lock, it misses no change from here on.
                    Arc::clone(reads.waiting.get_or_insert_default()).notified_owned()
                }
                _ => return,
            }
        };
        told.await;
    }

    /// Keeps what a read brought, unless its key was changed since; no change can be told meanwhile.
    pub(super) fn keep(&self, key: &str, number: u64, keep: impl FnOnce()) {
        let shard = self.shard(key);
        if shard.keys.get(key).is_some_and(|reads| reads.changed < number) {
            keep();
        }
    }

    pub(super) fn end(&self, key: &str) {
        let mut shard = self.shard(key);
        if let Some(reads) = shard.keys.get_mut(key) {
            reads.readers -= 1;
            if reads.readers == 0 {
                shard.keys.remove(key);
            }
        }
        drop(shard);
        self.reads.fetch_sub(1, Ordering::SeqCst);
    }

    #[cfg(all(test, not(perfect21_loom)))]
    fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).keys.len()).sum()
    }
}

#[cfg(all(test, not(perfect21_loom)))]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_a_change_is_told_of_one_since_its_read_began() {
        let (pending, key) = (Pending::new(), FullKey::from("k"));
        let first = pending.begin(&key);
        let mut waits = Waits::new(pending.until_changed("k", first));
        assert!(!waits.is_over());
        pending.changed("other");
        assert!(!waits.is_over());
        pending.changed("k");
        assert!(waits.is_over());
        assert!(Waits::new(pending.until_changed("k", first)).is_over(), "it was changed before it waited");
        let second = pending.begin(&key);
        assert!(!Waits::new(pending.until_changed("k", second)).is_over());
    }

    /// A future that is looked at from time to time.
    struct Waits<F>(std::pin::Pin<Box<F>>);

    impl<F: Future> Waits<F> {
        fn new(future: F) -> Self {
            Self(Box::pin(future))
        }

        fn is_over(&mut self) -> bool {
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            self.0.as_mut().poll(&mut context).is_ready()
        }
    }

    fn kept(pending: &Pending, key: &str, number: u64) -> bool {
        let mut kept = false;
        pending.keep(key, number, || kept = true);
        kept
    }

    #[test]
    fn a_read_is_kept_unless_its_key_was_changed_since() {
        let (pending, key) = (Pending::new(), FullKey::from("k"));
        let first = pending.begin(&key);
        assert!(kept(&pending, "k", first));
        pending.changed("k");
        let second = pending.begin(&key);
        assert!(!kept(&pending, "k", first));
        assert!(kept(&pending, "k", second), "it began after the change");
        pending.changed("other");
        assert!(kept(&pending, "k", second));
        pending.end("k");
        pending.end("k");
        assert_eq!(pending.len(), 0);
        assert!(!kept(&pending, "k", second));
        pending.changed("k");
        assert_eq!(pending.len(), 0, "a change of what nobody reads leaves nothing");
    }
}

/// Every interleaving of a read with a change of its key, or with two, with up to three switches between the threads.
///
/// `RUSTFLAGS="--cfg perfect21_loom" cargo test -p perfect21-redis-cache --no-default-features --lib --target-dir target/loom`
#[cfg(all(test, perfect21_loom))]
mod models {
    use super::*;
    use crate::sync::AtomicU64;
    use loom::{sync::Arc, thread};

    /// A server's value of one key, and what is held of it; 0 is nothing. It does one thing after the other, and who hears of
    /// a change hears it after all that was answered before it.
    struct Place {
        server: Mutex<u64>,
        held: AtomicU64,
        pending: Pending,
        key: FullKey,
    }

    impl Place {
        fn new() -> Arc<Self> {
            let (server, held) = (Mutex::new(1), AtomicU64::new(0));
            Arc::new(Self { server, held, pending: Pending::new(), key: "k".into() })
        }

        /// As a ticket does it.
        fn read(&self) {
            let number = self.pending.begin(&self.key);
            let read = *self.server.lock().unwrap();
            self.pending.keep(&self.key, number, || self.held.store(read, Ordering::SeqCst));
            self.pending.end(&self.key);
        }

        /// As the server changes a key, and tells of it.
        fn change(&self, to: u64) {
            *self.server.lock().unwrap() = to;
            self.pending.changed(&self.key);
            self.held.store(0, Ordering::SeqCst);
        }

        fn settle(&self) {
            let (held, server) = (self.held.load(Ordering::SeqCst), *self.server.lock().unwrap());
            assert!(held == 0 || held == server, "{held} is held of {server}");
            assert_eq!(self.pending.reads.load(Ordering::SeqCst), 0);
        }
    }

    fn model(work: impl Fn() + Sync + Send + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(work);
    }

    #[test]
    fn what_is_held_after_a_change_is_what_it_was_changed_to() {
        model(|| {
            let place = Place::new();
            let reader = thread::spawn({
                let place = Arc::clone(&place);
                move || place.read()
            });
            place.change(2);
            reader.join().unwrap();
            place.settle();
        });
    }

    #[test]
    fn of_two_readers_neither_keeps_what_was_changed() {
        model(|| {
            let place = Place::new();
            let readers = [(); 2].map(|()| {
                let place = Arc::clone(&place);
                thread::spawn(move || place.read())
            });
            place.change(2);
            for reader in readers {
                reader.join().unwrap();
            }
            place.settle();
        });
    }
}
