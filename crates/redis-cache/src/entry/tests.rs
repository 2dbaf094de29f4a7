use super::*;
use crate::{Json, Schema, SchemaWriter};
use proptest::prelude::*;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{collections::BTreeMap, fmt::Debug};

const LIMITS: Limits = Limits { max_value_bytes: 1 << 20, compression: None, compress_above: 64 };

fn stamp(tags: &[(Arc<str>, u64)]) -> Stamp<'_> {
    Stamp { scope: 3, written_ms: 1 << 40, fresh_ms: u64::MAX, load_us: 70_000, tags }
}

fn compressions() -> Vec<Option<Compression>> {
    vec![
        None,
        #[cfg(feature = "lz4")]
        Some(Compression::Lz4),
        #[cfg(feature = "zstd")]
        Some(Compression::Zstd(3)),
    ]
}

fn json<V: Serialize + DeserializeOwned>(value: &V) -> Vec<u8> {
    encode(Some(value), &Json, &LIMITS, &stamp(&[])).unwrap().to_vec()
}

fn read<V: DeserializeOwned + Serialize>(bytes: &[u8]) -> Result<Option<V>, Rejected> {
    decode(bytes, &Json, &LIMITS).map(|entry| entry.value)
}

/// An envelope of our own around any payload.
fn sealed(head: Head, payload: &[u8]) -> Vec<u8> {
    let mut bytes = envelope::start(&head, &[]).unwrap();
    bytes.extend_from_slice(payload);
    envelope::seal(&mut bytes);
    bytes
}

fn head(codec: u8, schema: u64, compression: u8) -> Head {
    Head { codec, absent: false, compression, schema, scope: 0, written_ms: 0, fresh_ms: 0, load_us: 0 }
}

#[test]
fn the_bytes_are_those_of_the_documentation() {
    let tags = [("ab".into(), 5)];
    let stamp = Stamp { scope: 1, written_ms: 2, fresh_ms: 3, load_us: 4, tags: &tags };
    let bytes = encode(Some(&17), &Json, &LIMITS, &stamp).unwrap();
    let mut expected = b"P2\x02\x01\0\x01".to_vec();
    let rest = b"\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x04\0\0\0\x02ab\x05\0\0\0\0\0\0\x0017";
    expected.extend_from_slice(&crc32fast::hash(&[&expected[..], rest].concat()).to_le_bytes());
    expected.extend_from_slice(rest);
    assert_eq!(bytes, expected);
}

#[test]
fn the_bound_is_exact() {
    let limits = |max_value_bytes| Limits { max_value_bytes, ..LIMITS };
    let bytes = encode(Some(&"abc".to_owned()), &Json, &limits(5), &stamp(&[])).unwrap();
    let error = encode(Some(&"abc".to_owned()), &Json, &limits(4), &stamp(&[])).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string()),
        (ErrorKind::TooLarge, "a value of 5 bytes or more is over max_value_bytes = 4".into())
    );
    assert_eq!(decode(&bytes, &Json, &limits(5)).unwrap().value, Some("abc".to_owned()));
    assert_eq!(decode::<String, _>(&bytes, &Json, &limits(4)).unwrap_err(), Rejected::TooLarge);
}

#[test]
fn what_json_cannot_say_is_an_error_with_its_cause() {
    let error = encode(Some(&BTreeMap::from([((1, 2), 3)])), &Json, &LIMITS, &stamp(&[])).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string()),
        (ErrorKind::Encode, "the codec cannot write the value".into())
    );
    let cause = std::error::Error::source(&error).unwrap();
    assert!(cause.is::<serde_json::Error>());
    assert_eq!(cause.to_string(), "key must be a string");
}

