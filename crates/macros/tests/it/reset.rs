//! `#[derive(Reset)]` resets every field its own way and keeps what collections have allocated.

use perfect21_mem_pool::Reset;
use std::collections::HashMap;

/// A type of another crate that can be cleared, and knows nothing of pools.
#[derive(Default)]
struct Foreign(Vec<u8>);

impl Foreign {
    fn clear(&mut self) {
        self.0.clear();
    }
}

#[derive(Default)]
struct Refuses(u32);

impl Reset for Refuses {
    fn reset(&mut self) -> bool {
        self.0 += 1;
        false
    }
}

fn halve(bytes: &mut Vec<u8>) -> bool {
    bytes.truncate(bytes.len() / 2);
    !bytes.is_empty()
}

#[derive(Reset)]
struct Everything {
    text: String,
    map: HashMap<String, u32>,
    number: i64,
    option: Option<String>,
    #[reset(skip)]
    id: u32,
    #[reset(default)]
    state: (u8, Foreign),
    #[reset(clear)]
    foreign: Foreign,
    #[reset(value = 200)]
    status: u16,
    #[reset(with = halve)]
    halved: Vec<u8>,
    #[reset(clear, max_capacity = 1024)]
    bounded: Vec<u8>,
}

fn everything() -> Everything {
    Everything {
        text: "text".into(),
        map: HashMap::from([("a".into(), 1)]),
        number: -7,
        option: Some("x".into()),
        id: 42,
        state: (3, Foreign(vec![1])),
        foreign: Foreign(Vec::with_capacity(99)),
        status: 404,
        halved: vec![1; 8],
        bounded: vec![2; 100],
    }
}

#[test]
fn each_field_is_reset_its_own_way_and_keeps_its_memory() {
    let mut all = everything();
    let (text, map) = (all.text.capacity(), all.map.capacity());
    assert!(all.reset());
    assert_eq!((all.text.as_str(), all.map.len(), all.number, all.option.as_deref()), ("", 0, 0, None));
    assert_eq!((all.id, all.state.0, all.state.1.0.len(), all.status), (42, 0, 0, 200));
    assert_eq!((all.foreign.0.capacity(), all.halved.len(), all.bounded.len()), (99, 4, 0));
    assert_eq!((all.text.capacity(), all.map.capacity()), (text, map));
}

#[test]
fn what_grew_beyond_its_bound_or_says_no_is_not_kept() {
    let mut grown = everything();
    grown.bounded.reserve(2000);
    assert!(!grown.reset());
    let mut empty = everything();
    empty.halved.clear();
    assert!(!empty.reset());
}

#[derive(Reset, Default)]
struct Tuple(Refuses, String, Refuses);

#[test]
fn every_field_is_reset_also_after_one_that_refuses() {
    let mut tuple = Tuple(Refuses(0), "x".into(), Refuses(5));
    assert!(!tuple.reset());
    assert_eq!((tuple.0.0, tuple.1.as_str(), tuple.2.0), (1, "", 6));
}

#[derive(Reset)]
struct Unit;

#[derive(Reset, Default, Debug, PartialEq)]
#[reset(default)]
enum State {
    #[default]
    Idle,
    Busy(String),
}

/// The bounds are those of the fields: `K` needs none.
#[derive(Reset)]
struct Generic<'a, K, T, const N: usize>
where
    K: Copy,
{
    #[reset(skip)]
    key: K,
    items: [T; N],
    #[reset(default)]
    last: Option<&'a T>,
}

mod renamed {
    pub(crate) use perfect21_mem_pool as pools;
}

#[derive(Reset)]
#[reset(crate = renamed::pools)]
struct Elsewhere(u8);

#[test]
fn units_enums_generics_and_other_paths_work() {
    assert!(Unit.reset());
    let mut state = State::Busy("x".into());
    assert!(state.reset());
    assert_eq!(state, State::Idle);
    #[derive(Clone, Copy)]
    struct NoReset(u8);
    let word = "x".to_owned();
    let mut generic = Generic { key: NoReset(1), items: ["a".to_owned()], last: Some(&word) };
    assert!(generic.reset());
    assert_eq!((generic.key.0, generic.items[0].as_str(), generic.last), (1, "", None));
    let mut elsewhere = Elsewhere(3);
    assert!(elsewhere.reset() && elsewhere.0 == 0);
}
