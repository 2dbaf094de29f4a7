//! Requests over several real servers on loopback, with hyper's client.
#![cfg(feature = "upstream")]

use axum::{
    Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use http::header::HeaderName;
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use perfect21_concurrency::Balancer;
use perfect21_http_perf::upstream::{Origin, Upstream, UpstreamError};
use std::{
    collections::HashMap,
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{net::TcpListener, sync::Notify, task::JoinSet};

type Http = Client<HttpConnector, Full<Bytes>>;

#[derive(Clone, Copy)]
enum Mood {
    Well,
    Busy,
    Broken,
    Refusing,
    Silent,
}

#[derive(Clone)]
struct Server {
    mood: Mood,
    asked: Arc<AtomicUsize>,
    arrived: Arc<Notify>,
}

/// Servers of these moods; they end with the set.
struct Servers {
    origins: Vec<Origin>,
    all: Vec<Server>,
    _tasks: JoinSet<()>,
}

impl Servers {
    async fn start(moods: &[Mood]) -> Self {
        let (mut origins, mut all, mut tasks) = (Vec::new(), Vec::new(), JoinSet::new());
        for &mood in moods {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            origins.push(format!("http://{}", listener.local_addr().unwrap()).parse().unwrap());
            let server = Server { mood, asked: Arc::default(), arrived: Arc::default() };
            all.push(server.clone());
            let app = Router::new()
                .route("/stock", get(stock).post(stock))
                .route("/echo", post(echo))
                .route("/long", get(|| async { "x".repeat(100) }))
                .route("/long-error", get(|| async { (StatusCode::NOT_FOUND, "x".repeat(100)) }))
                .with_state(server);
            tasks.spawn(async move { axum::serve(listener, app).await.unwrap() });
        }
        Self { origins, all, _tasks: tasks }
    }

    fn asked(&self) -> Vec<usize> {
        self.all.iter().map(|server| server.asked.load(SeqCst)).collect()
    }

    fn upstream(&self) -> Upstream<Http> {
        upstream(self.origins.clone())
    }

    /// One that does not wait long, for servers without an answer.
    fn impatient(&self) -> Upstream<Http> {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let builder = Upstream::builder(Balancer::new(self.origins.clone()).unwrap(), client);
        builder.timeout(Duration::from_secs(1)).build().unwrap()
    }
}

fn upstream(origins: Vec<Origin>) -> Upstream<Http> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let builder = Upstream::builder(Balancer::new(origins).unwrap(), client);
    builder.max_body(50).build().unwrap()
}

async fn stock(State(server): State<Server>, Query(query): Query<HashMap<String, u64>>) -> Response {
    server.asked.fetch_add(1, SeqCst);
    server.arrived.notify_one();
    match server.mood {
        Mood::Well => query["of"].to_string().into_response(),
        Mood::Busy => (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "60")]).into_response(),
        Mood::Broken => (StatusCode::INTERNAL_SERVER_ERROR, "it broke").into_response(),
        Mood::Refusing => StatusCode::FORBIDDEN.into_response(),
        Mood::Silent => pending().await,
    }
}

async fn echo(headers: HeaderMap, body: Bytes) -> String {
    format!("[{body:?}, {:?}, {:?}]", headers["content-type"], headers["x-shop"]).replace("b\"", "\"")
}

#[tokio::test]
async fn what_is_sent_and_answered_is_typed() {
    let servers = Servers::start(&[Mood::Well]).await;
    let upstream = servers.upstream();
    let stock: u64 = upstream.get("/stock?of=7").send().await.unwrap();
    assert_eq!(stock, 7);
    let shop = HeaderName::from_static("x-shop");
    let order = upstream.post("/echo").json(&[1, 2]).header(shop, "north");
    let echoed: (String, String, String) = order.send().await.unwrap();
    assert_eq!(echoed, ("[1,2]".into(), "application/json".into(), "north".into()));
}

