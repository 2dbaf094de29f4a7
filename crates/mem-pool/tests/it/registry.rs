//! Pools by name: one for all who ask, an error for who asks for another type, and numbers of each.

use perfect21_core::{Label, LatencySnapshot, Metric, Reading, Visitor};
use perfect21_mem_pool::{BoundedPool, Observe, Pool, Pressure, Registry, RegistryError, Trim};

static REGISTRY: Registry = Registry::new();

#[test]
fn all_threads_get_the_same_pool() {
    let pools: Vec<Pool<String>> = std::thread::scope(|scope| {
        let ask = || REGISTRY.get_or_insert("same", || Pool::new(String::new)).unwrap();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    drop(pools[0].get());
    assert!(pools.iter().all(|pool| pool.stats().live == 1));
}

#[test]
fn the_wrong_type_and_an_unknown_name_are_errors() {
    let registry = Registry::new();
    registry.insert("lines", Pool::new(String::new)).unwrap();
    let cases = [
        (registry.get::<Pool<Vec<u8>>>("lines").map(drop), "pool `lines` is a "),
        (registry.get::<BoundedPool<String>>("lines").map(drop), "pool `lines` is a "),
        (registry.get_or_insert("lines", || Pool::new(Vec::<u8>::new)).map(drop), "pool `lines` is a "),
        (registry.get::<Pool<String>>("words").map(drop), "no pool is named `words`"),
        (registry.insert("lines", Pool::new(String::new)), "a pool is named `lines` already"),
    ];
    for (result, message) in cases {
        let error = result.unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
    assert!(registry.remove("lines") && !registry.remove("lines"));
    assert!(matches!(registry.get::<Pool<String>>("lines"), Err(RegistryError::Unknown { .. })));
}

#[test]
fn a_maker_may_ask_the_registry_and_may_panic() {
    let registry = Registry::new();
    let outer = registry
        .get_or_insert("outer", || registry.get_or_insert("inner", || Pool::new(String::new)).unwrap());
    drop(outer.unwrap().get());
    assert_eq!(registry.names(), ["inner", "outer"]);
    let panicking = || registry.get_or_insert::<Pool<String>>("third", || panic!("no pool"));
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panicking)).is_err());
    assert_eq!(registry.names(), ["inner", "outer"]);
}

#[test]
fn it_trims_and_observes_all_of_them() {
    #[derive(Default)]
    struct Seen(Vec<String>);
    impl Visitor for Seen {
        fn counter(&mut self, metric: &Metric, labels: &[Label<'_>], total: u64) {
            self.0.push(format!("{} {} {total}", metric.name, labels[0].1));
        }
        fn gauge(&mut self, metric: &Metric, labels: &[Label<'_>], reading: Reading) {
            self.0.push(format!("{} {} {}", metric.name, labels[0].1, reading.value.unwrap()));
        }
        fn latency(&mut self, _: &Metric, _: &[Label<'_>], _: &LatencySnapshot) {}
    }
    let registry = Registry::new();
    let free = Pool::builder(String::new).name("free").build().unwrap();
    let bounded = BoundedPool::builder(2, String::new).name("bounded").build().unwrap();
    registry.insert("free", free.clone()).unwrap();
    registry.insert("bounded", bounded.clone()).unwrap();
    drop((free.get(), free.get(), bounded.try_acquire()));
    let mut seen = Seen::default();
    registry.observe(&mut seen);
    for line in
        ["pool_idle free 2", "pool_made free 2", "bounded_pool_idle bounded 1", "bounded_pool_max bounded 2"]
    {
        assert!(seen.0.iter().any(|seen| seen == line), "{line} is not in {:?}", seen.0);
    }
    assert_eq!(registry.trim(Pressure::Elevated).objects, 3);
}
