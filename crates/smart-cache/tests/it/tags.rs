//! Invalidation by tag: at once, for loads under way too, and never missed for a tag that was forgotten.

use perfect21_smart_cache::{
    Cache, Tags,
    tag::{Tagged, TooManyTags},
};
use proptest::prelude::*;
use std::{
    collections::{HashMap, HashSet},
    thread,
};

type Pages = Cache<u32, Tagged<u64>>;

fn pages() -> Pages {
    Cache::builder().build().unwrap()
}

fn put(pages: &Pages, tags: &Tags, key: u32, names: &[&str]) {
    pages.insert(key, tags.tag(tags.begin(), u64::from(key), names).unwrap()).unwrap();
}

#[test]
fn a_tag_takes_all_its_values_and_no_others() {
    let (pages, tags) = (pages(), Tags::new());
    put(&pages, &tags, 1, &["a", "b"]);
    put(&pages, &tags, 2, &["b"]);
    put(&pages, &tags, 3, &[]);
    tags.invalidate("a");
    tags.invalidate("nobody has it");
    assert_eq!([1, 2, 3].map(|key| pages.get_current(&key)), [None, Some(2), Some(3)]);
    put(&pages, &tags, 1, &["a"]);
    assert_eq!(pages.get_current(&1), Some(1));
    tags.invalidate_all();
    assert_eq!([1, 2, 3].map(|key| pages.get_current(&key)), [None, None, Some(3)]);
    assert_eq!(pages.len(), 1, "what is out of date makes room when it is asked for");
}

#[test]
fn a_load_that_began_before_an_invalidation_is_out_of_date_from_the_start() {
    let (pages, tags) = (pages(), Tags::new());
    for known in [true, false] {
        if known {
            put(&pages, &tags, 9, &["late"]);
        }
        let began = tags.begin();
        tags.invalidate("late"); // the load learns only afterwards that it has this tag
        let page = tags.tag(began, 1, ["late"]).unwrap();
        assert!(!page.is_current(), "known: {known}");
        assert!(tags.tag(tags.begin(), 1, ["late"]).unwrap().is_current());
        pages.clear();
    }
}

#[test]
fn an_invalidation_is_not_missed_for_a_tag_that_was_forgotten() {
    let (pages, tags) = (pages(), Tags::with_max(64));
    put(&pages, &tags, 1, &["gone"]);
    let began = tags.begin();
    tags.invalidate("gone");
    pages.clear();
    // So many others that it is forgotten.
    for round in 0..10 {
        let held: Vec<_> = (0..63).map(|n| tags.tag(began, 0, [format!("{round}-{n}")]).unwrap()).collect();
        assert!(tags.len() <= 64);
        drop(held);
    }
    assert!(!tags.tag(began, 1, ["gone"]).unwrap().is_current());
}

#[test]
fn tags_are_bounded_and_those_without_values_make_room() {
    let tags = Tags::with_max(3);
    let held: Vec<_> = ["a", "b", "c"].map(|tag| tags.tag(tags.begin(), 0, [tag]).unwrap()).into();
    let error = tags.tag(tags.begin(), 0, ["d"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the tag \"d\" is one too many: 3 have values, which is as many as there may be"
    );
    assert!(tags.tag(tags.begin(), 0, ["a", "b"]).is_ok(), "those that are known go on");
    drop(held);
    assert!(tags.tag(tags.begin(), 0, ["d", "e", "f"]).is_ok());
}

#[tokio::test]
async fn who_asks_after_an_invalidation_gets_no_load_that_began_before() {
    let (pages, tags) = (pages(), Tags::new());
    let (bring, brought) = tokio::sync::oneshot::channel::<u64>();
    let early = tokio::spawn({
        let (pages, tags) = (pages.clone(), tags.clone());
        async move {
            let load = || async { Ok::<_, TooManyTags>((brought.await.unwrap(), ["a"])) };
            pages.get_or_load_tagged(1, &tags, load).await
        }
    });
    tokio::task::yield_now().await;
    tags.invalidate("a");
    let late = tokio::spawn({
        let (pages, tags) = (pages.clone(), tags.clone());
        async move { pages.get_or_load_tagged(1, &tags, || async { Ok::<_, TooManyTags>((2, ["a"])) }).await }
    });
    tokio::task::yield_now().await;
    bring.send(1).unwrap();
    assert_eq!(early.await.unwrap(), Ok(1), "it had asked before");
    assert_eq!(late.await.unwrap(), Ok(2));
    assert_eq!(pages.get_current(&1), Some(2));
}

/// A writer changes the source and then invalidates; no reader who asks after that sees what was before.
#[test]
fn readers_never_see_what_was_invalidated_before_they_asked() {
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
    let (pages, tags) = (pages(), Tags::new());
    let (source, told) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            for version in 1..=2000 {
                source.store(version, SeqCst);
                tags.invalidate("source");
                told.store(version, SeqCst);
            }
        });
        for _ in 0..2 {
            scope.spawn(|| {
                while told.load(SeqCst) < 2000 {
                    let least = told.load(SeqCst);
                    let seen = pages.get_current(&1).unwrap_or_else(|| {
                        let began = tags.begin();
                        let value = source.load(SeqCst);
                        let page = tags.tag(began, value, ["source"]).unwrap();
                        pages.insert(1, page).unwrap();
                        value
                    });
                    assert!(seen >= least, "{seen} after {least}");
                }
            });
        }
    });
}

proptest! {
    /// Beside a plain model: a value is current until one of its tags is invalidated.
    #[test]
    fn values_are_current_exactly_as_long_as_their_tags(
        steps in prop::collection::vec((0..3_u8, 0..8_u32, prop::collection::vec(0..5_usize, 0..3)), 1..200)
    ) {
        const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
        let (pages, tags, mut model) = (pages(), Tags::new(), HashMap::<u32, HashSet<usize>>::new());
        for (what, key, names) in steps {
            match what {
                0 => {
                    put(&pages, &tags, key, &names.iter().map(|name| NAMES[*name]).collect::<Vec<_>>());
                    model.insert(key, names.into_iter().collect());
                }
                1 => names.into_iter().for_each(|name| {
                    tags.invalidate(NAMES[name]);
                    model.retain(|_, its| !its.contains(&name));
                }),
                _ => prop_assert_eq!(pages.get_current(&key).is_some(), model.contains_key(&key)),
            }
        }
    }
}

/// Names that are made as they are asked for, by code that uses the tags itself.
#[test]
fn names_may_come_from_code_that_uses_the_tags() {
    let tags = Tags::new();
    let names = (0..3).map(|n| {
        tags.invalidate("other");
        format!("{}-{n}", tags.len())
    });
    assert!(tags.tag(tags.begin(), 0, names).is_ok());
    assert_eq!(tags.len(), 3);
}
