//! The example API over sockets: plain or tuned, on SQLite or PostgreSQL, with caches or their server gone, it answers
//! the same.

use axum::Router;
use perfect21_examples::shop::{
    Database,
    model::{CategoryRatings, ProductPage, User},
    plain, tuned,
};
use perfect21_redis_cache::RedisCache;
use perfect21_test_support::{postgres::Postgres, redis::Redis};
use serde_json::{Value, json};
use std::{net::SocketAddr, sync::mpsc, thread};
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Builder};
use ureq::{Agent, http::StatusCode};

const PRODUCTS: i64 = 200;

/// Which service.
enum Kind {
    Plain,
    /// With its cache in memory, or on the server of this URL.
    Tuned(Option<String>),
}

async fn service(kind: Kind, database: &Database) -> Router {
    match kind {
        Kind::Plain => plain::service(database.repository().unwrap()),
        Kind::Tuned(None) => {
            tuned::service(database, &RedisCache::in_memory().build().unwrap()).await.unwrap().0
        }
        Kind::Tuned(Some(url)) => {
            let cache = RedisCache::builder(url).connect().await.unwrap();
            tuned::service(database, &cache).await.unwrap().0
        }
    }
}

/// Serves on a thread of its own until the test process ends.
fn serve(kind: Kind, database: Database) -> SocketAddr {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            database.create(PRODUCTS).await.unwrap();
            let service = service(kind, &database).await;
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            axum::serve(listener, service).await.unwrap();
        });
    });
    receiver.recv().unwrap()
}

struct Api {
    agent: Agent,
    address: SocketAddr,
}

impl Api {
    fn new(address: SocketAddr) -> Self {
        let agent = Agent::config_builder().http_status_as_error(false).build().into();
        Self { agent, address }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn get(&self, path: &str, token: Option<&str>) -> (StatusCode, Value) {
        let mut request = self.agent.get(self.url(path));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut answer = request.call().unwrap();
        (answer.status(), answer.body_mut().read_json().unwrap_or(Value::Null))
    }

    fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        let mut answer = self.agent.post(self.url(path)).send_json(body).unwrap();
        (answer.status(), answer.body_mut().read_json().unwrap_or(Value::Null))
    }
}

fn pages(api: &Api) {
    let (status, page) = api.get("/api/products/7", None);
    assert_eq!(status, 200);
    let page: ProductPage = serde_json::from_value(page).unwrap();
    assert_eq!(page.product.id, 7);
    assert!(page.product.description.len() > 100);
    assert!(page.related.iter().all(|related| related.id > 7));
    assert!(page.reviews.iter().all(|review| (1..=5).contains(&review.rating)));
    assert_eq!(
        api.get("/api/products/999999", None),
        (StatusCode::NOT_FOUND, json!({"error": "there is no such product"}))
    );
    assert_eq!(api.get("/api/products/x", None).0, 400);

    let (status, ratings) = api.get("/api/reports/ratings", None);
    let ratings: Vec<CategoryRatings> = serde_json::from_value(ratings).unwrap();
    assert_eq!(status, 200);
    assert!(ratings.is_sorted_by(|a, b| a.category < b.category));
    assert!(ratings.iter().all(|r| (1.0..=5.0).contains(&r.mean) && (1..=5).contains(&r.median)));
}

fn users_and_sessions(api: &Api) {
    let new = json!({"username": "ada", "email": "ada@shop.example", "password": "correct horse"});
    let (status, user) = api.post("/api/users", new.clone());
    assert_eq!(status, 201);
    let user: User = serde_json::from_value(user).unwrap();
    assert_eq!(
        api.get(&format!("/api/users/{}", user.id), None),
        (StatusCode::OK, serde_json::to_value(&user).unwrap())
    );
    assert_eq!(api.post("/api/users", new).0, 409);
    assert_eq!(api.post("/api/users", json!({"username": "b", "email": "b@b", "password": "short"})).0, 422);

    for wrong in
        [json!({"username": "ada", "password": "wrong"}), json!({"username": "bob", "password": "x"})]
    {
        assert_eq!(api.post("/api/sessions", wrong).0, 401);
    }
    // The demo's users have no password, so nobody gets in by leaving it out.
    assert_eq!(api.post("/api/sessions", json!({"username": "user1", "password": ""})).0, 401);
    let (status, session) =
        api.post("/api/sessions", json!({"username": "ada", "password": "correct horse"}));
    assert_eq!(status, 201);
    let token = session["token"].as_str().unwrap();
    assert_eq!(api.get("/api/sessions/current", Some(token)).1, serde_json::to_value(&user).unwrap());
    assert_eq!(api.get("/api/sessions/current", Some("forged")).0, 401);
    assert_eq!(api.get("/api/sessions/current", None).0, 401);
    let end = || {
        let request = api.agent.delete(api.url("/api/sessions/current"));
        request.header("authorization", format!("Bearer {token}")).call().unwrap().status()
    };
    assert_eq!((end(), end()), (StatusCode::NO_CONTENT, StatusCode::UNAUTHORIZED));
    assert_eq!(api.get("/api/sessions/current", Some(token)).0, 401);
}

