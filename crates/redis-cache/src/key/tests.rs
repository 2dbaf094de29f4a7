use super::*;
use bytes::Bytes;
use proptest::prelude::*;
use std::{borrow::Cow, collections::HashSet, num::NonZero, sync::Arc};

fn written(key: impl Key) -> String {
    let mut writer = KeyWriter::reusing(String::new(), "");
    key.write(&mut writer);
    writer.finish()
}

#[test]
fn keys_are_readable() {
    for (text, expected) in [
        (written(17), "17"),
        (written(-3_i8), "-3"),
        (written(NonZero::new(200_u8)), "some(200)"),
        (written("alice@example.org"), "'alice@example.org"),
        (written((17_u8, "a:b".to_owned())), "(17,'a%3Ab)"),
        (written((1, ("x", 2), "é{*}\n")), "(1,('x,2),'%C3%A9%7B%2A%7D%0A)"),
        (written(('é', true, ())), "(c'%C3%A9,true,())"),
        (written((None::<u8>, Some("a"))), "(none,some('a))"),
        (written(vec![1_u64, 2]), "list(1,2)"),
        (written([["a"; 2]; 2]), "list(list('a,'a),list('a,'a))"),
        (written(b"\x0a\xff"), "x0aff"),
        (written(Bytes::from_static(b"ab")), "x6162"),
        (written((Box::new(1_u8), Arc::<str>::from("a"), Cow::Borrowed("b"))), "(1,'a,'b)"),
        (written((1, 2, 3, 4, 5, 6, 7, 8)), "(1,2,3,4,5,6,7,8)"),
        (written(ForUser(17, "cart")), "user(17,'cart)"),
        (written(InSlot(17, "cart")), "{17}'cart"),
    ] {
        assert_eq!(text, expected);
    }
}

#[test]
fn keys_that_look_alike_differ() {
    let keys = [
        // A 32-bit hash of their arguments takes these for the same.
        written(ForUser(9602, "profile")),
        written(ForUser(18036, "profile")),
        written([56568]),
        written([170_524]),
        // Separators.
        written(("a:b", "c")),
        written(("a", "b:c")),
        written(("a", "b", "c")),
        written((("a", "b"), "c")),
        written(("a", ("b", "c"))),
        written(("a,'b", "c")),
        written("(a,b)"),
        written(("a", "1&b=2")),
        written((("a", "1"), ("b", "2"))),
        written("a=1,b=2"),
        written("a=1&b=2"),
        // Types.
        written(1),
        written("1"),
        written('1'),
        written(true),
        written("True"),
        written("true"),
        written(None::<u8>),
        written("None"),
        written("none"),
        written(Some(1)),
        written(Some(Some(1))),
        written(Some(None::<u8>)),
        written((1,)),
        written([1_u8]),
        written([1_u16]),
        written("01"),
        written("x01"),
        written(()),
        written(""),
        written([(); 0]),
        written([0_u8; 0]),
        written([()]),
        written([""]),
        written(ForUser("1", "2")),
        written(("1", "2")),
        written("user('1,'2)"),
        written(InSlot(1, 2)),
        written("{1}2"),
        written(InSlot(1, InSlot(2, 3))),
        written(InSlot(InSlot(1, 2), 3)),
        written("%41"),
        written("A"),
        written(" A"),
        written("#"),
    ];
    for (i, key) in keys.iter().enumerate() {
        assert!(!keys[..i].contains(key), "{key}");
    }
}

#[test]
fn long_keys_end_in_a_hash() {
    assert_eq!(written("a".repeat(199)).len(), 200);
    let cut = written("a".repeat(200));
    assert_eq!(cut, format!("'{}#{}", "a".repeat(149), "cf5462c77441b3070b4f18788810c2ea"));
    let mut met = HashSet::new();
    for length in 150..1000 {
        let key = written("a".repeat(length));
        assert!(key.len() <= 200);
        assert!(met.insert(written(&key)) & met.insert(key), "{length}");
    }
    assert!(met.insert(written(format!("{}#{}", "a".repeat(149), &cut[151..]))));
}

