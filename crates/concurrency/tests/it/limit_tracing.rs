//! The events of a limit.
#![cfg(feature = "tracing")]

use perfect21_concurrency::Limit;
use perfect21_test_support::events::Events;

#[tokio::test]
async fn changes_and_rejections_are_events() {
    let events = Events::of("perfect21");
    let limit = Limit::builder(2).name("api").max_queue(0).build().unwrap();
    limit.resize(1).unwrap();
    let _held = limit.try_acquire().unwrap();
    assert!(limit.acquire().await.is_err());
    assert_eq!(
        events.take_lines(),
        [
            "DEBUG message=the limit changed limit=\"api\" from=2 to=1",
            "DEBUG message=a call was rejected limit=\"api\" reason=too busy: 0 are waiting already",
        ]
    );
}
