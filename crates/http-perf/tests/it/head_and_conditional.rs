//! HEAD and conditional requests get what they ask for, and store nothing wrong.
#![cfg(feature = "response-cache")]

use crate::support::{FRESH, Site, get, page, request};
use http::{Method, StatusCode};

fn head(path: &str) -> http::Request<axum::body::Body> {
    request(Method::HEAD, path, &[])
}

#[tokio::test]
async fn a_head_stores_nothing_and_is_answered_from_a_get() {
    let site = Site::new(async |request: http::Request<axum::body::Body>, _| {
        let body = if request.method() == Method::HEAD { "" } else { "a page" };
        page(&[FRESH, ("content-length", "6"), ("x-end", "1")], body)
    });
    assert_eq!(site.send(head("/")).await.shown(), ("MISS", ""));
    assert_eq!(site.get("/").await.shown(), ("MISS", "a page"));
    let hit = site.send(head("/")).await;
    assert_eq!(hit.shown(), ("HIT", ""));
    assert_eq!((hit.header("content-length"), hit.header("x-end")), (Some("6"), Some("1")));
    assert_eq!(site.get("/").await.shown(), ("HIT", "a page"));
}

#[tokio::test]
async fn a_client_that_has_the_page_gets_304() {
    const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    let site = Site::new(async |_, _| {
        page(&[FRESH, ("etag", "\"v1\""), ("last-modified", MODIFIED), ("x-end", "1")], "page")
    });
    site.get("/").await;
    for (name, value, known) in [
        ("if-none-match", "W/\"v1\"", true),
        ("if-none-match", "\"v0\", \"v1\"", true),
        ("if-none-match", "\"v0\"", false),
        ("if-modified-since", MODIFIED, true),
        ("if-modified-since", "Sun, 06 Nov 1994 08:49:36 GMT", false),
    ] {
        let answer = site.send(get("/", &[(name, value)])).await;
        assert_eq!(answer.header("x-cache"), Some("HIT"), "{name}: {value}");
        let expected = if known { (StatusCode::NOT_MODIFIED, "") } else { (StatusCode::OK, "page") };
        assert_eq!((answer.status, &*answer.body), expected, "{name}: {value}");
        assert_eq!(answer.header("etag"), Some("\"v1\""));
        assert_eq!(answer.header("age"), Some("0"));
        assert_eq!(answer.header("content-length").is_some(), !known, "{name}: {value}");
    }
    assert_eq!((site.calls(), site.cache.stats().not_modified), (1, 3));
}

#[tokio::test]
async fn a_304_of_the_service_is_not_stored() {
    let site = Site::new(async |request: http::Request<axum::body::Body>, _| {
        let mut answer = page(&[FRESH, ("etag", "\"v1\"")], "page");
        if request.headers().contains_key("if-none-match") {
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
            *answer.body_mut() = axum::body::Body::empty();
        }
        answer
    });
    let answer = site.send(get("/", &[("if-none-match", "\"v1\"")])).await;
    assert_eq!((answer.status, answer.shown()), (StatusCode::NOT_MODIFIED, ("MISS", "")));
    assert_eq!(site.get("/").await.shown(), ("MISS", "page"));
    assert_eq!(site.get("/").await.shown(), ("HIT", "page"));
}

#[tokio::test]
async fn a_full_answer_to_a_conditional_request_is_stored() {
    let site = Site::counting(FRESH);
    assert_eq!(site.send(get("/", &[("if-none-match", "\"old\"")])).await.shown(), ("MISS", "1"));
    assert_eq!(site.get("/").await.shown(), ("HIT", "1"));
}
