//! Nothing is served longer than the service allowed, nor older than the client wants it.
#![cfg(feature = "response-cache")]

use crate::support::{FRESH, Site, get, page};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn an_answer_lives_as_long_as_it_says_and_tells_its_age() {
    let site = Site::counting(("cache-control", "max-age=600, s-maxage=60"));
    assert_eq!(site.get("/").await.header("age"), None);
    site.clock.advance(Duration::from_millis(59_999));
    let hit = site.get("/").await;
    assert_eq!((hit.shown(), hit.header("age")), (("HIT", "1"), Some("59")));
    site.clock.advance(Duration::from_millis(1));
    assert_eq!(site.get("/").await.shown(), ("MISS", "2"));
    assert_eq!(site.get("/").await.header("age"), Some("0"));
}

#[tokio::test]
async fn the_age_it_came_with_and_the_time_it_took_count() {
    let site = Site::new(async |_, call| page(&[FRESH, ("age", "50")], call.to_string()));
    site.get("/").await;
    assert_eq!(site.get("/").await.header("age"), Some("50"));
    site.clock.advance(SECOND * 10);
    assert_eq!(site.get("/").await.shown(), ("MISS", "2"));

    let clock = site.clock.clone();
    let slow = Site::with(site.cache.clone(), site.clock.clone(), move |_, call| {
        clock.advance(SECOND * 20);
        async move { page(&[FRESH], call.to_string()) }
    });
    slow.get("/slow").await;
    assert_eq!(slow.get("/slow").await.header("age"), Some("20"));
    slow.clock.advance(SECOND * 40);
    assert_eq!(slow.get("/slow").await.shown(), ("MISS", "2"));
}

#[tokio::test]
async fn an_answer_that_took_longer_than_it_lives_is_not_stored() {
    let site = Site::counting(FRESH);
    let clock = site.clock.clone();
    let slow = Site::with(site.cache.clone(), site.clock.clone(), move |_, call| {
        clock.advance(SECOND * 60);
        async move { page(&[FRESH], call.to_string()) }
    });
    assert_eq!(slow.get("/").await.shown(), ("MISS", "1"));
    assert_eq!(slow.get("/").await.shown(), ("MISS", "2"));
    assert_eq!(slow.cache.stats().stored, 0);
}

#[tokio::test]
async fn the_wall_clock_may_jump() {
    let site = Site::counting(FRESH);
    site.get("/").await;
    site.clock.set_wall(std::time::SystemTime::UNIX_EPOCH + SECOND * 1_000_000_000);
    assert_eq!(site.get("/").await.shown(), ("HIT", "1"));
    site.clock.set_wall(std::time::SystemTime::UNIX_EPOCH);
    site.clock.advance(SECOND * 60);
    assert_eq!(site.get("/").await.shown(), ("MISS", "2"));
}

#[tokio::test]
async fn a_client_may_want_a_newer_answer() {
    for (wish, after, expected) in [
        ("no-cache", 0, ("MISS", "2")),
        ("max-age=0", 0, ("MISS", "2")),
        ("max-age=10", 10, ("HIT", "1")),
        ("max-age=9", 10, ("MISS", "2")),
        ("min-fresh=50", 10, ("HIT", "1")),
        ("min-fresh=51", 10, ("MISS", "2")),
        ("max-stale=100", 60, ("MISS", "2")),
        ("max-age=rubbish", 0, ("MISS", "2")),
    ] {
        let site = Site::counting(FRESH);
        site.get("/").await;
        site.clock.advance(SECOND * after);
        assert_eq!(site.send(get("/", &[("cache-control", wish)])).await.shown(), expected, "{wish}");
        assert_eq!(site.get("/").await.shown(), ("HIT", expected.1), "{wish}: what it got is stored");
    }
    let site = Site::counting(FRESH);
    site.get("/").await;
    assert_eq!(site.send(get("/", &[("pragma", "no-cache")])).await.shown(), ("MISS", "2"));
}
