use super::*;
use http::HeaderValue;
use proptest::prelude::*;

fn headers(lines: &[&str]) -> HeaderMap {
    lines.iter().map(|line| (header::CACHE_CONTROL, HeaderValue::from_str(line).unwrap())).collect()
}

fn answer(lines: &[&str]) -> AnswerDirectives {
    of_answer(&headers(lines))
}

#[test]
fn a_lifetime_is_read_and_s_maxage_wins() {
    for (lines, lifetime) in [
        (&["max-age=60"][..], Some(60)),
        (&["MAX-AGE=60"], Some(60)),
        (&["public, max-age=60 , s-maxage=5"], Some(5)),
        (&["s-maxage=0, max-age=60"], Some(0)),
        (&["max-age=60", "max-age=60"], Some(60)),
        (&[", ,max-age=1,,"], Some(1)),
        (&["x=\"max-age=9, private\", max-age=60"], Some(60)),
        (&["max-age=0060"], Some(60)),
        (&["max-age=99999999999999999999"], Some(LONGEST)),
        (&["public"], None),
        (&[""], None),
        (&[], None),
    ] {
        let read = answer(lines);
        assert_eq!(read, AnswerDirectives { lifetime, ..Default::default() }, "{lines:?}");
    }
}

#[test]
fn what_forbids_is_seen_in_every_spelling() {
    for line in [
        "private",
        "PRIVATE",
        "max-age=60, Private",
        "private=\"set-cookie\"",
        "no-cache=\"a, b\"",
        "no-store, max-age=60",
        "no-store=1",
        "must-understand",
        "a=\"b\", no-cache",
    ] {
        assert!(answer(&[line]).forbidden, "{line}");
    }
    assert!(answer(&["max-age=60", "no-store"]).forbidden);
    assert!(!answer(&["max-age=60, must-revalidate, proxy-revalidate, public, immutable"]).forbidden);
    let mut pragma = headers(&["max-age=60"]);
    pragma.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    assert!(of_answer(&pragma).forbidden);
}

#[test]
fn what_is_doubtful_is_malformed() {
    for lines in [
        &["max-age=60, max-age=61"][..],
        &["max-age=60", "max-age=5"],
        &["max-age"],
        &["max-age="],
        &["max-age=\"60\""],
        &["max-age=-1"],
        &["max-age=+1"],
        &["max-age=1.5"],
        &["max-age=6 0"],
        &["max-age = 60"],
        &["max-age=60; public"],
        &["max-age=60, x=\"unterminated"],
        &["max-age=60, x=\"a\"b"],
        &["max-age=60, s-maxage=x"],
        &["max-age=60, =x"],
        &["max-age=60, a b"],
    ] {
        assert!(answer(lines).malformed, "{lines:?}");
    }
}

#[test]
fn a_request_asks_for_new_answers_in_several_ways() {
    let request = |lines: &[&str]| of_request(&headers(lines));
    for line in ["no-cache", "max-age=0", "max-age=x", "max-age=1, max-age=2", "min-fresh", "a b"] {
        assert!(request(&[line]).no_cache, "{line}");
    }
    assert!(request(&["no-store"]).no_store);
    assert_eq!(
        request(&["max-age=7, min-fresh=3, max-stale, only-if-cached, foo=bar"]),
        RequestDirectives { max_age: Some(7), min_fresh: Some(3), ..Default::default() }
    );
}

fn header_bytes() -> impl Strategy<Value = Vec<u8>> {
    let alphabet = b"max-ge=0123456789, \"\\privatenostorech\t\x80\xff;".to_vec();
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..80),
        proptest::collection::vec(proptest::sample::select(alphabet), 0..80),
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(lines in proptest::collection::vec(header_bytes(), 0..4)) {
        let mut map = HeaderMap::new();
        for line in lines.iter().filter_map(|line| HeaderValue::from_bytes(line).ok()) {
            map.append(header::CACHE_CONTROL, line.clone());
            map.append(header::PRAGMA, line);
        }
        of_answer(&map);
        of_request(&map);
    }

    /// Whatever stands before or after it, on the same line or another.
    #[test]
    fn private_is_never_overlooked(before in "[a-z]{1,9}(=[a-z0-9]{1,5})?", after in header_bytes()) {
        let mut lines = headers(&[&format!("{before}, max-age=60, private")]);
        if let Ok(after) = HeaderValue::from_bytes(&after) {
            lines.append(header::CACHE_CONTROL, after);
        }
        prop_assert!(of_answer(&lines).forbidden);
    }

    /// Rubbish before it on the same line either leaves it visible or makes the whole malformed.
    #[test]
    fn rubbish_before_private_never_makes_it_storable(rubbish in header_bytes()) {
        let line = [&rubbish[..], b", private"].concat();
        if let Ok(line) = HeaderValue::from_bytes(&line) {
            let map: HeaderMap = [(header::CACHE_CONTROL, line)].into_iter().collect();
            let read = of_answer(&map);
            prop_assert!(read.forbidden || read.malformed);
        }
    }
}
