//! A janitor takes out what is over, keeps no cache alive, and ends.
#![cfg(feature = "tokio")]

use perfect21_core::ManualClock;
use perfect21_smart_cache::{Cache, runtime::Tokio};
use std::{sync::Arc, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn what_is_over_goes_without_anybody_asking() {
    let clock = ManualClock::new();
    let builder = Cache::<u32, Arc<()>>::builder().ttl(5 * SECOND).clock(Arc::new(clock.clone()));
    let cache = builder.build().unwrap();
    let janitor = cache.janitor(Tokio, SECOND).unwrap();
    let value = Arc::new(());
    cache.insert(1, Arc::clone(&value)).unwrap();
    clock.advance(4 * SECOND);
    tokio::time::sleep(SECOND).await;
    assert_eq!((cache.len(), Arc::strong_count(&value)), (1, 2));
    clock.advance(SECOND);
    tokio::time::sleep(SECOND).await;
    assert_eq!((cache.len(), Arc::strong_count(&value), cache.stats().expired), (0, 1, 1));

    // Its handle gone, it does no more.
    cache.insert(2, Arc::clone(&value)).unwrap();
    drop(janitor);
    clock.advance(5 * SECOND);
    tokio::time::sleep(3 * SECOND).await;
    assert_eq!(cache.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn it_does_not_keep_the_cache_alive() {
    let cache = Cache::<u32, Arc<()>>::builder().build().unwrap();
    let value = Arc::new(());
    cache.insert(1, Arc::clone(&value)).unwrap();
    let _janitor = cache.janitor(Tokio, SECOND).unwrap();
    assert!(cache.janitor(Tokio, Duration::ZERO).is_err());
    tokio::time::sleep(2 * SECOND).await;
    drop(cache);
    assert_eq!(Arc::strong_count(&value), 1);
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
}
