//! No place is lost, no bound is passed, order is kept.

use axum::http::StatusCode;
use perfect21_concurrency::{Limit, Limited, Rejected};
use std::{
    convert::Infallible,
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{sync::Mutex, time::timeout};
use tower::{Layer, Service, ServiceExt, service_fn};

fn limit(at_once: usize, queue: usize) -> Limit {
    Limit::builder(at_once).max_queue(queue).max_wait(Duration::from_secs(1)).build().unwrap()
}

async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_leaves_loses_no_place() {
    let limit = limit(1, 2);
    let held = limit.acquire().await.unwrap();
    assert!(timeout(Duration::from_millis(1), limit.acquire()).await.is_err(), "it is full");
    assert_eq!(limit.stats().waiting, 0);

    // A waiter that was given the permit, and is dropped before it is polled again.
    let mut waiter = Box::pin(limit.acquire());
    assert!(futures_poll(&mut waiter).await.is_none());
    drop(held);
    drop(waiter);
    assert!(limit.try_acquire().is_some(), "the permit came back");
    assert_eq!((limit.stats().in_flight, limit.stats().waiting), (0, 0));
}

async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|cx| match std::pin::Pin::new(&mut *future).poll(cx) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_at_once_and_a_long_wait_in_time() {
    let limit = limit(1, 1);
    let _held = limit.acquire().await.unwrap();
    let waiter = tokio::spawn({
        let limit = limit.clone();
        async move { limit.acquire().await.map(drop) }
    });
    settle().await;
    let start = tokio::time::Instant::now();
    assert_eq!(limit.acquire().await.map(drop), Err(Rejected::QueueFull { max_queue: 1 }));
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(waiter.await.unwrap(), Err(Rejected::WaitedTooLong { max_wait: Duration::from_secs(1) }));
    assert_eq!(start.elapsed(), Duration::from_secs(1));
    let stats = limit.stats();
    assert_eq!((stats.rejected_queue_full, stats.rejected_waited, stats.waiting), (1, 1, 0));
}

#[tokio::test]
async fn never_more_than_the_limit_and_in_order_of_arrival() {
    let limit = limit(3, 100);
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let order = Arc::new(Mutex::new(Vec::new()));
    let tasks: Vec<_> = (0..100)
        .map(|i| {
            let (limit, running, most, order) = (limit.clone(), running.clone(), most.clone(), order.clone());
            tokio::spawn(async move {
                limit
                    .run(async {
                        most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                        order.lock().await.push(i);
                        settle().await;
                        running.fetch_sub(1, SeqCst);
                    })
                    .await
                    .unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(most.load(SeqCst), 3);
    assert!(order.lock().await.is_sorted());
    assert_eq!((limit.stats().admitted, limit.stats().in_flight), (100, 0));
}

#[tokio::test]
async fn a_panic_frees_its_place() {
    let limit = limit(1, 0);
    let task = tokio::spawn({
        let limit = limit.clone();
        async move { limit.run(async { panic!("user code") }).await }
    });
    assert!(task.await.is_err());
    assert!(limit.try_acquire().is_some());
}

#[tokio::test(start_paused = true)]
async fn the_layer_refuses_without_calling_and_frees_on_drop() {
    let calls = Arc::new(AtomicUsize::new(0));
    let inner = service_fn({
        let calls = calls.clone();
        move |wait: bool| {
            calls.fetch_add(1, SeqCst);
            async move {
                if wait {
                    pending::<()>().await;
                }
                Ok::<_, Infallible>(7)
            }
        }
    });
    let limit = limit(1, 1);
    let mut service = limit.layer().layer(inner);
    let mut second = limit.layer().layer(service_fn(async |_: bool| Ok::<_, Infallible>(8)));

    let stuck = service.ready().await.unwrap().call(true);
    let queued = tokio::spawn(service.ready().await.unwrap().call(false));
    settle().await;
    let refused = second.ready().await.unwrap().call(false).await;
    assert_eq!(
        refused,
        Err(Limited::Rejected(Rejected::QueueFull { max_queue: 1 })),
        "layers share the limit"
    );
    assert_eq!(calls.load(SeqCst), 1);

    drop(stuck);
    assert_eq!(queued.await.unwrap(), Ok(7));
    assert_eq!((limit.stats().in_flight, limit.stats().admitted), (0, 2));
}

#[test]
fn settings_are_checked_where_it_is_built() {
    for (builder, message) in [
        (Limit::builder(0), "max_in_flight = 0: must be from 1 to"),
        (Limit::builder(1).max_wait(Duration::ZERO), "max_wait = 0ns: must be above zero"),
    ] {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
    assert!(Limit::builder(1).max_queue(0).max_wait(Duration::ZERO).build().is_ok());
}

#[test]
fn handles_cross_threads() {
    fn check<T: Clone + Send + Sync + 'static>() {}
    check::<Limit>();
}

/// It compiles in axum, with a rejection answered by 503.
#[tokio::test]
async fn fits_a_router() {
    use axum::{Router, body::Body, error_handling::HandleErrorLayer, http::Request, routing::get};
    use tower::ServiceBuilder;
    let limit = limit(1, 0);
    let layers = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(async |error: Limited<Infallible>| {
            (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "1")], error.to_string())
        }))
        .layer(limit.layer());
    let app: Router = Router::new().route("/", get(async || "ok")).layer(layers);
    let ask = || app.clone().oneshot(Request::get("/").body(Body::empty()).unwrap());
    assert_eq!(ask().await.unwrap().status(), 200);
    let _held = limit.try_acquire().unwrap();
    let refused = ask().await.unwrap();
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"1".parse().unwrap()));
}
