//! Request traces: one request a line, a key, or a key and a size in bytes.
//!
//! A file whose name ends in `.gz` is decompressed. Every line of a file has the same shape; keys and sizes are
//! decimal numbers below 2⁶⁴. A trace is read whole: 8 bytes a request, 16 with sizes.

use std::{
    collections::HashSet,
    env,
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use flate2::bufread::MultiGzDecoder;

use crate::Error;

/// Two numbers of twenty digits and what stands between them.
const LONGEST_LINE: u64 = 64;
/// Against a file that decompresses without end; 512 MB of keys.
const MOST_REQUESTS: u64 = 1 << 26;

/// The requests of a trace, in their order.
///
/// # Examples
///
/// ```
/// use perfect21_test_support::trace::Trace;
///
/// let file = std::env::temp_dir().join(format!("trace-{}.txt", std::process::id()));
/// std::fs::write(&file, "0\n1\n0\n0\n")?;
/// let trace = Trace::read(&file)?;
/// assert_eq!(trace.keys(), [0, 1, 0, 0]);
/// let stats = trace.stats();
/// assert_eq!((stats.requests, stats.distinct), (4, 2));
/// assert_eq!(stats.best_hit_ratio, Some(0.5));
/// # std::fs::remove_file(&file)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    keys: Vec<u64>,
    sizes: Option<Vec<u64>>,
}

/// What a trace asks of a cache.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// All requests.
    pub requests: usize,
    /// Different keys among them.
    pub distinct: usize,
    /// The hit ratio of a cache that starts empty and keeps everything; `None` for an empty trace.
    pub best_hit_ratio: Option<f64>,
}

impl Trace {
    /// Reads a file, of whichever of the two shapes its first line has.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] with the file, line and text of the first wrong line; [`Error::Io`] for a file that cannot
    /// be read or decompressed (e.g. one that was cut short).
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let file = File::open(path).map_err(Error::io(format!("open trace {}", path.display())))?;
        let file = BufReader::with_capacity(64 * 1024, file);
        if path.extension().is_some_and(|extension| extension == "gz") {
            Self::parse(path, BufReader::with_capacity(64 * 1024, MultiGzDecoder::new(file)))
        } else {
            Self::parse(path, file)
        }
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &[u64] {
        &self.keys
    }

    /// The sizes in bytes, one for each key, where the trace has them.
    #[must_use]
    pub fn sizes(&self) -> Option<&[u64]> {
        self.sizes.as_deref()
    }

    /// Counts requests and different keys; walks the whole trace.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let requests = self.keys.len();
        let distinct = self.keys.iter().collect::<HashSet<_>>().len();
        let best_hit_ratio = (requests > 0).then(|| (requests - distinct) as f64 / requests as f64);
        Stats { requests, distinct, best_hit_ratio }
    }

    fn parse(path: &Path, mut from: impl BufRead) -> Result<Self, Error> {
        let mut trace = Self { keys: Vec::new(), sizes: None };
        let mut text = Vec::new();
        for line in 1.. {
            text.clear();
            let count = (&mut from).take(LONGEST_LINE).read_until(b'\n', &mut text);
            if count.map_err(Error::io(format!("read trace {}", path.display())))? == 0 {
                break;
            }
            let malformed = |rule| {
                let text = String::from_utf8_lossy(&text).trim_end().to_owned();
                Error::Malformed { file: path.to_owned(), line, text, rule }
            };
            if line > MOST_REQUESTS {
                return Err(malformed("a trace has at most 2^26 requests"));
            }
            if line == 1 && text.trim_ascii().contains(&b' ') {
                trace.sizes = Some(Vec::new());
            }
            let (key, size) = numbers(&text).ok_or_else(|| malformed(trace.rule()))?;
            match (&mut trace.sizes, size) {
                (None, None) => (),
                (Some(sizes), Some(size)) => sizes.push(size),
                _ => return Err(malformed(trace.rule())),
            }
            trace.keys.push(key);
        }
        Ok(trace)
    }

    fn rule(&self) -> &'static str {
        match self.sizes {
            Some(_) => "each line must be a key and a size in bytes, as the first is",
            None => "each line must be one decimal key",
        }
    }
}

/// Reads one of the traces that stand beside the repository, in `../shared/traces` or where `PERFECT21_TRACES` says.
///
/// `name` is the file's name up to its endings: `web12`, `oltp`, `cpio`.
///
/// # Errors
///
/// [`Error::NoTrace`] where it is absent; else as [`Trace::read`].
///
/// # Examples
///
/// ```
/// use perfect21_test_support::{ErrorKind, trace};
///
/// match trace::shared("web12") {
///     Ok(web12) => assert_eq!(web12.keys().len(), 95_607),
///     Err(absent) => assert_eq!(absent.kind(), ErrorKind::Missing),
/// }
/// ```
pub fn shared(name: &str) -> Result<Trace, Error> {
    const BESIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/traces");
    let dir = env::var_os("PERFECT21_TRACES").filter(|dir| !dir.is_empty());
    let dir = dir.map_or_else(|| PathBuf::from(BESIDE), PathBuf::from);
    let files = ["txt.gz", "kw.txt.gz"].map(|ending| dir.join(format!("{name}.{ending}")));
    match files.iter().find(|file| file.is_file()) {
        Some(file) => Trace::read(file),
        None => Err(Error::NoTrace { name: name.to_owned(), looked: files[0].clone() }),
    }
}

/// One number, or two with a blank between them.
fn numbers(line: &[u8]) -> Option<(u64, Option<u64>)> {
    let line = std::str::from_utf8(line).ok()?;
    let line = line.strip_suffix('\n').map_or(line, |line| line.strip_suffix('\r').unwrap_or(line));
    match line.split_once(' ') {
        Some((key, size)) => Some((number(key)?, Some(number(size)?))),
        None => Some((number(line)?, None)),
    }
}

/// `parse` alone would take a plus sign too.
fn number(text: &str) -> Option<u64> {
    if text.starts_with('+') { None } else { text.parse().ok() }
}
