//! Dump and warm start: what stays hot, what time goes on, and bytes that are cut, changed or somebody else's.

use perfect21_core::{Clock as _, ManualClock};
use perfect21_smart_cache::{
    Cache,
    snapshot::{RestoreError, Restored},
};
use proptest::prelude::*;
use std::{
    error::Error as _,
    io::{self, Read},
    sync::Arc,
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);
const FORMAT: &str = "numbers 1";

fn encode(key: &u32, value: &u64, record: &mut Vec<u8>) {
    record.extend_from_slice(&key.to_le_bytes());
    record.extend_from_slice(&value.to_le_bytes());
}

fn decode(record: &[u8]) -> Option<(u32, u64)> {
    let (key, value) = record.split_first_chunk()?;
    Some((u32::from_le_bytes(*key), u64::from_le_bytes(value.try_into().ok()?)))
}

fn cache(max_entries: usize, clock: &ManualClock) -> Cache<u32, u64> {
    Cache::builder().max_entries(max_entries).clock(Arc::new(clock.clone())).build().unwrap()
}

fn dumped(cache: &Cache<u32, u64>) -> Vec<u8> {
    let mut bytes = Vec::new();
    assert_eq!(cache.dump(&mut bytes, FORMAT, encode).unwrap(), cache.len() as u64);
    bytes
}

fn restored(entries: u64, expired: u64, known: u64, left_out: u64) -> impl Fn(&Restored) -> bool {
    move |restored| {
        (restored.entries, restored.expired, restored.known, restored.left_out)
            == (entries, expired, known, left_out)
    }
}

#[test]
fn what_was_there_is_there_again_with_the_time_it_had_left() {
    let clock = ManualClock::new();
    let before = cache(100, &clock);
    before.insert(1, 10).unwrap();
    before.insert_with_ttl(2, 20, 10 * SECOND).unwrap();
    before.insert_with_ttl(3, 30, 60 * SECOND).unwrap();
    clock.advance(SECOND);
    let bytes = dumped(&before);

    // Nine seconds later, in another process.
    let later = ManualClock::new();
    later.set_wall(clock.wall() + 9 * SECOND);
    let after = cache(100, &later);
    let done = after.restore(&bytes[..], FORMAT, decode).unwrap();
    assert!(restored(2, 1, 0, 0)(&done), "{done:?}");
    assert_eq!([1, 2, 3].map(|key| after.get(&key)), [Some(10), None, Some(30)]);
    later.advance(50 * SECOND - Duration::from_millis(1));
    assert_eq!(after.get(&3), Some(30));
    later.advance(Duration::from_millis(1));
    assert_eq!([1, 3].map(|key| after.get(&key)), [Some(10), None]);
}

#[test]
fn a_wall_clock_that_went_back_lengthens_no_life() {
    let clock = ManualClock::new();
    let before = cache(100, &clock);
    before.insert_with_ttl(1, 10, 10 * SECOND).unwrap();
    let bytes = dumped(&before);
    let later = ManualClock::new();
    later.set_wall(clock.wall() - 3600 * SECOND);
    let after = cache(100, &later);
    after.restore(&bytes[..], FORMAT, decode).unwrap();
    later.advance(10 * SECOND);
    assert_eq!(after.get(&1), None);
}

#[test]
fn the_hottest_come_first_and_what_is_there_already_stays() {
    let clock = ManualClock::new();
    let before = cache(400, &clock);
    (0..400).for_each(|key| before.insert(key, 1).unwrap());
    for _ in 0..3 {
        assert!((100..150).all(|key| before.get(&key) == Some(1)));
    }
    let bytes = dumped(&before);
    let after = cache(60, &clock);
    after.insert(100, 2).unwrap();
    let done = after.restore(&bytes[..], FORMAT, decode).unwrap();
    assert!(restored(59, 0, 1, 340)(&done), "{done:?}");
    assert_eq!(after.get(&100), Some(2));
    assert!((101..150).all(|key| after.get(&key) == Some(1)), "all that were asked for often");
}

#[test]
fn a_byte_bound_holds_during_a_restore() {
    let clock = ManualClock::new();
    let bytes = {
        let before = cache(100, &clock);
        (0..100).for_each(|key| before.insert(key, 1).unwrap());
        dumped(&before)
    };
    let builder = Cache::<u32, u64>::builder().max_bytes(500).weigher(|_, _| 100);
    let after = builder.build().unwrap();
    let done = after.restore(&bytes[..], FORMAT, decode).unwrap();
    assert!(restored(5, 0, 0, 95)(&done), "{done:?}");
    assert_eq!(after.bytes(), 500);
}

#[test]
fn what_is_not_ours_is_refused() {
    let clock = ManualClock::new();
    let before = cache(10, &clock);
    before.insert(1, 10).unwrap();
    let bytes = dumped(&before);
    let after = cache(10, &clock);
    for foreign in [&b""[..], b"P21", b"GIF89a..........", b"P21SNAP\x02......................"] {
        let error = after.restore(foreign, FORMAT, decode).unwrap_err();
        assert_eq!(error.to_string(), "this is no snapshot of version 1");
    }
    let error = after.restore(&bytes[..], "numbers 2", decode).unwrap_err();
    assert_eq!(error.to_string(), "this is a snapshot of \"numbers 1\", not of \"numbers 2\"");
    let error = after.restore(&bytes[..], FORMAT, |_| None).unwrap_err();
    assert_eq!(error.to_string(), "a record after 0 entries cannot be decoded");
    assert!(after.is_empty());
    let name = "x".repeat(256);
    let error = before.dump(io::sink(), &name, encode).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (io::ErrorKind::InvalidInput, "the format's name has 256 bytes, and 255 are the most")
    );
}

#[test]
fn a_reader_that_fails_is_told_with_what_was_restored_before() {
    struct Broken<'a>(&'a [u8]);
    impl Read for Broken<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() { Err(io::Error::other("the disk is gone")) } else { self.0.read(into) }
        }
    }
    let clock = ManualClock::new();
    let before = cache(10, &clock);
    (0..10).for_each(|key| before.insert(key, 1).unwrap());
    let bytes = dumped(&before);
    let after = cache(10, &clock);
    let error = after.restore(Broken(&bytes[..bytes.len() - 20]), FORMAT, decode).unwrap_err();
    assert_eq!(error.to_string(), "the snapshot cannot be read after 9 entries");
    assert_eq!(error.source().unwrap().to_string(), "the disk is gone");
    assert_eq!(after.len(), 9);
}

proptest! {
    /// Cut anywhere, or with any byte changed: an error, and nothing that was not there.
    #[test]
    fn no_wrong_entry_comes_of_damaged_bytes(at in 0.0..1.0_f64, change in prop::option::of(1..=255_u8)) {
        let clock = ManualClock::new();
        let before = cache(50, &clock);
        (0..50).for_each(|key| before.insert(key, u64::from(key) * 7).unwrap());
        let mut bytes = dumped(&before);
        let at = (bytes.len() as f64 * at) as usize;
        match change {
            Some(change) => bytes[at] ^= change,
            None => bytes.truncate(at),
        }
        let after = cache(50, &clock);
        let error = after.restore(&bytes[..], FORMAT, decode).unwrap_err();
        let expected = match change {
            _ if at < 8 => matches!(error, RestoreError::Foreign),
            Some(_) => !matches!(error, RestoreError::Foreign | RestoreError::Io { .. }),
            None => matches!(error, RestoreError::Cut { .. }),
        };
        prop_assert!(expected, "at {}: {}", at, error);
        after.for_each(|key, value| assert_eq!(*value, u64::from(*key) * 7));
    }
}
