//! What `#[cached]` keeps of functions: of arguments, methods, errors, absent values, on which terms.

use perfect21_redis_cache::{Cache, LoadError, RedisCache, cached};
use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

/// How often the body of a function ran.
#[derive(Default)]
struct Runs(AtomicU32);

impl Runs {
    fn one(&self) {
        self.0.fetch_add(1, SeqCst);
    }

    fn take(&self) -> u32 {
        self.0.swap(0, SeqCst)
    }
}

fn redis() -> RedisCache {
    RedisCache::in_memory().namespace("test").build().unwrap()
}

static REDIS: LazyLock<RedisCache> = LazyLock::new(redis);

#[tokio::test]
async fn a_body_runs_once_for_each_argument_by_value_or_reference() {
    static LENGTHS: LazyLock<Cache<str, usize>> = LazyLock::new(|| REDIS.typed("lengths").build().unwrap());

    #[cached(cache = LENGTHS)]
    async fn length(text: &str) -> Result<usize, LoadError<String>> {
        tokio::task::yield_now().await;
        Ok(text.len())
    }

    #[cached(cache = Cache::clone(sums), key = (numbers[0], more))]
    async fn sum(
        sums: &Cache<(u64, u64), u64>,
        numbers: &[u64],
        mut more: u64,
        runs: Arc<Runs>,
    ) -> Result<u64, LoadError<String>> {
        runs.one();
        let _ = sums;
        more += numbers.iter().sum::<u64>();
        Ok(more)
    }

    assert_eq!(length("four").await.unwrap(), 4);
    assert_eq!(length("four").await.unwrap(), 4);
    assert_eq!(LENGTHS.stats().loads, 1);
    assert_eq!(LENGTHS.get("four").await.unwrap(), Some(4));

    let (sums, runs) = (REDIS.typed("sums").build().unwrap(), Arc::new(Runs::default()));
    for _ in 0..3 {
        assert_eq!(sum(&sums, &[1, 2], 3, Arc::clone(&runs)).await.unwrap(), 6);
        assert_eq!(sum(&sums, &[1, 2], 4, Arc::clone(&runs)).await.unwrap(), 7);
    }
    assert_eq!(runs.take(), 2);
}

#[tokio::test]
async fn several_arguments_are_a_key_together() {
    static PAIRS: LazyLock<Cache<(u64, String), String>> =
        LazyLock::new(|| REDIS.typed("pairs").build().unwrap());

    #[cached(cache = &*PAIRS)]
    async fn pair(number: u64, text: &str) -> Result<String, LoadError<String>> {
        Ok(format!("{number}{text}"))
    }

    assert_eq!(pair(1, "2").await.unwrap(), "12");
    assert_eq!(pair(1, "3").await.unwrap(), "13");
    assert_eq!(PAIRS.get(&(1, "2".to_owned())).await.unwrap().unwrap(), "12");
    assert_eq!(PAIRS.stats().loads, 2);
}

#[derive(Clone)]
struct Shop {
    redis: RedisCache,
    names: Cache<u64, String>,
    runs: Arc<Runs>,
}

impl Shop {
    fn new() -> Self {
        let redis = redis();
        let names = redis.typed("names").jitter(0.0).build().unwrap();
        Self { redis, names, runs: Arc::default() }
    }

    /// Its name, or that there is none.
    #[cached(cache = self.names, key = id, ttl = "5m", tags = [format!("product:{id}")])]
    async fn name(&self, id: u64) -> Result<Option<String>, LoadError<String>> {
        self.runs.one();
        if id > 1000 { Ok(None) } else { Ok(Some(format!("product {id}"))) }
    }

    #[cached(cache = self.names, key = id, ttl = span)]
    async fn for_so_long(self: &Arc<Self>, id: u64, span: Duration) -> Result<String, LoadError<String>> {
        self.runs.one();
        Ok(format!("product {id} for {span:?}"))
    }
}

#[tokio::test]
async fn a_method_is_kept_on_its_terms_and_what_is_absent_too() {
    let shop = Shop::new();
    for _ in 0..2 {
        assert_eq!(shop.name(7).await.unwrap().unwrap(), "product 7");
        assert_eq!(shop.name(1001).await.unwrap(), None);
    }
    assert_eq!(shop.runs.take(), 2);
    let left = shop.names.ttl(&7).await.unwrap().unwrap();
    assert!(left <= Duration::from_secs(300) && left > Duration::from_secs(290), "{left:?}");

    shop.redis.invalidate(["product:7"]).await.unwrap();
    shop.name(7).await.unwrap();
    shop.name(1001).await.unwrap();
    assert_eq!(shop.runs.take(), 1);

    let shop = Arc::new(shop);
    let minute = Duration::from_secs(60);
    assert_eq!(shop.for_so_long(8, minute).await.unwrap(), "product 8 for 60s");
    let left = shop.names.ttl(&8).await.unwrap().unwrap();
    assert!(left <= minute && left > Duration::from_secs(50), "{left:?}");
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("there is no product {0}")]
    NoProduct(u64),
    #[error(transparent)]
    Kept(#[from] Box<LoadError<Self>>),
}

impl From<LoadError<Self>> for Failure {
    fn from(error: LoadError<Self>) -> Self {
        match error {
            LoadError::Load(error) => {
                Arc::try_unwrap(error).unwrap_or_else(|error| Self::Kept(Box::new(LoadError::Load(error))))
            }
            error => Self::Kept(Box::new(error)),
        }
    }
}

#[tokio::test]
async fn errors_are_not_kept_and_reach_the_caller_in_its_own_type() {
    #[cached(cache = cache, key = id)]
    async fn find(cache: Cache<u64, u64>, id: u64, runs: Arc<Runs>) -> Result<u64, Failure> {
        let _ = cache;
        runs.one();
        if id == 0 {
            return Err(Failure::NoProduct(id));
        }
        Ok(id)
    }

    let (cache, runs) = (redis().typed("found").build().unwrap(), Arc::new(Runs::default()));
    for _ in 0..2 {
        let failed = find(Cache::clone(&cache), 0, Arc::clone(&runs)).await;
        assert!(matches!(failed, Err(Failure::NoProduct(0))), "{failed:?}");
    }
    assert_eq!(runs.take(), 2);
    assert_eq!(find(cache, 1, runs).await.unwrap(), 1);
}

#[tokio::test]
async fn many_callers_at_once_run_the_body_once_and_it_outlives_them() {
    #[cached(cache = cache, key = id)]
    async fn slow(
        cache: Cache<u64, u64>,
        id: u64,
        runs: Arc<Runs>,
        gate: Arc<tokio::sync::Semaphore>,
    ) -> Result<u64, LoadError<String>> {
        let _ = cache;
        runs.one();
        let _open = gate.acquire().await.map_err(|error| error.to_string())?;
        Ok(id)
    }

    let cache: Cache<u64, u64> = redis().typed("slow").build().unwrap();
    let (runs, gate) = (Arc::new(Runs::default()), Arc::new(tokio::sync::Semaphore::new(0)));
    let call = || tokio::spawn(slow(cache.clone(), 5, Arc::clone(&runs), Arc::clone(&gate)));
    let gone = call();
    while runs.0.load(SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    gone.abort();
    let calls: Vec<_> = (0..100).map(|_| call()).collect();
    gate.add_permits(1);
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), 5);
    }
    assert_eq!(runs.take(), 1);
}
