//! All traces at all capacities through all caches.

use crate::{
    curve::{self, Errors},
    peers::{FoyerS3, Moka, QuickCache},
    policies::{Arc, Lru, Policy, S3Fifo, TinyLfu},
    synthetic,
};
use perfect21_bench_smart_cache::{Ours, Subject};
use perfect21_test_support::trace::Trace;
use std::{
    error::Error,
    path::{Path, PathBuf},
};

/// What the columns are, in their order.
pub(crate) const COLUMNS: [&str; 9] = [
    "ours",
    "LRU",
    "S3-FIFO",
    "ARC",
    "W-TinyLFU 1 %",
    "W-TinyLFU 20 %",
    "quick_cache",
    "foyer S3-FIFO",
    "moka",
];
/// Ours, then the simulated, then the peers.
pub(crate) const SIMULATED: std::ops::Range<usize> = 1..6;

/// What a row is for, in the targets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Trace,
    /// Long scans and loops, shown apart.
    Scan,
    Phases,
}

pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// In percent of the different keys.
    pub(crate) percent: f64,
    pub(crate) capacity: usize,
    /// In percent, one a column.
    pub(crate) ratios: [f64; COLUMNS.len()],
}

const SCANS: [&str; 3] = ["arc-p6", "cpio", "multi3"];
const SHARES: [f64; 3] = [0.1, 1.0, 10.0];

pub(crate) fn all(folder: Option<&Path>) -> Result<(Vec<Row>, Vec<Errors>), Box<dyn Error>> {
    let (mut rows, mut errors) = (Vec::new(), Vec::new());
    for path in paths(folder)? {
        let trace = Trace::read(&path)?;
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let name = file.split('.').next().unwrap_or_default().to_owned();
        let kind = if SCANS.contains(&&*name) { Kind::Scan } else { Kind::Trace };
        let distinct = trace.stats().distinct as f64;
        for percent in SHARES {
            let capacity = ((distinct * percent / 100.0) as usize).max(2);
            rows.push(row(name.clone(), kind, percent, capacity, trace.keys()));
            if percent >= 1.0 {
                errors.push(curve::of(name.clone(), capacity, trace.keys()));
            }
        }
    }
    for (name, capacity, keys) in synthetic::all() {
        rows.push(row(name, Kind::Phases, 0.0, capacity, &keys));
    }
    Ok((rows, errors))
}

fn paths(folder: Option<&Path>) -> Result<Vec<PathBuf>, String> {
    let Some(folder) = folder else {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/data");
        return Ok(["orm-night.txt.gz", "web12.txt.gz"].map(|name| data.join(name)).into());
    };
    // Cargo runs a bench in its package's folder, which is not where the words were typed.
    let folder = std::env::var_os("PWD").map_or_else(PathBuf::new, PathBuf::from).join(folder);
    let files = folder.read_dir().map_err(|error| format!("--traces {}: {error}", folder.display()))?;
    let files = files.flatten().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> = files.filter(|path| path.to_string_lossy().ends_with(".txt.gz")).collect();
    paths.sort();
    if paths.is_empty() {
        return Err(format!("--traces {}: no file in it ends in .txt.gz", folder.display()));
    }
    Ok(paths)
}

fn row(name: String, kind: Kind, percent: f64, capacity: usize, keys: &[u64]) -> Row {
    let mut requests = keys;
    if kind == Kind::Phases {
        // How it stands one capacity of requests after the last change, which is halfway.
        requests = &keys[..keys.len() / 2 + 2 * capacity];
    }
    let skip = if kind == Kind::Phases { keys.len() / 2 + capacity } else { 0 };
    let simulated = |mut policy: Box<dyn Policy>| ratio(requests, skip, |key| policy.request(key));
    let ratios = [
        peer::<Ours>(capacity, requests, skip),
        simulated(Box::new(Lru::new(capacity))),
        simulated(Box::new(S3Fifo::new(capacity))),
        simulated(Box::new(Arc::new(capacity))),
        simulated(Box::new(TinyLfu::new(capacity, 1))),
        simulated(Box::new(TinyLfu::new(capacity, 20))),
        peer::<QuickCache>(capacity, requests, skip),
        peer::<FoyerS3>(capacity, requests, skip),
        peer::<Moka>(capacity, requests, skip),
    ];
    Row { name, kind, percent, capacity, ratios }
}

fn peer<S: Subject>(capacity: usize, keys: &[u64], skip: usize) -> f64 {
    through(&S::with_capacity(capacity), keys, skip)
}

/// A get, and an insert after a miss.
pub(crate) fn through<S: Subject>(cache: &S, keys: &[u64], skip: usize) -> f64 {
    ratio(keys, skip, |key| {
        let hit = cache.get(key).is_some();
        if !hit {
            cache.insert(key, key);
        }
        hit
    })
}

fn ratio(keys: &[u64], skip: usize, mut request: impl FnMut(u64) -> bool) -> f64 {
    let mut hits = 0;
    for (nth, key) in keys.iter().enumerate() {
        let hit = request(*key);
        hits += usize::from(hit && nth >= skip);
    }
    hits as f64 * 100.0 / (keys.len() - skip) as f64
}
