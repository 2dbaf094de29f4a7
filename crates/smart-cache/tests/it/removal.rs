//! A reader that asks after a removal has returned never gets the removed value.
//!
//! The race is made by hand: keys and values run the test's code when they are cloned. A reader misses;
//! before it leads, a write stores the old value, so the reader finds it when it looks again; before it
//! hands that value to those who wait, the key is removed and a second reader asks.

use crate::support::block_on;
use perfect21_smart_cache::{Backed, Cache};
use perfect21_test_support::wait::DEADLINE;
use std::{
    cell::RefCell,
    hash::{Hash, Hasher},
    sync::{Arc, mpsc},
    thread,
};

type Hook = Box<dyn FnMut(u64)>;

thread_local!(static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) });

/// Calls the thread's hook when it is cloned.
#[derive(Debug, PartialEq, Eq)]
struct Hooked(u64);

impl Clone for Hooked {
    fn clone(&self) -> Self {
        // Taken out meanwhile: the hook clones too.
        if let Some(mut hook) = HOOK.take() {
            hook(self.0);
            HOOK.set(Some(hook));
        }
        Self(self.0)
    }
}

impl Hash for Hooked {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

const KEY: u64 = 1;
const OLD: u64 = 100;
const NEW: u64 = 200;

/// What the race needs of a cache.
#[derive(Clone)]
struct Subject {
    /// Asks with a load of this value.
    ask: Arc<dyn Fn(u64) -> u64 + Send + Sync>,
    insert: Arc<dyn Fn() + Send + Sync>,
    remove: Arc<dyn Fn() + Send + Sync>,
    misses: Arc<dyn Fn() -> u64 + Send + Sync>,
}

fn race(name: &str, subject: &Subject) {
    let (inserting, removing) = (subject.clone(), subject.clone());
    let (mut inserted, mut found) = (false, 0);
    let (second, seen) = mpsc::channel();
    let hook = move |cloned: u64| {
        if cloned == KEY && !inserted && (inserting.misses)() == 1 {
            inserted = true;
            (inserting.insert)();
        } else if cloned == OLD {
            found += 1;
            // The first clone is that of the look, under the cache's lock; the second one goes to those who wait.
            if found == 2 {
                (removing.remove)();
                let (second, removing) = (second.clone(), removing.clone());
                let (done, is_done) = mpsc::channel();
                thread::spawn(move || {
                    second.send((removing.ask)(NEW)).unwrap();
                    done.send(()).unwrap();
                });
                // Where the second reader waits for the first one, this passes and the answer is the old value.
                let _ = is_done.recv_timeout(DEADLINE / 10);
            }
        }
    };
    HOOK.set(Some(Box::new(hook)));
    let first = (subject.ask)(NEW);
    HOOK.take();
    assert_eq!(first, OLD, "{name}: the race did not come about");
    let second = seen.recv_timeout(DEADLINE).expect("the second reader has an answer");
    assert_eq!(second, NEW, "{name}: asked after the removal");
}

type Ours = Cache<Hooked, Hooked>;

fn subject(cache: &Ours, ask: impl Fn(&Ours, u64) -> u64 + Send + Sync + 'static) -> Subject {
    let [asked, inserted, removed, looked] = [(); 4].map(|()| cache.clone());
    Subject {
        ask: Arc::new(move |value| ask(&asked, value)),
        insert: Arc::new(move || inserted.insert(Hooked(KEY), Hooked(OLD)).unwrap()),
        remove: Arc::new(move || assert!(removed.remove(&Hooked(KEY)).is_some())),
        misses: Arc::new(move || looked.stats().misses),
    }
}

fn cache() -> Ours {
    Cache::builder().max_entries(100).build().unwrap()
}

#[test]
fn a_reader_after_a_removal_never_gets_the_removed_value() {
    race(
        "blocking",
        &subject(&cache(), |cache, value| cache.get_or_load_blocking(Hooked(KEY), || Hooked(value)).0),
    );
    race(
        "async",
        &subject(&cache(), |cache, value| block_on(cache.get_or_load(Hooked(KEY), async || Hooked(value))).0),
    );
    race(
        "many",
        &subject(&cache(), |cache, value| {
            let load = async |keys: Vec<Hooked>| {
                Ok::<_, ()>(keys.into_iter().map(|key| (key, Hooked(value))).collect::<Vec<_>>())
            };
            block_on(cache.get_many_or_load([Hooked(KEY)], load)).unwrap()[&Hooked(KEY)].0
        }),
    );
}

#[test]
fn a_reader_after_a_removal_from_a_store_never_gets_the_removed_value() {
    let cache = Backed::new(cache());
    let [asked, inserted, removed, looked] = [(); 4].map(|()| cache.clone());
    race(
        "store",
        &Subject {
            ask: Arc::new(move |value| asked.get_or_load_blocking(Hooked(KEY), || Hooked(value)).0),
            insert: Arc::new(move || inserted.insert(Hooked(KEY), Hooked(OLD)).unwrap()),
            remove: Arc::new(move || assert!(removed.remove(&Hooked(KEY)).is_some())),
            misses: Arc::new(move || looked.stats().misses),
        },
    );
}

#[cfg(feature = "tokio")]
#[test]
fn a_reader_of_a_loader_after_a_removal_never_gets_the_removed_value() {
    use perfect21_smart_cache::Loader;
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

    let (loaded, asks) = (Arc::new(AtomicU64::new(NEW)), Arc::new(AtomicU64::new(0)));
    let load = move |_: Hooked| {
        let value = loaded.load(SeqCst);
        async move { Ok::<_, ()>(Hooked(value)) }
    };
    let loader = Loader::builder(load).build().unwrap();
    let [asked, inserted, removed] = [(); 3].map(|()| loader.clone());
    let counted = Arc::clone(&asks);
    race(
        "loader",
        &Subject {
            ask: Arc::new(move |_| {
                counted.fetch_add(1, SeqCst);
                block_on(asked.get(Hooked(KEY))).unwrap().0
            }),
            insert: Arc::new(move || inserted.insert(Hooked(KEY), Hooked(OLD)).unwrap()),
            remove: Arc::new(move || removed.remove(&Hooked(KEY))),
            // The key is first cloned after the miss.
            misses: Arc::new(move || asks.load(SeqCst)),
        },
    );
}
