//! The response cache before a service that answers with any headers: it never panics, never stores what says that it
//! is private, and a hit has the body that was stored.
#![no_main]

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use libfuzzer_sys::fuzz_target;
use perfect21_http_perf::ResponseCache;
use std::{
    cell::Cell,
    convert::Infallible,
    future::{Ready, ready},
    rc::Rc,
};
use tower::{Layer as _, ServiceExt as _, service_fn};

const NAMES: [HeaderName; 12] = [
    header::CACHE_CONTROL,
    header::VARY,
    header::SET_COOKIE,
    header::AGE,
    header::DATE,
    header::EXPIRES,
    header::ETAG,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::CONNECTION,
    header::PRAGMA,
    header::ACCEPT_ENCODING,
];

type Headers = Vec<(u8, Vec<u8>)>;

fn headers(given: &Headers) -> Vec<(HeaderName, HeaderValue)> {
    let header = |(name, value): &(u8, Vec<u8>)| {
        let name = NAMES[usize::from(*name) % NAMES.len()].clone();
        HeaderValue::from_bytes(value).ok().map(|value| (name, value))
    };
    given.iter().take(16).filter_map(header).collect()
}

fuzz_target!(|input: (Headers, Headers)| {
    let (request_headers, answer_headers) = (headers(&input.0), headers(&input.1));
    let calls = Rc::new(Cell::new(0_u8));
    let service = service_fn({
        let (calls, answer_headers) = (calls.clone(), answer_headers.clone());
        move |_: Request<Full<Bytes>>| -> Ready<Result<Response<Full<Bytes>>, Infallible>> {
            calls.set(calls.get() + 1);
            let mut answer = Response::new(Full::new(Bytes::from(vec![calls.get(); 4])));
            answer.headers_mut().extend(answer_headers.iter().cloned().map(|(name, value)| (Some(name), value)));
            ready(Ok(answer))
        }
    });
    let cache = ResponseCache::builder().build().expect("defaults are right");
    let cached = cache.layer().layer(service);
    for _ in 0..2 {
        let mut request = Request::get("/page").header("host", "shop.example").body(Full::default()).expect("valid");
        request.headers_mut().extend(request_headers.iter().cloned().map(|(name, value)| (Some(name), value)));
        let answer = futures_executor::block_on(cached.clone().oneshot(request)).expect("infallible");
        let body = futures_executor::block_on(answer.into_body().collect()).expect("infallible").to_bytes();
        assert!(body == [calls.get(); 4][..] || body == [1; 4][..] || body.is_empty());
    }
    let forbids = |(name, value): &(HeaderName, HeaderValue)| {
        let value = value.as_bytes().to_ascii_lowercase();
        *name == header::SET_COOKIE
            || *name == header::CACHE_CONTROL && (value == b"private" || value == b"no-store" || value == b"no-cache")
    };
    if answer_headers.iter().any(forbids) {
        assert_eq!(calls.get(), 2, "an answer was kept that must not be: {answer_headers:?}");
    }
});
