//! One service, in this process.

use crate::{
    args::{Kind, ServeOptions, Server},
    database, print, sentence, statements,
    trace::Trace,
};
use axum::{Router, serve::ListenerExt};
use perfect21_examples::shop::{Counted, Database, plain, tuned};
use perfect21_redis_cache::RedisCache;
use serde::{Deserialize, Serialize};
use std::{
    io::Read as _,
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
    time::{Duration, Instant},
};
use tokio::{net::TcpListener, sync::oneshot};
use uuid::Uuid;

/// The guide's probe: so many connects.
const CONNECTS: usize = 10;
/// Answers under way get so long to finish.
const GRACE: Duration = Duration::from_secs(2);

/// What a service tells its parent once it listens.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ready {
    pub address: SocketAddr,
    /// How long each of ten fresh connections to the database took, first statement included.
    pub connects: Vec<Duration>,
}

pub(crate) async fn run(options: ServeOptions) -> Result<ExitCode, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await.map_err(|error| {
        format!("cannot listen on 127.0.0.1:{}: {error}; choose another with --port", options.port)
    })?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    if options.child {
        let database = child_database(&options)?;
        let connects = time_connects(options.kind, &database).await?;
        let (service, counted) = service(options.kind, &database, redis_url(&options)).await?;
        let ready = serde_json::to_string(&Ready { address, connects }).map_err(|error| error.to_string())?;
        print(&ready);
        let ended = serve(listener, service, stdin_closed()).await?;
        if let Some(counted) = counted {
            let database = statements::Database::of(&counted).await;
            print(&serde_json::to_string(&database).map_err(|error| error.to_string())?);
        }
        return Ok(ended);
    }
    let pages = Trace::read(None)?.pages;
    let backends = database::prepare(&options.postgres, &options.redis, pages).await?;
    let ended = by_hand(listener, &options, &backends).await;
    backends.remove().await;
    ended
}

/// Serves until Ctrl-C.
async fn by_hand(
    listener: TcpListener,
    options: &ServeOptions,
    backends: &database::Backends,
) -> Result<ExitCode, String> {
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let (service, _) = service(options.kind, &backends.database, backends.redis_url.clone()).await?;
    print(&format!(
        "The {} service listens on http://{address} (database: {}, cache: {}); Ctrl-C ends it.\nTry http://{address}/api/products/1",
        options.kind.name(),
        backends.database_kind,
        if options.kind == Kind::Tuned { backends.cache_kind } else { "none" }
    ));
    serve(listener, service, async { drop(tokio::signal::ctrl_c().await) }).await
}

fn child_database(options: &ServeOptions) -> Result<Database, String> {
    match (&options.sqlite, &options.postgres) {
        (Some(file), _) => Ok(Database::Sqlite(file.clone())),
        (None, Server::Url(url)) => {
            url.parse().map_err(|error| sentence(&error as &perfect21_examples::shop::RepositoryError))
        }
        _ => Err("--child needs --sqlite=FILE or --postgres=URL".to_owned()),
    }
}

fn redis_url(options: &ServeOptions) -> Option<String> {
    match &options.redis {
        Server::Url(url) => Some(url.clone()),
        _ => None,
    }
}

async fn service(
    kind: Kind,
    database: &Database,
    redis: Option<String>,
) -> Result<(Router, Option<Counted>), String> {
    match kind {
        Kind::Plain => {
            let repository = database.repository().map_err(|error| sentence(&error))?;
            Ok((plain::service(repository), None))
        }
        Kind::Tuned => {
            let cache = cache(redis).await?;
            tuned::service(database, &cache).await.map_err(|error| sentence(&error))
        }
    }
}

/// Under a name of its own, so that the first pass is cold however often the main job runs.
async fn cache(redis: Option<String>) -> Result<RedisCache, String> {
    let namespace = format!("perfect21-baseline-{}", Uuid::new_v4().simple());
    match redis {
        Some(url) => {
            let builder = RedisCache::builder(url).namespace(namespace).near(tuned::near());
            builder.connect().await.map_err(|error| sentence(&error))
        }
        None => RedisCache::in_memory().namespace(namespace).build().map_err(|error| sentence(&error)),
    }
}

/// As each service does it: by tokio-postgres, or by its pool.
async fn time_connects(kind: Kind, database: &Database) -> Result<Vec<Duration>, String> {
    if let (Kind::Tuned, Database::Postgres(config)) = (kind, database) {
        return tuned::time_connects(config, CONNECTS).await.map_err(|error| sentence(&error));
    }
    let mut connects = Vec::with_capacity(CONNECTS);
    for _ in 0..CONNECTS {
        let start = Instant::now();
        database.connect().await.map_err(|error| sentence(&error))?;
        connects.push(start.elapsed());
    }
    Ok(connects)
}

async fn serve(
    listener: TcpListener,
    service: Router,
    end: impl Future<Output = ()> + Send + 'static,
) -> Result<ExitCode, String> {
    let (ending, ended) = oneshot::channel();
    // Small answers must not wait for the client's acknowledgement.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let server = axum::serve(listener, service).with_graceful_shutdown(async move {
        end.await;
        let _ = ending.send(());
    });
    tokio::select! {
        served = server => served.map_err(|error| format!("the service ended: {error}"))?,
        () = async { let _ = ended.await; tokio::time::sleep(GRACE).await } => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Resolves when the parent closes the pipe or is gone, so that no service outlives it.
fn stdin_closed() -> impl Future<Output = ()> + Send + 'static {
    let (closing, closed) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = closing.send(());
    });
    async { drop(closed.await) }
}
