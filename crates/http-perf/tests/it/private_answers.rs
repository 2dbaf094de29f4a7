//! Nobody gets what was made for somebody else.
#![cfg(feature = "response-cache")]

use crate::support::{FRESH, Site, get, page, request};
use http::Method;
use perfect21_http_perf::response_cache::Refusal;

/// Greets whoever a request says it is from.
fn greeting(headers: &'static [(&'static str, &'static str)]) -> Site {
    Site::new(move |request, _| async move {
        let names = ["authorization", "cookie", "x-user", "proxy-authorization"];
        let who = names.iter().find_map(|name| request.headers().get(*name));
        page(headers, format!("hello {}", who.map_or("you", |who| who.to_str().unwrap())))
    })
}

#[tokio::test]
async fn a_request_that_says_who_it_is_from_passes() {
    for name in ["authorization", "cookie", "proxy-authorization"] {
        let site = greeting(&[("cache-control", "public, max-age=60")]);
        for who in ["A", "B", "A"] {
            let answer = site.send(get("/", &[(name, who)])).await;
            assert_eq!(answer.shown(), ("BYPASS", &*format!("hello {who}")), "{name}");
        }
        assert_eq!(site.get("/").await.shown(), ("MISS", "hello you"), "{name}: nothing was stored");
        let answer = site.send(get("/", &[(name, "C")])).await;
        assert_eq!(answer.body, "hello C", "{name}: nor is what is stored served to it");
    }
}

#[tokio::test]
async fn an_answer_for_one_is_not_stored() {
    for headers in [
        &[FRESH, ("set-cookie", "id=1")][..],
        &[("cache-control", "private, max-age=60")],
        &[("cache-control", "max-age=60"), ("cache-control", "PRIVATE=\"x\"")],
        &[("cache-control", "no-store, max-age=60")],
        &[("cache-control", "no-cache, max-age=60")],
        &[("cache-control", "max-age=60, max-age=61")],
        &[("cache-control", "max-age=60, x=\"")],
        &[FRESH, ("vary", "x-user")],
        &[FRESH, ("vary", "accept-encoding"), ("vary", "X-User")],
        &[FRESH, ("vary", "*")],
        &[],
    ] {
        let site = greeting(headers);
        for who in ["A", "B", "A"] {
            let answer = site.send(get("/", &[("x-user", who)])).await;
            assert_eq!(answer.shown(), ("MISS", &*format!("hello {who}")), "{headers:?}");
        }
        let stats = site.cache.stats();
        assert_eq!((stats.stored, stats.entries, stats.hits), (0, 0, 0), "{headers:?}");
        let refused: u64 = Refusal::ALL.iter().map(|reason| stats.refused(*reason)).sum();
        assert_eq!(refused, 3, "{headers:?}");
    }
}

#[tokio::test]
async fn a_request_for_something_else_than_the_page_passes() {
    for (name, value) in [
        ("range", "bytes=0-1"),
        ("if-match", "\"a\""),
        ("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("cache-control", "no-store"),
        ("accept-encoding", "*"),
        ("accept-encoding", "identity;q=0"),
        ("upgrade", "websocket"),
        ("host", "another.example"),
    ] {
        let site = Site::counting(FRESH);
        site.get("/").await;
        assert_eq!(site.send(get("/", &[(name, value)])).await.shown(), ("BYPASS", "2"), "{name}: {value}");
        assert_eq!(site.get("/").await.shown(), ("HIT", "1"), "{name}: {value}");
    }
}

#[tokio::test]
async fn a_request_with_a_body_passes() {
    let site =
        Site::new(async |request: http::Request<axum::body::Body>, _| page(&[FRESH], request.into_body()));
    let with_body = get("/", &[]).map(|_| axum::body::Body::from("poison"));
    assert_eq!(site.send(with_body).await.shown(), ("BYPASS", "poison"));
    assert_eq!(site.get("/").await.shown(), ("MISS", ""));
}

#[tokio::test]
async fn other_methods_are_not_stored_nor_answered_from_the_store() {
    let site = Site::counting(FRESH);
    assert_eq!(site.get("/").await.shown(), ("MISS", "1"));
    for (call, method) in
        ["OPTIONS", "TRACE", "POST", "PUT", "PATCH", "DELETE", "M-SEARCH"].iter().enumerate()
    {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = site.send(request(method.clone(), "/", &[])).await;
        assert_eq!(answer.shown(), ("BYPASS", &*(call + 2).to_string()), "{method}");
    }
    assert_eq!(site.cache.stats().stored, 1);
}

#[tokio::test]
async fn two_pages_are_two_answers() {
    let site = Site::new(async |request: http::Request<axum::body::Body>, _| {
        page(&[FRESH], format!("{} {:?}", request.uri(), request.headers()["host"]))
    });
    let paths = ["/a", "/a?", "/a?b=1", "/a?b=2", "/A", "/a/", "//shop.example/a", "/a%20"];
    for expected in ["MISS", "HIT"] {
        for path in paths {
            let answer = site.get(path).await;
            assert_eq!(answer.shown(), (expected, &*format!("{path} \"shop.example\"")));
        }
        let mut other = get("/a", &[]);
        other.headers_mut().insert("host", "shop.example:81".parse().unwrap());
        assert_eq!(site.send(other).await.shown(), (expected, "/a \"shop.example:81\""));
    }
}

#[tokio::test]
async fn headers_of_one_connection_are_not_replayed() {
    let site = Site::new(async |_, _| {
        let hop =
            [FRESH, ("connection", "x-hop"), ("x-hop", "1"), ("keep-alive", "timeout=1"), ("x-end", "2")];
        page(&hop, "page")
    });
    site.get("/").await;
    let hit = site.get("/").await;
    assert_eq!(hit.shown(), ("HIT", "page"));
    for name in ["connection", "x-hop", "keep-alive"] {
        assert_eq!(hit.header(name), None, "{name}");
    }
    assert_eq!(hit.header("x-end"), Some("2"));
}