#[test]
fn too_many_tags_or_too_long_ones_are_refused() {
    for tags in [vec![("a".into(), 1); 256], vec![("a".repeat(256).into(), 1)]] {
        let error = encode(Some(&1), &Json, &LIMITS, &stamp(&tags)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
    }
    let most = vec![("a".repeat(255).into(), 1); 255];
    let bytes = encode(Some(&1), &Json, &LIMITS, &stamp(&most)).unwrap();
    assert_eq!(*decode::<i32, _>(&bytes, &Json, &LIMITS).unwrap().tags, *most);
}

#[test]
fn what_is_wrong_is_named() {
    let good = json(&17);
    let altered = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        read::<i32>(&bytes)
    };
    assert_eq!(read::<i32>(b""), Err(Rejected::Foreign));
    assert_eq!(read::<i32>(b"17"), Err(Rejected::Foreign));
    assert_eq!(read::<i32>(b"P2"), Err(Rejected::Length));
    assert_eq!(
        read::<i32>(b"P2\x01\x01\x02\0\0\0\xf6\x0e\xac\x0317"),
        Err(Rejected::Version),
        "as it was before"
    );
    assert_eq!(read::<i32>(&good[..45]), Err(Rejected::Length));
    assert_eq!(altered(0, b'Q'), Err(Rejected::Foreign));
    assert_eq!(altered(2, 3), Err(Rejected::Version));
    assert_eq!(altered(3, 9), Err(Rejected::Checksum));
    assert_eq!(altered(46, b'2'), Err(Rejected::Checksum));
    assert_eq!(read::<i32>(&[&good[..], b"x"].concat()), Err(Rejected::Checksum));
    assert_eq!(read::<i32>(&sealed(head(2, 0, 0), b"17")), Err(Rejected::Codec));
    assert_eq!(read::<i32>(&sealed(head(1, 1, 0), b"17")), Err(Rejected::Schema));
    assert_eq!(read::<i32>(&sealed(head(1, 0, 3), b"\x02\0\0\x0017")), Err(Rejected::Codec));
    assert_eq!(read::<i32>(&sealed(head(1, 0, 4), b"17")), Err(Rejected::Version));
    assert_eq!(read::<i32>(&sealed(Head { absent: true, ..head(1, 0, 0) }, b"17")), Err(Rejected::Length));
    assert_eq!(read::<i32>(&sealed(Head { absent: true, ..head(1, 0, 0) }, b"")), Ok(None));
    assert_eq!(read::<String>(&good), Err(Rejected::Type));
    assert_eq!(read::<u8>(&json(&300)), Err(Rejected::Type));
    let deep = "[".repeat(100_000);
    assert_eq!(read::<serde_json::Value>(&sealed(head(1, 0, 0), deep.as_bytes())), Err(Rejected::Type));
}

#[cfg(any(feature = "lz4", feature = "zstd"))]
mod compressed {
    use super::*;

    #[test]
    fn only_what_gains_is_compressed() {
        let same = "same ".repeat(1000);
        let mut random = fastrand::Rng::with_seed(7);
        let random: String = (0..5000).map(|_| random.alphanumeric()).collect();
        for compression in compressions().into_iter().flatten() {
            let limits = Limits { compression: Some(compression), ..LIMITS };
            let long = |value: &String, limits: &Limits| {
                let bytes = encode(Some(value), &Json, limits, &stamp(&[])).unwrap();
                assert_eq!(decode::<String, _>(&bytes, &Json, &LIMITS).unwrap().value.as_ref(), Some(value));
                bytes.len()
            };
            assert!(long(&same, &limits) < 200, "{compression:?}");
            assert_eq!(long(&same, &Limits { compress_above: 5002, ..limits }), 46 + 5002, "{compression:?}");
            assert!(long(&same, &Limits { compress_above: 5001, ..limits }) < 200, "{compression:?}");
            let plain = long(&random, &LIMITS);
            let gain = plain - long(&random, &limits);
            assert!(gain == 0 || gain > 500, "{compression:?}: {gain}");
        }
    }

    #[test]
    fn a_declared_length_is_not_believed() {
        for id in [
            #[cfg(feature = "lz4")]
            1,
            #[cfg(feature = "zstd")]
            2,
        ] {
            let with = |length: u32, packed: &[u8]| {
                read::<String>(&sealed(head(1, 0, id), &[&length.to_le_bytes()[..], packed].concat()))
            };
            assert_eq!(with(u32::MAX, b"abc"), Err(Rejected::TooLarge), "{id}");
            assert_eq!(with(1 << 20, b"abc"), Err(Rejected::Length), "{id}");
            assert_eq!(with(4, b"abc"), Err(Rejected::Length), "{id}");
            assert_eq!(read::<String>(&sealed(head(1, 0, id), b"abc")), Err(Rejected::Length), "{id}");
        }
        // More than was declared.
        for compression in compressions().into_iter().flatten() {
            let limits = Limits { compression: Some(compression), ..LIMITS };
            let mut bytes = encode(Some(&"a".repeat(1000)), &Json, &limits, &stamp(&[])).unwrap().to_vec();
            for declared in [1001_u32, 1003] {
                bytes[46..50].copy_from_slice(&declared.to_le_bytes());
                envelope::seal(&mut bytes);
                assert_eq!(read::<String>(&bytes), Err(Rejected::Length), "{compression:?}, {declared}");
            }
        }
    }
}

