//! `#[track_memory]`, in a process of its own for a counting global allocator: it leaves a function as it is (its types,
//! borrows, early returns and futures), and it counts.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
#![allow(clippy::needless_lifetimes, reason = "what users write")]

use perfect21_mem_pool::{
    track::{Counting, track},
    track_memory,
};
use std::{fmt::Display, future::Future, hint::black_box, num::ParseIntError, pin::pin, task};

#[global_allocator]
static ALLOCATOR: Counting = Counting::system();

#[track_memory]
fn plain(bytes: usize) -> Vec<u8> {
    black_box(Vec::with_capacity(bytes))
}

#[track_memory(over = "1KiB", name = "borrowing")]
fn borrowing<'a, T: Display + ?Sized>(list: &'a mut Vec<String>, item: &T) -> &'a str {
    if list.len() > 1 {
        return &list[0];
    }
    list.push(item.to_string());
    &list[list.len() - 1]
}

#[track_memory(over = "10 MB")]
fn question_mark(text: &str) -> Result<u32, Box<dyn std::error::Error>> {
    let number: u32 = text.parse()?;
    if number == 7 {
        return Err("seven".into());
    }
    Ok(number)
}

#[track_memory]
fn opaque(n: u32) -> impl Iterator<Item = u32> {
    (0..n).rev()
}

#[track_memory]
fn nothing() {}

#[track_memory]
async fn later(text: &str) -> Result<Box<dyn Display>, ParseIntError> {
    let number: u32 = text.parse()?;
    std::future::ready(()).await;
    if number == 7 {
        return Ok(Box::new("seven"));
    }
    Ok(Box::new(number))
}

#[track_memory]
async fn later_opaque(n: u32) -> impl Iterator<Item = u32> {
    (0..n).rev()
}

#[track_memory]
async fn later_nothing() {}

struct Service {
    calls: u32,
}

impl Service {
    #[track_memory(over = "1B")]
    fn call(&mut self, mut by: u32) -> u32 {
        by *= 2;
        self.calls += by;
        self.calls
    }

    #[track_memory]
    async fn call_later(&mut self, by: u32) -> u32 {
        self.call(by)
    }

    #[track_memory]
    fn into_calls(self) -> u32 {
        self.calls
    }
}

trait Named {
    fn name(&self) -> String;
}

impl Named for Service {
    #[track_memory]
    fn name(&self) -> String {
        self.calls.to_string()
    }
}

fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut task::Context::from_waker(task::Waker::noop())) {
        task::Poll::Ready(value) => value,
        task::Poll::Pending => panic!("it is not ready"),
    }
}

#[test]
fn functions_do_what_they_did() {
    assert_eq!(plain(5).capacity(), 5);
    let mut list = Vec::new();
    assert_eq!(borrowing(&mut list, "a"), "a");
    assert_eq!(borrowing(&mut list, &2), "2");
    assert_eq!(borrowing(&mut list, "b"), "a");
    assert_eq!(question_mark("3").unwrap(), 3);
    assert_eq!(question_mark("7").unwrap_err().to_string(), "seven");
    assert!(question_mark("x").is_err());
    assert_eq!(opaque(3).collect::<Vec<_>>(), [2, 1, 0]);
    nothing();
}

#[test]
fn async_functions_do_what_they_did_and_stay_send() {
    fn sent<T: Send>(value: T) -> T {
        value
    }
    assert_eq!(ready(sent(async { later("3").await.map(|value| value.to_string()) })), Ok("3".to_owned()));
    assert_eq!(ready(later("7")).unwrap().to_string(), "seven");
    assert!(ready(later("x")).is_err());
    assert_eq!(ready(sent(later_opaque(2))).collect::<Vec<_>>(), [1, 0]);
    ready(sent(later_nothing()));
}

#[test]
fn methods_do_what_they_did() {
    let mut service = Service { calls: 0 };
    assert_eq!(service.call(1), 2);
    assert_eq!(ready(service.call_later(2)), 6);
    assert_eq!((service.name().as_str(), service.into_calls()), ("6", 6));
}

#[test]
fn a_call_that_does_not_allocate_costs_no_allocation() {
    plain(1); // asks once whether the allocator counts
    let (_, growth) = track(|| {
        nothing();
        ready(later_nothing());
        plain(100)
    });
    let heap = growth.heap.unwrap();
    assert_eq!((heap.allocations, heap.net()), (1, 100));
}
