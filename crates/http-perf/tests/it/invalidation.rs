//! After a change nobody gets what was there before it.
#![cfg(feature = "response-cache")]

use crate::support::{FRESH, Site, get, page, request};
use axum::body::Body;
use futures_util::future::poll_immediate;
use http::{Method, Request, StatusCode, uri::PathAndQuery};
use perfect21_http_perf::response_cache::Refusal;
use std::time::Duration;
use tokio::time::{Instant, sleep};

fn change(method: &str) -> Request<Body> {
    request(Method::from_bytes(method.as_bytes()).unwrap(), "/a?b=1", &[])
}

#[tokio::test]
async fn a_change_takes_every_encoding_of_its_page_away_and_no_other_page() {
    for method in ["POST", "PUT", "PATCH", "DELETE", "M-SEARCH"] {
        let site = Site::counting(FRESH);
        let gzip = || get("/a?b=1", &[("accept-encoding", "gzip")]);
        site.get("/a?b=1").await;
        site.send(gzip()).await;
        site.get("/a").await;
        site.send(change(method)).await;
        assert_eq!(site.get("/a?b=1").await.shown(), ("MISS", "5"), "{method}");
        assert_eq!(site.send(gzip()).await.shown(), ("MISS", "6"), "{method}");
        assert_eq!(site.get("/a").await.shown(), ("HIT", "3"), "{method}");
    }
}

#[tokio::test]
async fn a_change_that_failed_takes_nothing_away() {
    for (status, invalidates) in
        [(200, true), (204, true), (303, true), (400, false), (404, false), (500, false)]
    {
        let site = Site::new(move |request, call| async move {
            let mut answer = page(&[FRESH], call.to_string());
            if request.method() == Method::POST {
                *answer.status_mut() = StatusCode::from_u16(status).unwrap();
            }
            answer
        });
        site.get("/a?b=1").await;
        site.send(change("POST")).await;
        let shown = if invalidates { ("MISS", "3") } else { ("HIT", "1") };
        assert_eq!(site.get("/a?b=1").await.shown(), shown, "{status}");
    }
}

#[tokio::test]
async fn a_change_whose_client_left_may_have_happened() {
    let site = Site::new(async |request: Request<Body>, call| {
        if request.method() == Method::POST {
            std::future::pending::<()>().await;
        }
        page(&[FRESH], call.to_string())
    });
    site.get("/a?b=1").await;
    let mut left = Box::pin(site.send(change("POST")));
    assert!(poll_immediate(&mut left).await.is_none());
    drop(left);
    assert_eq!(site.get("/a?b=1").await.shown(), ("MISS", "3"));
}

/// Reads the page, then takes a while to send it.
fn slow_reader() -> Site {
    Site::new(async |request: Request<Body>, call| {
        if request.method() == Method::GET {
            sleep(Duration::from_millis(100)).await;
        }
        page(&[FRESH], call.to_string())
    })
}

#[tokio::test(start_paused = true)]
async fn what_was_read_before_a_change_is_neither_stored_nor_shared_after_it() {
    let site = slow_reader();
    let began = Instant::now();
    let mut before = Box::pin(site.get("/a?b=1"));
    assert!(poll_immediate(&mut before).await.is_none());
    site.send(change("POST")).await;
    let mut after = Box::pin(site.get("/a?b=1"));
    assert!(poll_immediate(&mut after).await.is_none());
    assert_eq!(before.await.shown(), ("MISS", "1"));
    assert_eq!(site.cache.stats().refused(Refusal::Overtaken), 1);
    assert_eq!(
        after.await.shown(),
        ("MISS", "3"),
        "it asked after the change, so it does not wait for the old"
    );
    assert_eq!(began.elapsed(), Duration::from_millis(100), "the two did not wait for one another");
    assert_eq!(site.get("/a?b=1").await.shown(), ("HIT", "3"));
}

#[tokio::test(start_paused = true)]
async fn the_owner_can_take_answers_away() {
    let site = slow_reader();
    let uri = PathAndQuery::from_static("/a?b=1");
    for (round, by_uri) in [true, false].into_iter().enumerate() {
        let take_away =
            || if by_uri { site.cache.invalidate("SHOP.example", &uri) } else { site.cache.clear() };
        site.get("/a?b=1").await;
        take_away();
        let mut under_way = Box::pin(site.get("/a?b=1"));
        assert!(poll_immediate(&mut under_way).await.is_none());
        take_away();
        assert_eq!(under_way.await.header("x-cache"), Some("MISS"));
        assert_eq!(site.cache.stats().entries, 0);
        assert_eq!(site.cache.stats().refused(Refusal::Overtaken), round as u64 + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_after_a_clear_waits_for_no_call_that_began_before() {
    let site = slow_reader();
    let began = Instant::now();
    let mut before = Box::pin(site.get("/a?b=1"));
    assert!(poll_immediate(&mut before).await.is_none());
    site.cache.clear();
    let (before, after) = tokio::join!(before, site.get("/a?b=1"));
    assert_eq!((before.shown(), after.shown()), (("MISS", "1"), ("MISS", "2")));
    assert_eq!(began.elapsed(), Duration::from_millis(100), "the two did not wait for one another");
}
