//! Weights, priorities and partitions: who comes first, and that nobody is stuck.

use perfect21_concurrency::{Limit, Rejected, limit::Priority};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::task::{JoinHandle, yield_now};

type Order = Arc<Mutex<Vec<&'static str>>>;

/// Waits for its turn, notes its name and lets the next one come.
async fn queue(limit: &Limit, name: &'static str, order: &Order) -> JoinHandle<Result<(), Rejected>> {
    let (limit, order) = (limit.clone(), order.clone());
    let task = tokio::spawn(async move {
        let permit = limit.acquire_owned().await?;
        order.lock().unwrap().push(name);
        yield_now().await;
        drop(permit);
        Ok(())
    });
    yield_now().await;
    task
}

#[tokio::test(start_paused = true)]
async fn a_weight_above_the_limit_runs_alone() {
    let limit = Limit::builder(4).build().unwrap();
    let permit = limit.acquire_many(100).await.unwrap();
    assert_eq!((permit.weight(), limit.stats().in_flight), (4, 4));
    drop(permit);

    let held = limit.acquire().await.unwrap();
    let heavy = tokio::spawn({
        let limit = limit.clone();
        async move { limit.acquire_many_owned(usize::MAX).await.unwrap().weight() }
    });
    yield_now().await;
    assert_eq!(limit.stats().waiting, 1);
    // It is as much as the limit when its turn comes.
    limit.resize(2).unwrap();
    drop(held);
    assert_eq!(heavy.await.unwrap(), 2);
    assert_eq!(limit.stats().in_flight, 0);
    assert_eq!(limit.try_acquire_many(0).unwrap().weight(), 1, "nobody is free of charge");
}

#[tokio::test(start_paused = true)]
async fn higher_priorities_come_first_and_each_in_order() {
    let limit = Limit::builder(1).build().unwrap();
    let (low, high) = (limit.priority(Priority::Low), limit.priority(Priority::High));
    let order = Order::default();
    let held = limit.acquire().await.unwrap();
    let mut tasks = Vec::new();
    for (limit, name) in [
        (&low, "low 1"),
        (&limit, "normal 1"),
        (&high, "high 1"),
        (&low, "low 2"),
        (&high, "high 2"),
        (&limit, "normal 2"),
    ] {
        tasks.push(queue(limit, name, &order).await);
    }
    drop(held);
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(*order.lock().unwrap(), ["high 1", "high 2", "normal 1", "normal 2", "low 1", "low 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_gives_its_last_and_lowest_place_to_a_higher_priority() {
    let limit = Limit::builder(1).max_queue(2).build().unwrap();
    let (low, high) = (limit.priority(Priority::Low), limit.priority(Priority::High));
    let order = Order::default();
    let held = limit.acquire().await.unwrap();
    let first = queue(&low, "first", &order).await;
    let second = queue(&low, "second", &order).await;
    assert_eq!(
        low.acquire().await.map(drop),
        Err(Rejected::QueueFull { max_queue: 2 }),
        "no better than they"
    );
    let third = queue(&high, "third", &order).await;
    assert_eq!(second.await.unwrap(), Err(Rejected::Displaced));
    drop(held);
    assert_eq!((first.await.unwrap(), third.await.unwrap()), (Ok(()), Ok(())));
    assert_eq!(*order.lock().unwrap(), ["third", "first"]);
    let stats = limit.stats();
    assert_eq!((stats.rejected_displaced, stats.rejected_queue_full, stats.waiting), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_partition_lends_what_it_does_not_use_and_gets_it_back_first() {
    let limit = Limit::builder(4).partition("shop", 0.5).partition("export", 0.25).build().unwrap();
    let (shop, export) = (limit.partition("shop").unwrap(), limit.partition("export").unwrap());
    assert!(limit.partition("none").is_none());
    let mut lent: Vec<_> = (0..4).map(|_| export.try_acquire().unwrap()).collect();
    assert!(shop.try_acquire().is_none(), "all of it is lent");

    let order = Order::default();
    let mut tasks = Vec::new();
    let urgent = export.priority(Priority::High);
    for (limit, name) in [(&urgent, "export"), (&shop, "shop 1"), (&shop, "shop 2"), (&limit, "rest")] {
        tasks.push(queue(limit, name, &order).await);
    }
    assert_eq!(limit.stats().waiting, 4);
    drop(lent.pop());
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    // Those below their share first, whatever the priority of the one beyond it.
    assert_eq!(*order.lock().unwrap(), ["shop 1", "shop 2", "rest", "export"]);
    drop(lent);
    assert_eq!(limit.stats().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_partition_below_its_share_finds_a_place_in_a_full_queue() {
    let limit = Limit::builder(2).max_queue(1).partition("shop", 0.5).build().unwrap();
    let shop = limit.partition("shop").unwrap();
    let order = Order::default();
    let held = limit.acquire_many(2).await.unwrap();
    let flood = queue(&limit, "flood", &order).await;
    let buyer = queue(&shop, "buyer", &order).await;
    assert_eq!(flood.await.unwrap(), Err(Rejected::Displaced));
    drop(held);
    assert_eq!(buyer.await.unwrap(), Ok(()));
}

#[test]
fn partitions_are_checked() {
    for (builder, message) in [
        (Limit::builder(1).partition("a", 0.0), "partition = 0: must have a share above 0"),
        (Limit::builder(1).partition("a", f64::NAN), "partition = NaN: must have a share above 0"),
        (Limit::builder(1).partition("a", 0.1).partition("a", 0.1), "partition = a: must be there once"),
        (Limit::builder(1).partition("a", 0.6).partition("b", 0.6), "partition = 1.2: must have shares"),
    ] {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
    assert!(Limit::builder(1).partition("a", 0.7).partition("b", 0.2).partition("c", 0.1).build().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_low_priority_that_waits_too_long_is_told() {
    let limit = Limit::builder(1).max_wait(Duration::from_millis(50)).build().unwrap();
    let _held = limit.acquire().await.unwrap();
    let refused = limit.priority(Priority::Low).acquire().await.map(drop);
    assert_eq!(refused, Err(Rejected::WaitedTooLong { max_wait: Duration::from_millis(50) }));
}
