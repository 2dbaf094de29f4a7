//! Traces: every shape is read, and a wrong line is named.

use std::{error::Error as _, fs, io::Write, path::PathBuf};

use flate2::{Compression, write::GzEncoder};
use perfect21_test_support::{
    Error, ErrorKind,
    trace::{self, Trace},
};
use tempfile::TempDir;

fn file(dir: &TempDir, name: &str, content: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, content).unwrap();
    path
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn read(content: &str) -> Result<Trace, Error> {
    let dir = TempDir::new().unwrap();
    let plain = Trace::read(file(&dir, "t.txt", content.as_bytes()));
    let packed = Trace::read(file(&dir, "t.txt.gz", &gzip(content.as_bytes())));
    assert_eq!(plain.as_ref().ok(), packed.as_ref().ok(), "{content:?}");
    plain
}

#[test]
fn both_shapes_are_read() {
    for (content, keys, sizes) in [
        ("", vec![], None),
        ("7\n", vec![7], None),
        ("7\n7\n18446744073709551615", vec![7, 7, u64::MAX], None),
        ("7\r\n8\r\n", vec![7, 8], None),
        ("0 512\n1 40\n", vec![0, 1], Some(vec![512, 40])),
    ] {
        let trace = read(content).unwrap();
        assert_eq!(trace.keys(), keys, "{content:?}");
        assert_eq!(trace.sizes(), sizes.as_deref(), "{content:?}");
    }
    let stats = read("1\n2\n1\n1\n").unwrap().stats();
    assert_eq!((stats.requests, stats.distinct, stats.best_hit_ratio), (4, 2, Some(0.5)));
    assert_eq!(read("").unwrap().stats().best_hit_ratio, None);
}

#[test]
fn a_wrong_line_is_named_with_its_number_and_text() {
    let long = "9".repeat(200);
    for (content, number, found) in [
        ("1\nbanana\n3\n", 2, "banana"),
        ("1\n\n3\n", 2, ""),
        ("1\n-2\n", 2, "-2"),
        ("+1\n", 1, "+1"),
        ("1\n2 30\n", 2, "2 30"),
        ("1 10\n2\n", 2, "2"),
        ("1 10 5\n", 1, "1 10 5"),
        (" 1\n", 1, " 1"),
        ("18446744073709551616\n", 1, "18446744073709551616"),
        (&format!("1\n{long}\n"), 2, &long[..64]),
    ] {
        match read(content).unwrap_err() {
            Error::Malformed { line, text, .. } => {
                assert_eq!((line, text.as_str()), (number, found), "{content:?}");
            }
            other => panic!("{content:?} gave {other:?}"),
        }
    }
    let sentence = read("1\nbanana\n").unwrap_err().to_string();
    assert!(
        sentence.ends_with(r#"t.txt:2: each line must be one decimal key, found "banana""#),
        "{sentence}"
    );
}

#[test]
fn a_file_that_is_absent_or_no_gzip_or_cut_short_is_an_error() {
    let dir = TempDir::new().unwrap();
    let whole = gzip("123\n".repeat(1000).as_bytes());
    for (name, content) in
        [("no.txt.gz", &b"1\n2\n"[..]), ("short.txt.gz", &whole[..whole.len() / 2]), ("empty.txt.gz", b"")]
    {
        let error = Trace::read(file(&dir, name, content)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{name}");
        assert!(error.to_string().contains(name), "{error}");
        assert!(!error.to_string().contains(&error.source().unwrap().to_string()), "{error}");
    }
    assert_eq!(Trace::read(dir.path().join("absent")).unwrap_err().kind(), ErrorKind::Io);
}

#[test]
fn a_shared_trace_is_read_or_said_to_be_absent() {
    let absent = trace::shared("no-such-trace").unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::Missing);
    let sentence = absent.to_string();
    assert!(sentence.contains("no-such-trace.txt.gz") && sentence.contains("PERFECT21_TRACES"), "{sentence}");

    // The table beside the traces; on a machine without them only the sentence above is tested.
    for (name, requests, distinct, best) in [
        ("web12", 95_607, 13_756, 0.8561),
        ("sprite", 133_996, 7_075, 0.9472),
        ("multi3", 30_241, 7_454, 0.7535),
        ("cpio", 113_872, 48_974, 0.5699),
    ] {
        match trace::shared(name) {
            Ok(trace) => {
                let stats = trace.stats();
                assert_eq!((stats.requests, stats.distinct), (requests, distinct), "{name}");
                assert!((stats.best_hit_ratio.unwrap() - best).abs() < 0.000_06, "{name}: {stats:?}");
                assert_eq!(trace.sizes().is_some(), name == "cpio", "{name}");
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Missing, "{error}"),
        }
    }
}
