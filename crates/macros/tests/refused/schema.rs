use perfect21_redis_cache::Schema;
use serde::{Deserialize, Serialize};

struct Foreign;

#[derive(Schema)]
struct Holder {
    foreign: Foreign,
}

#[derive(Serialize, Deserialize, Schema)]
#[serde(untagged)]
enum Untagged {
    Number(u32),
}

#[derive(Serialize, Deserialize, Schema)]
#[serde(tag = "type")]
enum Tagged {
    Number { number: u32 },
}

#[derive(Serialize, Deserialize, Schema)]
struct Sometimes {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    number: Option<u32>,
}

#[derive(Serialize, Deserialize, Schema)]
struct Flat {
    #[serde(flatten)]
    inner: Sometimes,
}

#[derive(Serialize, Deserialize, Schema)]
struct OneWay {
    #[serde(skip_deserializing)]
    number: u32,
}

#[derive(Serialize, Deserialize, Schema)]
enum LeftOut {
    #[serde(skip)]
    First,
    Second,
}

#[derive(Clone, Serialize, Deserialize, Schema)]
#[serde(into = "u64")]
struct Number {
    number: u32,
}

impl From<Number> for u64 {
    fn from(number: Number) -> Self {
        number.number.into()
    }
}

#[derive(Schema)]
struct Wrong {
    #[schema(name = "b")]
    a: u32,
}

#[derive(Schema)]
union Either {
    number: u32,
    bytes: [u8; 4],
}

fn main() {}