/// With all that formats treat differently.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Sample {
    number: u64,
    small: i8,
    big: i128,
    float: f64,
    text: String,
    letter: char,
    maybe: Option<Box<Self>>,
    list: Vec<Shape>,
    map: BTreeMap<String, (u16, bool)>,
    nothing: (),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Shape {
    Empty,
    One(u32),
    Two(String, f32),
    Named { x: Option<i64>, bytes: [u8; 3] },
}

impl Schema for Sample {
    fn describe(to: &mut SchemaWriter) {
        to.word("Sample");
    }
}

fn shapes() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::Empty),
        any::<u32>().prop_map(Shape::One),
        (any::<String>(), prop::num::f32::NORMAL).prop_map(|(text, float)| Shape::Two(text, float)),
        any::<(Option<i64>, [u8; 3])>().prop_map(|(x, bytes)| Shape::Named { x, bytes }),
    ]
}

fn samples() -> impl Strategy<Value = Sample> {
    let leaf = (
        any::<(u64, i8, i128, String, char)>(),
        prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
        prop::collection::vec(shapes(), 0..4),
        prop::collection::btree_map(any::<String>(), any::<(u16, bool)>(), 0..4),
    )
        .prop_map(|((number, small, big, text, letter), float, list, map)| Sample {
            number,
            small,
            big,
            float,
            text,
            letter,
            maybe: None,
            list,
            map,
            nothing: (),
        });
    leaf.prop_recursive(4, 8, 1, |inner| {
        (inner.clone(), inner).prop_map(|(outer, inner)| Sample { maybe: Some(Box::new(inner)), ..outer })
    })
}

/// The laws of each codec, with each compression.
fn holds<C: Codec<Sample> + Debug>(
    codec: &C,
    sample: &Sample,
    flip: prop::sample::Index,
) -> Result<(), TestCaseError> {
    let tags = [("a".into(), 1), (sample.text.chars().take(60).collect::<String>().into(), u64::MAX)];
    for compression in compressions() {
        let limits = Limits { compression, ..LIMITS };
        let bytes = encode(Some(sample), codec, &limits, &stamp(&tags)).unwrap();
        let entry = decode(&bytes, codec, &LIMITS).unwrap();
        prop_assert_eq!(entry.value.as_ref(), Some(sample));
        prop_assert_eq!(
            (entry.scope, entry.written_ms, entry.fresh_ms, entry.load_us),
            (3, 1 << 40, u64::MAX, 70_000)
        );
        prop_assert_eq!(&*entry.tags, &tags[..]);
        let mut flipped = bytes.to_vec();
        let bit = flip.index(flipped.len() * 8);
        flipped[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(
            decode(&flipped, codec, &LIMITS).is_err(),
            "bit {} of {:?}, {:?}",
            bit,
            codec,
            compression
        );
        let cut = &bytes[..flip.index(bytes.len())];
        prop_assert!(
            decode(cut, codec, &LIMITS).is_err(),
            "cut to {} of {:?}, {:?}",
            cut.len(),
            codec,
            compression
        );
    }
    Ok(())
}

/// Whatever the payload, also where the envelope vouches for it.
fn survives<C: Codec<Sample>>(codec: &C, payload: &[u8], compression: u8) {
    let bytes = sealed(head(codec.id(), codec.schema(), compression), payload);
    let _ = decode(&bytes, codec, &LIMITS);
    let _ = decode(payload, codec, &LIMITS);
}

proptest! {
    #[test]
    fn json_keeps_its_laws(sample in samples(), flip: prop::sample::Index, payload: Vec<u8>, compression in 0_u8..4) {
        holds(&Json, &sample, flip)?;
        survives(&Json, &payload, compression);
    }

    #[cfg(feature = "bincode")]
    #[test]
    fn bincode_keeps_its_laws(sample in samples(), flip: prop::sample::Index, payload: Vec<u8>, compression in 0_u8..4) {
        holds(&crate::Bincode, &sample, flip)?;
        survives(&crate::Bincode, &payload, compression);
    }

    #[cfg(feature = "postcard")]
    #[test]
    fn postcard_keeps_its_laws(sample in samples(), flip: prop::sample::Index, payload: Vec<u8>, compression in 0_u8..4) {
        holds(&crate::Postcard, &sample, flip)?;
        survives(&crate::Postcard, &payload, compression);
    }

    #[test]
    fn every_float_comes_back(float in prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL) {
        prop_assert_eq!(read::<f64>(&json(&float)), Ok(Some(float)));
    }
}
