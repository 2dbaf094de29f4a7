//! Loom models of the hand-written synchronisation: every interleaving of a few threads and a few steps.
//!
//! `RUSTFLAGS="--cfg perfect21_loom" cargo test -p perfect21-meter --lib --target-dir target/loom`

use loom::{sync::Arc, thread};

use crate::{
    Counter,
    pages::{self, Pages},
    seat_map::{Seat, SeatMap},
    shards::Shards,
};

fn count<'a>(pages: impl Iterator<Item = &'a Pages> + Clone) -> u64 {
    pages::counts(pages).map(|(_, count)| count).sum()
}

/// Checks what every reader sees: counts that never go back and never exceed what was recorded.
fn watch(count: impl Fn() -> u64, total: u64) {
    let first = count();
    let second = count();
    assert!(first <= second && second <= total, "{first}, {second} of {total}");
}

#[test]
fn two_threads_that_open_the_same_page_lose_no_count() {
    loom::model(|| {
        let pages = Arc::new(Pages::new());
        let other = thread::spawn({
            let pages = Arc::clone(&pages);
            move || pages.add_shared(3)
        });
        pages.add_shared(3);
        watch(|| count([&*pages].into_iter()), 2);
        other.join().unwrap();
        assert_eq!(count([&*pages].into_iter()), 2);
    });
}

#[test]
fn no_two_threads_hold_the_same_seat() {
    loom::model(|| {
        let map = Arc::new(SeatMap::new());
        let other = thread::spawn({
            let map = Arc::clone(&map);
            move || map.take().unwrap()
        });
        let ours = map.take().unwrap();
        let theirs = other.join().unwrap();
        assert_ne!(ours, theirs);
        map.give_back(ours);
        assert_eq!(map.take(), Some(ours));
    });
}

/// A thread that lives as long as one record: sits down, counts, leaves.
fn short_life(map: &SeatMap, record: impl Fn(Option<Seat>)) {
    let seat = map.take();
    record(seat);
    if let Some(seat) = seat {
        map.give_back(seat);
    }
}

#[test]
fn a_seat_taken_over_goes_on_counting_where_the_last_one_ended() {
    loom::model(|| {
        let (map, shards) = (Arc::new(SeatMap::new()), Arc::new(Shards::new()));
        let other = thread::spawn({
            let (map, shards) = (Arc::clone(&map), Arc::clone(&shards));
            move || short_life(&map, |seat| shards.add(seat, 3))
        });
        short_life(&map, |seat| shards.add(seat, 3));
        watch(|| count(shards.pages()), 2);
        other.join().unwrap();
        assert_eq!(count(shards.pages()), 2);
    });
}

#[test]
fn a_snapshot_while_threads_die_neither_misses_nor_doubles() {
    loom::model(|| {
        let (map, counter) = (Arc::new(SeatMap::new()), Arc::new(Counter::new()));
        let threads = [(); 2].map(|()| {
            let (map, counter) = (Arc::clone(&map), Arc::clone(&counter));
            thread::spawn(move || short_life(&map, |seat| counter.add_at(seat, 1)))
        });
        watch(|| counter.total(), 2);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(counter.total(), 2);
    });
}

#[test]
fn a_thread_without_a_seat_counts_beside_one_with() {
    loom::model(|| {
        let shards = Arc::new(Shards::new());
        let other = thread::spawn({
            let shards = Arc::clone(&shards);
            move || shards.add(None, 3)
        });
        shards.add(Seat::new(0), 3);
        watch(|| count(shards.pages()), 2);
        other.join().unwrap();
        assert_eq!(count(shards.pages()), 2);
    });
}
