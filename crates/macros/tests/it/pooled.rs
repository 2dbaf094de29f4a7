//! `#[derive(Pooled)]` gives a type one pool for the whole program.

use perfect21_mem_pool::{Pooled, Reset};

#[derive(Default, Reset, Pooled)]
struct Reply {
    body: Vec<u8>,
}

#[derive(Reset, Pooled)]
#[pooled(create = Scratch::new)]
struct Scratch {
    #[reset(skip)]
    made_by: &'static str,
    words: Vec<String>,
}

impl Scratch {
    fn new() -> Self {
        Self { made_by: "new", words: Vec::with_capacity(8) }
    }
}

#[test]
fn an_object_comes_back_empty_with_its_memory() {
    let mut reply = Reply::pooled();
    reply.body.extend_from_slice(&[1; 1000]);
    let place = reply.body.as_ptr();
    drop(reply);
    let again = Reply::pooled();
    assert_eq!((again.body.len(), again.body.as_ptr()), (0, place));
    assert_eq!(Reply::pool().stats().made, 1);
}

#[test]
fn an_object_may_be_made_by_a_function_of_its_own() {
    let mut scratch = Scratch::pooled();
    assert_eq!((scratch.made_by, scratch.words.capacity()), ("new", 8));
    scratch.words.push("x".to_owned());
    drop(scratch);
    assert!(Scratch::pooled().words.is_empty());
}
