//! A limit that changes holds, however many wait.

use perfect21_concurrency::{Limit, limit::Elastic};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{task::yield_now, time::sleep};

#[tokio::test(start_paused = true)]
async fn shrinking_from_ten_to_two_holds_with_two_hundred_waiters() {
    let limit = Limit::builder(10).max_queue(300).max_wait(Duration::from_secs(3600)).build().unwrap();
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let tasks: Vec<_> = (0..210)
        .map(|_| {
            let (limit, running, most) = (limit.clone(), running.clone(), most.clone());
            tokio::spawn(async move {
                limit
                    .run(async {
                        most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                        sleep(Duration::from_secs(1)).await;
                        running.fetch_sub(1, SeqCst);
                    })
                    .await
                    .unwrap();
            })
        })
        .collect();
    sleep(Duration::from_millis(500)).await;
    assert_eq!((running.load(SeqCst), limit.stats().waiting), (10, 200));

    limit.resize(2).unwrap();
    assert_eq!(limit.stats().in_flight, 10, "what runs may end");
    sleep(Duration::from_secs(1)).await;
    most.store(0, SeqCst);
    assert_eq!(running.load(SeqCst), 2);
    let start = tokio::time::Instant::now();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(most.load(SeqCst), 2, "never more than two");
    assert_eq!(start.elapsed().as_secs(), 99, "and never less: two hundred, of which two had begun");
    assert_eq!((limit.stats().in_flight, limit.stats().waiting), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn growing_lets_those_in_who_wait() {
    let limit = Limit::builder(1).max_queue(10).build().unwrap();
    let held = limit.acquire().await.unwrap();
    let tasks: Vec<_> = (0..5)
        .map(|_| {
            let limit = limit.clone();
            tokio::spawn(async move { limit.acquire_owned().await.unwrap() })
        })
        .collect();
    yield_now().await;
    assert_eq!(limit.stats().waiting, 5);
    limit.resize(4).unwrap();
    assert_eq!((limit.stats().in_flight, limit.stats().waiting), (4, 2));
    limit.resize(6).unwrap();
    for task in tasks {
        drop(task.await.unwrap());
    }
    drop(held);
    assert_eq!(limit.stats().in_flight, 0);
}

#[test]
fn changes_are_told_and_out_of_bounds_they_are_refused() {
    let changes = Arc::new(Mutex::new(Vec::new()));
    let told = changes.clone();
    let limit = Limit::builder(10)
        .on_change(move |change| told.lock().unwrap().push((change.from, change.to)))
        .build()
        .unwrap();
    limit.resize(2).unwrap();
    limit.resize(2).unwrap();
    limit.resize(5).unwrap();
    let zero = limit.resize(0).unwrap_err().to_string();
    assert!(zero.starts_with("limit = 0: must be from 1 to"), "{zero}");
    assert_eq!(*changes.lock().unwrap(), [(10, 2), (2, 5)]);
    assert_eq!((limit.stats().limit, limit.stats().changes), (5, 2));

    let adaptive = Limit::builder(10).algorithm(Elastic::new()).min_limit(5).max_limit(20).build().unwrap();
    assert!(adaptive.resize(4).is_err() && adaptive.resize(21).is_err());
    adaptive.resize(20).unwrap();
}
