//! Counted by their drops, no more values live than there is room for, and those in the hands of the threads.

use perfect21_smart_cache::Cache;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

struct Live(Arc<AtomicUsize>);

impl Live {
    fn new(live: &Arc<AtomicUsize>) -> Arc<Self> {
        live.fetch_add(1, Ordering::SeqCst);
        Arc::new(Self(Arc::clone(live)))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn as_many_live_as_entries_and_two_a_thread() {
    for (threads, max_entries) in [(1, 1), (2, 2), (8, 16), (4, 100), (2, 187), (3, 1000), (8, 5_000)] {
        let live = Arc::new(AtomicUsize::new(0));
        let cache: Cache<usize, Arc<Live>> = Cache::builder().max_entries(max_entries).build().unwrap();
        thread::scope(|scope| {
            for nth in 0..threads {
                let (cache, live) = (&cache, &live);
                scope.spawn(move || {
                    for step in 0..20_000 / threads {
                        cache.insert(step * threads + nth, Live::new(live)).unwrap();
                        let live = live.load(Ordering::SeqCst);
                        // One that is about to go in, and one that was put out for it.
                        assert!(live <= max_entries + 2 * threads, "{live} of {max_entries}");
                    }
                });
            }
        });
        assert_eq!(live.load(Ordering::SeqCst), cache.len());
        assert!(cache.len() <= max_entries);
        drop(cache);
        assert_eq!(live.load(Ordering::SeqCst), 0);
    }
}
