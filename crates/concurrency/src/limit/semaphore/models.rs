//! Loom models of the semaphore: every interleaving of two or three threads.
//!
//! `RUSTFLAGS="--cfg perfect21_loom" cargo test -p perfect21-concurrency --lib --target-dir target/loom`

use super::{Class, Semaphore, Shares, Turn};
use loom::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};
use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
};

fn class() -> Class {
    Class::new(0, super::super::Priority::Normal)
}

fn semaphore(limit: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(limit, Shares::new(&[])))
}

/// Counts how often it is woken.
struct Woken(std::sync::Arc<AtomicUsize>);

impl std::task::Wake for Woken {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn poll(turn: &mut Turn<'_>, waker: &Waker) -> Option<usize> {
    match Pin::new(turn).poll(&mut Context::from_waker(waker)) {
        Poll::Ready(taken) => Some(taken.unwrap()),
        Poll::Pending => None,
    }
}

fn waker() -> (Waker, std::sync::Arc<AtomicUsize>) {
    let count = std::sync::Arc::new(AtomicUsize::new(0));
    (Waker::from(std::sync::Arc::new(Woken(count.clone()))), count)
}

fn turn(semaphore: &Semaphore, weight: usize) -> Turn<'_> {
    Turn::new(semaphore, class(), weight, 8)
}

/// What waited was woken and got its place, or got it at once.
fn ends(turn: &mut Turn<'_>, first: Option<usize>, waker: &Waker, woken: &AtomicUsize) -> usize {
    first.unwrap_or_else(|| {
        assert!(woken.load(Ordering::SeqCst) > 0, "the wake-up is lost");
        poll(turn, waker).expect("it was woken without a place")
    })
}

#[test]
fn a_release_against_one_that_queues_loses_no_wake_up() {
    loom::model(|| {
        let semaphore = semaphore(1);
        assert_eq!(semaphore.try_take(class(), 1), Some(1));
        let giver = thread::spawn({
            let semaphore = semaphore.clone();
            move || semaphore.give(class(), 1)
        });
        let (waker, woken) = waker();
        let mut turn = turn(&semaphore, 1);
        let first = poll(&mut turn, &waker);
        giver.join().unwrap();
        let taken = ends(&mut turn, first, &waker, &woken);
        semaphore.give(class(), taken);
        assert_eq!((semaphore.in_flight(), semaphore.waiting()), (0, 0));
        assert!(semaphore.try_take(class(), 1).is_some(), "the queue is known to be empty");
    });
}

#[test]
fn a_grant_to_one_that_leaves_goes_to_the_next() {
    loom::model(|| {
        let semaphore = semaphore(1);
        assert_eq!(semaphore.try_take(class(), 1), Some(1));
        let (waker, woken) = waker();
        let mut leaves = turn(&semaphore, 1);
        let mut next = turn(&semaphore, 1);
        assert_eq!(poll(&mut leaves, &waker), None);
        assert_eq!(poll(&mut next, &waker), None);
        let giver = thread::spawn({
            let semaphore = semaphore.clone();
            move || semaphore.give(class(), 1)
        });
        drop(leaves);
        giver.join().unwrap();
        let taken = ends(&mut next, None, &waker, &woken);
        semaphore.give(class(), taken);
        assert_eq!((semaphore.in_flight(), semaphore.waiting()), (0, 0));
    });
}

#[test]
fn a_grant_to_one_that_leaves_goes_to_one_that_just_comes() {
    loom::model(|| {
        let semaphore = semaphore(1);
        assert_eq!(semaphore.try_take(class(), 1), Some(1));
        let (waker, _) = waker();
        let mut leaves = turn(&semaphore, 1);
        assert_eq!(poll(&mut leaves, &waker), None);
        let giver = thread::spawn({
            let semaphore = semaphore.clone();
            move || semaphore.give(class(), 1)
        });
        let comer = thread::spawn({
            let semaphore = semaphore.clone();
            move || {
                let (waker, woken) = self::waker();
                let mut turn = turn(&semaphore, 1);
                let first = poll(&mut turn, &waker);
                // It leaves too where it would have to wait.
                if first.is_none() && woken.load(Ordering::SeqCst) == 0 {
                    drop(turn);
                    return;
                }
                let taken = ends(&mut turn, first, &waker, &woken);
                semaphore.give(class(), taken);
            }
        });
        drop(leaves);
        giver.join().unwrap();
        comer.join().unwrap();
        assert_eq!((semaphore.in_flight(), semaphore.waiting()), (0, 0));
        assert!(semaphore.try_take(class(), 1).is_some());
    });
}

#[test]
fn one_that_waits_sees_the_limit_grow() {
    loom::model(|| {
        let semaphore = semaphore(1);
        assert_eq!(semaphore.try_take(class(), 1), Some(1));
        let grower = thread::spawn({
            let semaphore = semaphore.clone();
            move || semaphore.resize(2)
        });
        let (waker, woken) = waker();
        let mut turn = turn(&semaphore, 1);
        let first = poll(&mut turn, &waker);
        grower.join().unwrap();
        ends(&mut turn, first, &waker, &woken);
        assert_eq!(semaphore.in_flight(), 2);
    });
}

#[test]
fn a_limit_that_shrinks_while_one_ends_lets_nobody_in_beyond_it() {
    loom::model(|| {
        let semaphore = semaphore(2);
        assert_eq!(semaphore.try_take(class(), 2), Some(2));
        let (waker, _) = waker();
        let mut turn = turn(&semaphore, 1);
        assert_eq!(poll(&mut turn, &waker), None);
        let giver = thread::spawn({
            let semaphore = semaphore.clone();
            move || semaphore.give(class(), 1)
        });
        semaphore.resize(1);
        giver.join().unwrap();
        // It came in before the limit shrank, or waits.
        let came_in = poll(&mut turn, &waker).is_some();
        assert_eq!(semaphore.in_flight(), if came_in { 2 } else { 1 });
        assert_eq!(semaphore.waiting(), usize::from(!came_in));
    });
}

#[test]
fn two_that_take_and_give_stay_within_the_limit() {
    loom::model(|| {
        let semaphore = semaphore(1);
        let running = Arc::new(AtomicUsize::new(0));
        let work = |semaphore: &Semaphore, running: &AtomicUsize| {
            if let Some(taken) = semaphore.try_take(class(), 1) {
                assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0, "two are in");
                running.fetch_sub(1, Ordering::SeqCst);
                semaphore.give(class(), taken);
            }
        };
        let other = thread::spawn({
            let (semaphore, running) = (semaphore.clone(), running.clone());
            move || work(&semaphore, &running)
        });
        work(&semaphore, &running);
        other.join().unwrap();
        assert_eq!(semaphore.in_flight(), 0);
    });
}
