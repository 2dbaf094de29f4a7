//! The payloads of values in Redis: any bytes are refused or a whole value in each codec, never a panic, an endless loop or
//! room for what is not there; and what is read is written and read again as itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use perfect21_redis_cache::{Bincode, Codec, Json, Postcard, Schema, SchemaWriter};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// With all that formats treat differently.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Sample {
    number: u64,
    signed: i128,
    text: String,
    letter: char,
    maybe: Option<Box<Self>>,
    shapes: Vec<Shape>,
    map: BTreeMap<String, VecDeque<bool>>,
    nothing: Vec<()>,
    nested: Vec<Vec<Vec<()>>>,
    bytes: [u8; 3],
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Empty,
    One(u32),
    Two(String, i8),
    Named { x: Option<i64>, unit: () },
}

impl Schema for Sample {
    fn describe(to: &mut SchemaWriter) {
        to.word("Sample");
    }
}

fn holds(codec: &impl Codec<Sample>, bytes: &[u8]) {
    if let Ok(sample) = codec.decode(bytes) {
        let mut written = Vec::new();
        codec.encode(&sample, &mut written).expect("what was read can be written");
        // What is at a bound may be over it when it is written shorter.
        if let Ok(again) = codec.decode(&written) {
            assert_eq!(again, sample);
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    holds(&Json, bytes);
    holds(&Bincode, bytes);
    holds(&Postcard, bytes);
});
