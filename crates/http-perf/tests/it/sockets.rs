//! Over real sockets, behind axum and hyper, beside compression.
#![cfg(feature = "response-cache")]

use axum::{
    Router,
    body::Body,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    routing::get,
};
use futures_util::{StreamExt, stream};
use perfect21_http_perf::{ResponseCache, response_cache::Refusal};
use perfect21_test_support::wait::DEADLINE;
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinSet,
};
use tower_http::compression::CompressionLayer;

struct Server {
    address: std::net::SocketAddr,
    cache: ResponseCache,
    calls: Arc<AtomicUsize>,
    /// Lets one streamed page go on after its first half.
    go_on: Arc<Notify>,
    _tasks: JoinSet<io::Result<()>>,
}

impl Server {
    async fn start() -> Self {
        let cache = ResponseCache::builder().build().unwrap();
        let (calls, go_on) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let count = Arc::clone(&calls);
        let page = move || {
            let call = count.fetch_add(1, Ordering::SeqCst) + 1;
            let headers = [(CACHE_CONTROL, "max-age=60"), (CONTENT_TYPE, "text/plain")];
            async move { (headers, format!("page {call} ").repeat(500)) }
        };
        let (count, gate) = (Arc::clone(&calls), Arc::clone(&go_on));
        let halves = move || {
            let call = count.fetch_add(1, Ordering::SeqCst) + 1;
            let gate = Arc::clone(&gate);
            let first = stream::iter([Ok::<_, io::Error>(format!("first {call},"))]);
            let second = stream::once(async move {
                gate.notified().await;
                Ok(format!("second {call}."))
            });
            async move { ([(CACHE_CONTROL, "max-age=60")], Body::from_stream(first.chain(second))) }
        };
        let app = Router::new()
            .route("/", get(page))
            .route("/halves", get(halves))
            .layer(CompressionLayer::new())
            .layer(cache.layer());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, app).await });
        Self { address, cache, calls, go_on, _tasks: tasks }
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    async fn open(&self, head: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("{head}\r\nhost: shop.example\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    /// The head in lower case, and the raw body.
    async fn send(&self, head: &str) -> (String, Vec<u8>) {
        let mut stream = self.open(head).await;
        let mut answer = Vec::new();
        tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await.expect("an answer").unwrap();
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
        let body = answer.split_off(end);
        (String::from_utf8(answer).unwrap().to_lowercase(), body)
    }

    async fn until(&self, what: &str, happened: impl Fn(&Self) -> bool) {
        let waited = Instant::now();
        while !happened(self) {
            assert!(waited.elapsed() < DEADLINE, "did not happen: {what}; {:?}", self.cache.stats());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Reads until this has come.
async fn read_until(stream: &mut TcpStream, text: &str) {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(text) {
        let part = tokio::time::timeout(DEADLINE, stream.read_buf(&mut read)).await.expect("more").unwrap();
        assert_ne!(part, 0, "the answer ended without {text}");
    }
}

#[tokio::test]
async fn each_encoding_is_made_once_and_reaches_who_takes_it() {
    let server = Server::start().await;
    let plain_page = "page 1 ".repeat(500);
    for expected in ["x-cache: miss", "x-cache: hit"] {
        let (head, body) = server.send("GET / HTTP/1.1").await;
        assert!(head.contains(expected) && !head.contains("content-encoding"), "{head}");
        assert_eq!(body, plain_page.as_bytes());
    }
    let mut packed = Vec::new();
    for (accepts, expected) in [("gzip", "miss"), ("GZIP;q=0.5", "hit"), ("gzip, unknown", "hit")] {
        let (head, body) = server.send(&format!("GET / HTTP/1.1\r\naccept-encoding: {accepts}")).await;
        assert!(
            head.contains(&format!("x-cache: {expected}")) && head.contains("content-encoding: gzip"),
            "{head}"
        );
        if expected == "hit" {
            assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
            assert!(body.starts_with(&[0x1f, 0x8b]) && body.len() < plain_page.len());
            packed.push(body);
        }
    }
    assert_eq!(packed[0], packed[1]);
    assert_eq!((server.calls(), server.cache.stats().entries), (2, 2));
}

#[tokio::test]
async fn a_head_tells_the_length_of_the_page_and_sends_none_of_it() {
    let server = Server::start().await;
    server.send("GET / HTTP/1.1").await;
    let (head, body) = server.send("HEAD / HTTP/1.1").await;
    assert!(head.contains("x-cache: hit") && head.contains("content-length: 3500"), "{head}");
    assert!(body.is_empty());
    assert_eq!(server.calls(), 1);
}

#[tokio::test]
async fn the_first_half_comes_before_the_second_and_both_are_stored() {
    let server = Server::start().await;
    let mut stream = server.open("GET /halves HTTP/1.1").await;
    read_until(&mut stream, "first 1,").await;
    assert_eq!(server.cache.stats().stored, 0);
    server.go_on.notify_one();
    read_until(&mut stream, "second 1.").await;
    server.until("stored", |server| server.cache.stats().stored == 1).await;
    assert_eq!(server.send("GET /halves HTTP/1.1").await.1, b"first 1,second 1.");
}

#[tokio::test]
async fn when_a_client_hangs_up_half_way_one_of_those_who_wait_takes_over() {
    let server = Arc::new(Server::start().await);
    let mut leader = server.open("GET /halves HTTP/1.1").await;
    read_until(&mut leader, "first 1,").await;
    let mut waiters = JoinSet::new();
    for _ in 0..10 {
        let server = Arc::clone(&server);
        waiters.spawn(async move { server.send("GET /halves HTTP/1.1").await.1 });
    }
    drop(leader);
    server
        .until("the leader has left", |server| server.cache.stats().refused(Refusal::ClientLeft) == 1)
        .await;
    server.until("a second call", |server| server.calls() == 2).await;
    server.go_on.notify_one();
    // The first to be answered reads it chunk by chunk, the others get it whole.
    for body in waiters.join_all().await {
        let body = String::from_utf8(body).unwrap();
        assert!(body.contains("first 2,") && body.contains("second 2."), "{body}");
    }
    assert_eq!((server.calls(), server.cache.stats().stored), (2, 1));
}

#[tokio::test]
async fn two_users_get_their_own_pages() {
    let server = Server::start().await;
    for _ in 0..2 {
        for who in ["authorization: A", "cookie: id=B"] {
            let (head, _) = server.send(&format!("GET / HTTP/1.1\r\n{who}")).await;
            assert!(head.contains("x-cache: bypass"), "{head}");
        }
    }
    assert_eq!((server.calls(), server.cache.stats().entries), (4, 0));
}

#[tokio::test]
async fn an_error_of_a_body_cuts_the_answer_off() {
    let cache = ResponseCache::builder().build().unwrap();
    let cut = || async {
        let parts = [Ok("half"), Err(io::Error::other("cut"))];
        ([(CACHE_CONTROL, "max-age=60")], Body::from_stream(stream::iter(parts)))
    };
    let app = Router::new().route("/", get(cut)).layer(cache.layer());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { axum::serve(listener, app).await });
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await.expect("the end");
    assert!(!String::from_utf8_lossy(&answer).contains("\r\n0\r\n"), "it does not look complete");
    assert_eq!((cache.stats().refused(Refusal::Body), cache.stats().entries), (1, 0));
}
