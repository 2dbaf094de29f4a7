//! One series for each method of a route, bounded.

use super::stats::{SeriesStats, Stats};
use http::{Method, Request, StatusCode};
use perfect21_meter::LatencyCell;
use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock, PoisonError, RwLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

const METHODS: [&str; 10] =
    ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE", OTHER];
const OTHER: &str = "other";
const UNMATCHED: &str = "unmatched";

#[derive(Debug)]
pub(super) struct Series {
    pub(super) method: &'static str,
    pub(super) route: Arc<str>,
    latency: LatencyCell,
    /// 1xx to 5xx, and what is none of them.
    statuses: [AtomicU64; 6],
    failed: AtomicU64,
    cancelled: AtomicU64,
    slow: AtomicU64,
}

impl Series {
    fn new(method: &'static str, route: Arc<str>) -> Arc<Self> {
        Arc::new(Self {
            method,
            route,
            latency: LatencyCell::new(),
            statuses: Default::default(),
            failed: AtomicU64::new(0),
            cancelled: AtomicU64::new(0),
            slow: AtomicU64::new(0),
        })
    }

    /// Counts an answer, or an error of the service.
    pub(super) fn answered(&self, status: Option<StatusCode>, took: Duration) {
        self.latency.record(took);
        let count = match status {
            Some(status) => &self.statuses[usize::from(status.as_u16() / 100 - 1).min(5)],
            None => &self.failed,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn cancelled(&self) {
        self.cancelled.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn slow(&self) {
        self.slow.fetch_add(1, Ordering::Relaxed);
    }

    fn stats(&self) -> SeriesStats {
        SeriesStats {
            method: self.method,
            route: Arc::clone(&self.route),
            latency: self.latency.snapshot(),
            statuses: self.statuses.each_ref().map(|count| count.load(Ordering::Relaxed)),
            failed: self.failed.load(Ordering::Relaxed),
            cancelled: self.cancelled.load(Ordering::Relaxed),
            slow: self.slow.load(Ordering::Relaxed),
        }
    }
}

/// The series of a route, each made with its first request.
#[derive(Debug)]
struct Route {
    path: Arc<str>,
    methods: [OnceLock<Arc<Series>>; METHODS.len()],
}

impl Route {
    fn new(path: &str) -> Self {
        Self { path: path.into(), methods: Default::default() }
    }

    fn series(&self) -> impl Iterator<Item = &Arc<Series>> {
        self.methods.iter().filter_map(OnceLock::get)
    }
}

#[derive(Debug)]
pub(super) struct AllSeries {
    max: usize,
    made: AtomicUsize,
    routes: RwLock<HashMap<Arc<str>, Route>>,
    unmatched: Route,
    other: OnceLock<Arc<Series>>,
}

impl AllSeries {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            made: AtomicUsize::new(0),
            routes: RwLock::default(),
            unmatched: Route::new(UNMATCHED),
            other: OnceLock::new(),
        }
    }

    /// The series that a request belongs to.
    pub(super) fn of<B>(&self, request: &Request<B>) -> Arc<Series> {
        let method = index_of(request.method());
        match matched_path(request) {
            Some(path) => self.of_route(path, method),
            None => {
                let make = || Series::new(METHODS[method], Arc::clone(&self.unmatched.path));
                Arc::clone(self.unmatched.methods[method].get_or_init(make))
            }
        }
    }

    fn of_route(&self, path: &str, method: usize) -> Arc<Series> {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = routes.get(path).and_then(|route| route.methods[method].get()) {
            return Arc::clone(series);
        }
        drop(routes);
        if self.made.load(Ordering::Relaxed) >= self.max {
            return self.other();
        }
        self.make(path, method)
    }

    #[cold]
    fn make(&self, path: &str, method: usize) -> Arc<Series> {
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        // Counted under the lock, so that the bound holds whoever comes at the same time.
        let is_there = routes.get(path).is_some_and(|route| route.methods[method].get().is_some());
        if !is_there && self.made.fetch_add(1, Ordering::Relaxed) >= self.max {
            self.made.fetch_sub(1, Ordering::Relaxed);
            return self.other();
        }
        if !routes.contains_key(path) {
            let route = Route::new(path);
            routes.insert(Arc::clone(&route.path), route);
        }
        let route = &routes[path];
        Arc::clone(
            route.methods[method].get_or_init(|| Series::new(METHODS[method], Arc::clone(&route.path))),
        )
    }

    fn other(&self) -> Arc<Series> {
        Arc::clone(self.other.get_or_init(|| Series::new(OTHER, OTHER.into())))
    }

    pub(super) fn stats(&self) -> Stats {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<Arc<Series>> = routes.values().flat_map(Route::series).cloned().collect();
        drop(routes);
        all.sort_by(|a, b| (&a.route, a.method).cmp(&(&b.route, b.method)));
        let rest = self.unmatched.series().chain(self.other.get());
        Stats { series: all.iter().chain(rest).map(|series| series.stats()).collect() }
    }
}

fn index_of(method: &Method) -> usize {
    match *method {
        Method::GET => 0,
        Method::POST => 1,
        Method::PUT => 2,
        Method::DELETE => 3,
        Method::PATCH => 4,
        Method::HEAD => 5,
        Method::OPTIONS => 6,
        Method::CONNECT => 7,
        Method::TRACE => 8,
        _ => 9,
    }
}

#[cfg(feature = "axum")]
fn matched_path<B>(request: &Request<B>) -> Option<&str> {
    request.extensions().get().map(axum::extract::MatchedPath::as_str)
}

#[cfg(not(feature = "axum"))]
fn matched_path<B>(_: &Request<B>) -> Option<&str> {
    None
}