fn health(api: &Api, database: &str) {
    assert_eq!(api.get("/health", None), (StatusCode::OK, json!({"status": "healthy"})));
    assert_eq!(
        api.get("/api/auth/health", None),
        (StatusCode::OK, json!({"status": "healthy", "database": database}))
    );
}

#[test]
fn on_sqlite() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("shop.sqlite");
    let api = Api::new(serve(Kind::Plain, Database::Sqlite(file)));
    pages(&api);
    users_and_sessions(&api);
    health(&api, "SQLite");
}

#[test]
fn on_postgres_and_through_its_outage() {
    let server = Postgres::start().unwrap();
    let api = Api::new(serve(Kind::Plain, server.url().parse().unwrap()));
    pages(&api);
    users_and_sessions(&api);
    health(&api, "PostgreSQL");

    server.kill().unwrap();
    let (status, answer) = api.get("/api/products/7", None);
    assert_eq!(
        (status, answer),
        (StatusCode::SERVICE_UNAVAILABLE, json!({"error": "the database did not answer"}))
    );
    assert_eq!(api.get("/health", None).0, 200, "the process itself is well");
    server.restart().unwrap();
    // Connections that died with the server are found out one by one.
    let answered = (0..50).any(|_| api.get("/api/products/7", None).0 == 200);
    assert!(answered, "the pool connects again");
}

/// What the service counts of a metric, over all labels.
fn counted(api: &Api, metric: &str) -> u64 {
    let (_, metrics) = api.get("/api/metrics", None);
    let series = metrics["series"].as_array().unwrap().iter().filter(|series| series["name"] == metric);
    series.map(|series| series["value"]["counter"].as_u64().unwrap()).sum()
}

fn x_cache(api: &Api, path: &str) -> String {
    let answer = api.agent.get(api.url(path)).call().unwrap();
    answer.headers()["x-cache"].to_str().unwrap().to_owned()
}

#[test]
fn tuned_on_sqlite_and_memory() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("shop.sqlite");
    let api = Api::new(serve(Kind::Tuned(None), Database::Sqlite(file)));
    pages(&api);
    users_and_sessions(&api);
    health(&api, "SQLite");
    assert_eq!(["MISS", "HIT"].map(|_| x_cache(&api, "/api/products/9")), ["MISS", "HIT"]);
    assert_eq!(
        ["/api/users/1"; 2].map(|path| x_cache(&api, path)),
        ["MISS"; 2],
        "nobody said that users may be kept"
    );
    assert!(counted(&api, "limit_admitted") > 10);
}

#[test]
fn tuned_on_postgres_and_redis_and_through_the_outages_of_both() {
    let (postgres, redis) = (Postgres::start().unwrap(), Redis::start().unwrap());
    let api = Api::new(serve(Kind::Tuned(Some(redis.url())), postgres.url().parse().unwrap()));
    pages(&api);
    users_and_sessions(&api);
    health(&api, "PostgreSQL");

    redis.kill().unwrap();
    assert_eq!(api.get("/api/products/10", None).0, 200, "the database answers where the cache cannot");
    postgres.kill().unwrap();
    assert_eq!(api.get("/api/products/10", None).0, 200, "the response cache answers where both cannot");
    assert_eq!(api.get("/api/products/11", None).0, 503);
    redis.restart().unwrap();
    postgres.restart().unwrap();
    let answered = (0..50).any(|_| api.get("/api/products/11", None).0 == 200);
    assert!(answered, "the pool connects again");
}