#[test]
fn a_prefix_is_not_part_of_the_key() {
    let prefix = "p".repeat(300);
    let mut writer = KeyWriter::reusing("another key".to_owned(), &prefix);
    17.write(&mut writer);
    assert_eq!(writer.finish(), format!("{prefix}17"));
    let mut writer = KeyWriter::reusing(String::new(), &prefix);
    "a".repeat(300).write(&mut writer);
    assert_eq!(writer.finish(), format!("{prefix}{}", written("a".repeat(300))));
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(
            crc ^ u16::from(*byte) << 8,
            |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 },
        )
    })
}

fn slot(key: &str) -> u16 {
    let decides = hash_tag(key).map_or(key, |tag| &key[tag]);
    crc16(decides.as_bytes()) % 16384
}

#[test]
fn slots_are_those_of_a_cluster() {
    // By `CLUSTER KEYSLOT`.
    for (key, expected) in [
        ("123456789", 12739),
        ("foo", 12182),
        ("{foo}bar", 12182),
        ("foo{}{bar}", 8363),
        ("foo{{bar}}zap", 4015),
    ] {
        assert_eq!(slot(key), expected, "{key}");
    }
}

#[test]
fn what_lies_beside_a_key_is_in_its_slot() {
    for key in [
        "n:c:17".to_owned(),
        written("a".repeat(500)),
        written(InSlot("a", 17)),
        written(InSlot("a".repeat(300), 17)),
    ] {
        let other = beside(&key, "!lease");
        assert_eq!(slot(&other), slot(&key), "{other}");
        assert_ne!(other, key);
    }
}

#[test]
fn one_tag_is_one_slot() {
    for tag in ["a".to_owned(), "a".repeat(60), "a".repeat(100), "a".repeat(1000)] {
        let long = "b".repeat(500);
        let keys = [
            written(InSlot(&tag, 1)),
            written(InSlot(&tag, &long)),
            written((1, InSlot(&tag, 1))),
            written((&long, InSlot(&tag, 1))),
            written((&long, InSlot(&tag, 2))),
            written(("b".repeat(140), InSlot(&tag, &long))),
            format!("{}{}", "another:cache:", written(InSlot(&tag, true))),
        ];
        let distinct: HashSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
        for key in &keys {
            assert_eq!(slot(key), slot(&keys[0]), "{key}");
            assert!(key.len() <= 214, "{key}");
        }
    }
    assert_ne!(slot(&written(InSlot("a", 1))), slot(&written(InSlot("b", 1))));
}

proptest! {
    #[test]
    fn texts_never_collide(a: (String, String), b: (String, String)) {
        prop_assert_eq!(a == b, written(&a) == written(&b));
        prop_assert_eq!(a == b, written(ForUser(&a.0, &a.1)) == written(ForUser(&b.0, &b.1)));
        prop_assert_eq!(a == b, written(InSlot(&a.0, &a.1)) == written(InSlot(&b.0, &b.1)));
        prop_assert_eq!(a == b, written([&a.0, &a.1]) == written([&b.0, &b.1]));
        prop_assert_eq!(a.0 == b.0, written(a.0.as_bytes()) == written(b.0.as_bytes()));
    }

    #[test]
    fn what_lies_beside_any_key_is_in_its_slot(tag: String, text in "\\PC{0,150}") {
        for key in [written((&tag, &text)), written((&text, InSlot(&tag, &text)))] {
            prop_assert_eq!(slot(&beside(&key, "!lease")), slot(&key));
        }
        prop_assert_eq!(slot(&written((&text, InSlot(&tag, &text)))), slot(&written(InSlot(&tag, 1))));
    }

    #[test]
    fn a_text_is_plain_ascii_without_separators(text: String) {
        let key = written(&text);
        prop_assert!(key.bytes().all(|byte| byte.is_ascii_graphic()));
        let separates = key.contains([':', ',', '(', ')', '{', '}', '*', '?', '[', '\\']);
        prop_assert!(!separates);
    }
}
