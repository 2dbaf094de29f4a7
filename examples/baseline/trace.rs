//! The request trace: which page is asked for after which.

use flate2::read::MultiGzDecoder;
use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

/// 95 607 requests for product pages of a shop (data/README.md says whose).
const WEB12: &[u8] = include_bytes!("../data/web12.txt.gz");

/// More would be a mistake: each request takes 4 bytes and each page a row of the database.
const MAX_REQUESTS: usize = 20_000_000;
const MAX_PAGES: usize = 1_000_000;

pub(crate) struct Trace {
    pub name: String,
    /// Pages in the order they are asked for, numbered from 0 by first appearance.
    pub order: Vec<u32>,
    pub pages: usize,
}

impl Trace {
    pub(crate) fn read(file: Option<&Path>) -> Result<Self, String> {
        let Some(path) = file else { return Self::parse("web12".to_owned(), WEB12) };
        let name = path.display().to_string();
        let open = File::open(path).map_err(|error| format!("trace {name}: {error}"))?;
        Self::parse(name, BufReader::new(open))
    }

    fn parse(name: String, mut raw: impl BufRead) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("trace {name}: {error}");
        let gzip = raw.fill_buf().map_err(failed)?.starts_with(&[0x1f, 0x8b]);
        let decoded: Box<dyn Read + '_> =
            if gzip { Box::new(MultiGzDecoder::new(raw)) } else { Box::new(raw) };
        let mut pages = HashMap::new();
        let mut order = Vec::new();
        for (number, line) in BufReader::new(decoded).lines().enumerate() {
            let line = line.map_err(failed)?;
            let Ok(page) = line.trim().parse::<u64>() else {
                let shown: String = line.chars().take(40).collect();
                return Err(format!("trace {name}: line {} is no page number: `{shown}`", number + 1));
            };
            let next = pages.len() as u32;
            order.push(*pages.entry(page).or_insert(next));
            if order.len() > MAX_REQUESTS || pages.len() > MAX_PAGES {
                return Err(format!(
                    "trace {name}: has more than {MAX_REQUESTS} requests or {MAX_PAGES} pages; cut it"
                ));
            }
        }
        if order.is_empty() {
            return Err(format!("trace {name}: is empty; it needs one page number a line"));
        }
        Ok(Self { name, order, pages: pages.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trace_that_ships_is_the_one_described() {
        let trace = Trace::read(None).unwrap();
        assert_eq!((trace.order.len(), trace.pages), (95_607, 13_756));
    }

    #[test]
    fn pages_are_numbered_by_first_appearance() {
        let trace = Trace::parse("t".to_owned(), &b"900\n7\r\n900\n"[..]).unwrap();
        assert_eq!((trace.order, trace.pages), (vec![0, 1, 0], 2));
    }

    #[test]
    fn malformed_traces_name_file_and_line() {
        for (bytes, named) in [
            (&b""[..], "is empty"),
            (b"1\nx2\n", "line 2 is no page number: `x2`"),
            (b"1\n\n", "line 2"),
            (b"\x1f\x8bgarbage", "trace t: "),
            (b"\xff\xff\n", "trace t: "),
        ] {
            let problem = Trace::parse("t".to_owned(), bytes).err().unwrap();
            assert!(problem.contains(named), "{problem}");
        }
    }
}