#[tokio::test]
async fn a_failure_is_asked_for_elsewhere_only_if_it_may_be() {
    for mood in [Mood::Busy, Mood::Broken] {
        let servers = Servers::start(&[mood, Mood::Well]).await;
        let upstream = servers.upstream();
        let mut failures = 0;
        for _ in 0..20 {
            let stock: u64 = upstream.get("/stock?of=1").send().await.unwrap();
            assert_eq!(stock, 1);
            let order = upstream.post("/stock?of=1").send::<u64, _>().await;
            failures += usize::from(order.is_err());
        }
        let asked = servers.asked();
        assert_eq!(asked.iter().sum::<usize>(), 40 + asked[0] - failures, "no POST was sent twice");
        for _ in 0..20 {
            let _: u64 = upstream.post("/stock?of=1").idempotent(true).send().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_busy_server_is_left_alone_for_as_long_as_it_asks() {
    let servers = Servers::start(&[Mood::Busy, Mood::Well]).await;
    let upstream = servers.upstream();
    for _ in 0..100 {
        let _: u64 = upstream.get("/stock?of=1").send().await.unwrap();
    }
    assert!(servers.asked()[0] <= 2, "{:?}", servers.asked());
}

#[tokio::test]
async fn a_server_that_refuses_is_well_and_is_not_asked_again() {
    let servers = Servers::start(&[Mood::Refusing, Mood::Refusing]).await;
    let upstream = servers.upstream();
    let error = upstream.get("/stock?of=1").send::<u64, _>().await.unwrap_err();
    assert_eq!(error.status(), Some(StatusCode::FORBIDDEN));
    assert_eq!(servers.asked().iter().sum::<usize>(), 1);
    assert!(upstream.balancer().stats().iter().all(|server| server.failures == 0));
}

#[tokio::test]
async fn a_server_without_an_answer_is_passed_by_in_time() {
    let servers = Servers::start(&[Mood::Silent, Mood::Well]).await;
    let upstream = servers.impatient();
    // Until the one without an answer was asked.
    while servers.asked()[0] == 0 {
        let _: u64 = upstream.get("/stock?of=1").send().await.unwrap();
    }
    let alone = Servers::start(&[Mood::Silent]).await;
    let error = alone.impatient().get("/stock?of=1").send::<u64, _>().await.unwrap_err();
    assert!(matches!(error, UpstreamError::Timeout { .. }), "{error:?}");
    assert!(error.to_string().contains("within 1s"), "{error}");
}

#[tokio::test]
async fn who_is_not_there_is_passed_by() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody: Origin = format!("http://{}", gone.local_addr().unwrap()).parse().unwrap();
    drop(gone);
    let servers = Servers::start(&[Mood::Well]).await;
    let both = upstream(vec![nobody.clone(), servers.origins[0].clone()]);
    for _ in 0..10 {
        let _: u64 = both.get("/stock?of=1").send().await.unwrap();
    }
    let error = upstream(vec![nobody.clone()]).get("/stock?of=1").send::<u64, _>().await.unwrap_err();
    assert!(matches!(&error, UpstreamError::Client { origin, .. } if *origin == nobody), "{error:?}");
    let error = upstream(vec![]).get("/stock?of=1").send::<u64, _>().await.unwrap_err();
    assert!(matches!(error, UpstreamError::NoEndpoint(_)), "{error:?}");
}

#[tokio::test]
async fn answers_are_bounded_and_checked() {
    let servers = Servers::start(&[Mood::Well]).await;
    let upstream = servers.upstream();
    let error = upstream.get("/long").send_for_bytes().await.unwrap_err();
    assert!(matches!(error, UpstreamError::TooLong { max_body: 50, .. }), "{error:?}");
    let error = upstream.get("/long-error").send_for_bytes().await.unwrap_err();
    assert_eq!(error.status(), Some(StatusCode::NOT_FOUND));
    let error = upstream.get("/stock?of=7").send::<String, _>().await.unwrap_err();
    assert!(matches!(error, UpstreamError::Decode { .. }), "{error:?}");
    assert_eq!(upstream.get("/stock?of=7").send_for_bytes().await.unwrap(), "7");
}

#[tokio::test]
async fn what_is_not_valid_asks_nobody() {
    let servers = Servers::start(&[Mood::Well]).await;
    let upstream = servers.upstream();
    let shop = || HeaderName::from_static("x-shop");
    let bad = [
        upstream.get("stock"),
        upstream.get("/a b"),
        upstream.get("http://elsewhere/"),
        upstream.get("/stock?of=1").header(shop(), "a\nb"),
        upstream.post("/stock?of=1").json(&HashMap::from([((1, 2), 3)])),
    ];
    for request in bad {
        let error = request.send::<u64, _>().await.unwrap_err();
        assert!(matches!(error, UpstreamError::BadRequest { .. }), "{error:?}");
    }
    assert_eq!(servers.asked(), [0]);
    let client: Http = Client::builder(TokioExecutor::new()).build_http();
    let builder = || Upstream::builder(Balancer::new(Vec::new()).unwrap(), client.clone());
    for (builder, setting) in
        [(builder().timeout(Duration::ZERO), "timeout"), (builder().max_body(0), "max_body")]
    {
        assert!(builder.build().unwrap_err().to_string().contains(setting));
    }
}

#[tokio::test]
async fn a_dropped_request_leaves_nothing_in_flight() {
    let servers = Servers::start(&[Mood::Silent]).await;
    let upstream = servers.upstream();
    {
        let mut request = Box::pin(upstream.get("/stock?of=1").send::<u64, _>());
        tokio::select! {
            _ = &mut request => panic!("it has no answer"),
            () = servers.all[0].arrived.notified() => {}
        }
        assert_eq!(upstream.balancer().stats()[0].in_flight, 1);
    }
    let stats = &upstream.balancer().stats()[0];
    assert_eq!((stats.in_flight, stats.failures), (0, 0));
}
