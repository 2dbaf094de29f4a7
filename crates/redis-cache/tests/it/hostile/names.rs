//! Whatever namespaces, names, keys, tags and prefixes are made of, and keys that look alike.

use crate::support::{DEADLINE, connect, in_memory};
use perfect21_redis_cache::{Cache, ErrorPolicy, ForUser, InSlot, Key, RedisCache};
use perfect21_test_support::redis::{Redis, Reply};
use std::{collections::HashSet, time::Duration};

/// What some part of Redis, of a glob or of ours gives a meaning to.
const HOSTILE: &[&str] = &[
    "*",
    "?",
    "[",
    "]",
    "[a-z]",
    "[^a]",
    "\\",
    "\\*",
    "{",
    "}",
    "{}",
    "{a}",
    "}{",
    ":",
    "::",
    "!",
    "!lease",
    "#",
    "#clear",
    "#tag:t",
    "#tags",
    "%",
    "%2A",
    "%%",
    "\0",
    "\r",
    "\n",
    "\r\n",
    "$-1\r\n",
    "*1\r\n$8\r\nFLUSHALL\r\n",
    "'",
    "\"",
    "(",
    ")",
    ",",
    "some(1)",
    "none",
    "true",
    "1",
    "01",
    "-1",
    "x00",
    "list(1)",
    "user(1,2)",
    "c'a",
    " ",
    "\t",
    "\u{7f}",
    "\u{80}",
    "é",
    "e\u{301}",
    "\u{202e}",
    "🦀",
    "👩‍👩‍👧",
    "\u{feff}",
    "\u{10ffff}",
    "a",
    "A",
    "a*",
    "a\\*",
    "a?",
    "a[b]",
    "ab",
];

fn hostile() -> Vec<String> {
    let long = ["a", "*", "é", "\0", "{"].into_iter();
    let long = long.flat_map(|text| [150, 200, 5000].map(|count| text.repeat(count)));
    HOSTILE.iter().copied().map(str::to_owned).chain(long).collect()
}

async fn in_namespace(server: &Redis, namespace: &str) -> RedisCache {
    let builder = RedisCache::builder(server.url()).namespace(namespace);
    builder.command_timeout(DEADLINE).connect_timeout(DEADLINE).connect().await.unwrap()
}

fn strict<K: Key + ?Sized>(redis: &RedisCache, name: &str) -> Cache<K, u64> {
    redis.typed(name).on_error(ErrorPolicy::Strict).build().unwrap()
}

fn keys(server: &Redis) -> Vec<String> {
    let Reply::List(keys) = server.command(&["KEYS", "*"]).unwrap() else { panic!("KEYS answers a list") };
    keys.iter().filter_map(Reply::text).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_key_and_tag_is_as_good_as_another() {
    let server = Redis::start().unwrap();
    let redis = connect(&server).await;
    let texts = hostile();
    let cache: Cache<String, u64> = strict(&redis, "text");
    let bytes: Cache<[u8], u64> = strict(&redis, "bytes");
    for (number, text) in (0..).zip(&texts) {
        let tag = (text.len() <= 255).then(|| text.clone());
        let terms = perfect21_redis_cache::Terms::new().tags(tag);
        cache.set_with(text, &number, terms).await.unwrap();
        bytes.set(text.as_bytes(), &number).await.unwrap();
    }
    for (number, text) in (0..).zip(&texts) {
        assert_eq!(cache.get(text).await.unwrap(), Some(number), "{text:?}");
        assert_eq!(bytes.get(text.as_bytes()).await.unwrap(), Some(number), "{text:?}");
    }
    // Each tag is that of one entry.
    let tagged: Vec<_> = texts.into_iter().filter(|text| text.len() <= 255).collect();
    for (nth, text) in tagged.iter().enumerate() {
        redis.invalidate([text]).await.unwrap();
        for (other, left) in cache.get_many(&tagged).await.into_iter().enumerate() {
            assert_eq!(left.unwrap().is_none(), other <= nth, "{text:?} and {:?}", tagged[other]);
        }
    }
    for key in keys(&server) {
        assert!(key.bytes().all(|byte| byte.is_ascii_graphic()) && key.len() < 1024, "{key:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_namespace_and_name_is_one_of_its_own() {
    let server = Redis::start().unwrap();
    let texts: Vec<_> = hostile().into_iter().filter(|text| text.len() < 100).collect();
    let main = connect(&server).await;
    let mut caches: Vec<(&str, Cache<u64, u64>)> = Vec::new();
    let mut spaces = Vec::new();
    for text in &texts {
        caches.push((text, strict(&main, text)));
        let space = in_namespace(&server, text).await;
        caches.push((text, strict(&space, "number")));
        spaces.push(space);
    }
    for (number, (text, cache)) in (0..).zip(&caches) {
        assert!(cache.set(&1, &number).await.is_ok(), "{text:?}");
    }
    for (number, (text, cache)) in (0..).zip(&caches) {
        assert_eq!(cache.get(&1).await.unwrap(), Some(number), "{text:?}");
    }
    // Each is cleared and swept without the others.
    for (nth, (text, cache)) in caches.iter().enumerate() {
        if nth % 2 == 0 {
            cache.clear().await.unwrap();
        } else {
            assert_eq!(spaces[nth / 2].sweep().run().await.unwrap().removed, 1, "{text:?}");
        }
        assert_eq!(cache.get(&1).await.unwrap(), None, "{text:?}");
        if let Some((text, next)) = caches.get(nth + 1) {
            assert!(next.get(&1).await.unwrap().is_some(), "{text:?} went with the one before");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prefix_is_meant_as_it_stands() {
    let server = Redis::start().unwrap();
    let redis = connect(&server).await;
    // Of longer keys Redis has a hash, which no prefix is found by.
    let texts: Vec<_> = hostile().into_iter().filter(|text| text.len() < 60).collect();
    let keys: Vec<_> =
        texts.iter().flat_map(|text| [text.clone(), format!("{text}x"), format!("x{text}")]).collect();
    let keys: Vec<_> = keys.into_iter().collect::<HashSet<_>>().into_iter().collect();
    let entries: Vec<_> = keys.iter().map(|key| (key.clone(), 1)).collect();
    let cache: Cache<String, u64> = strict(&redis, "text");
    for prefix in &texts {
        assert!(cache.set_many(&entries).await.iter().all(Result::is_ok));
        let swept = cache.sweep().prefix(prefix).pause(Duration::ZERO).run().await.unwrap();
        let mut gone = 0;
        for (key, left) in keys.iter().zip(cache.get_many(&keys).await) {
            let fits = key.starts_with(prefix.as_str());
            assert_eq!(left.unwrap().is_none(), fits, "{prefix:?} and {key:?}");
            gone += u64::from(fits);
        }
        assert_eq!((swept.found, swept.removed), (gone, gone), "{prefix:?}");
    }
}

/// A glob is the server's own; memory takes it for the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_glob_is_what_redis_takes_it_for() {
    let server = Redis::start().unwrap();
    let [redis, memory] = [connect(&server).await, in_memory()];
    let texts: Vec<_> = hostile().into_iter().filter(|text| text.len() < 60).collect();
    let entries: Vec<_> = texts.iter().map(|text| (text.clone(), 1)).collect();
    let caches = [&redis, &memory].map(|redis| strict::<String>(redis, "text"));
    let more = [
        "[",
        "[]",
        "[a",
        "[a-",
        "[z-a]",
        "[^]",
        "[!a]",
        "[%]*",
        "?????",
        "*a*a*a*a*b",
        "\\",
        "\\\\",
        "**",
        "a[",
        "%[2][A]",
        "'*",
        "'?",
    ];
    for text in texts.iter().map(String::as_str).chain(more) {
        // The keys of texts begin with a quote.
        for pattern in [format!("test:text:'{text}"), format!("test:text:'{text}*")] {
            for cache in &caches {
                assert!(cache.set_many(&entries).await.iter().all(Result::is_ok));
            }
            let Reply::List(fit) = server.command(&["KEYS", &pattern]).unwrap() else {
                panic!("KEYS answers a list")
            };
            for redis in [&redis, &memory] {
                let swept = redis.sweep_glob(&*pattern).pause(Duration::ZERO).run().await.unwrap();
                assert_eq!((swept.found, swept.removed), (fit.len() as u64, fit.len() as u64), "{pattern:?}");
            }
        }
    }
}

/// Keys of any types, each to find its own value again.
struct Apart<'a> {
    redis: &'a RedisCache,
    written: Vec<String>,
}

impl Apart<'_> {
    async fn put(&mut self, key: impl Key) {
        let cache: Cache<_, u64> = strict(self.redis, "any");
        cache.set(&key, &(self.written.len() as u64)).await.unwrap();
        self.written.push(cache.redis_key(&key));
    }

    async fn get(&mut self, key: impl Key) {
        let number = self.written.len() as u64;
        let found = strict(self.redis, "any").get(&key).await.unwrap();
        self.written.push(strict::<_>(self.redis, "any").redis_key(&key));
        assert_eq!(found, Some(number), "{}", self.written[number as usize]);
    }
}

macro_rules! each {
    ($apart:ident.$what:ident: $($key:expr),* $(,)?) => {
        $($apart.$what($key).await;)*
    };
}

macro_rules! alike {
    ($apart:ident.$what:ident) => {
        each!($apart.$what:
            ("a:b", "c"), ("a", "b:c"), ("a", "b", "c"), (("a", "b"), "c"), ("a", ("b", "c")), "a:b:c", "(a,b,c)",
            1, "1", '1', Some(1), Some(Some(1)), Some("1"), (1,), [1], [1_u8], [1, 0], [10], (1, 0), -1, "-1", "01",
            true, "true", "True", false, "false", None::<u8>, "None", "none", Some(None::<u8>), "null", "nil",
            (), "", [(); 0], [0_u8; 0], [""], ("",), ("", ""), Some(""), [()], " ",
            ForUser(9602, "profile"), ForUser(18036, "profile"), [56568], [170_524], (9602, "profile"), (18036, "profile"),
            ForUser("1", "2"), ("1", "2"), "user('1,'2)", ("a", "1&b=2"), (("a", "1"), ("b", "2")), "a=1&b=2", "a=1,b=2",
            InSlot(1, 2), "{1}2", InSlot(1, InSlot(2, 3)), InSlot(InSlot(1, 2), 3), InSlot("a", ""), InSlot("", "a"),
            "a".repeat(199), "a".repeat(200), "a".repeat(201), "a".repeat(5000), "a".repeat(5001), ("a".repeat(300), 1),
            ("a".repeat(300), 2), InSlot("a".repeat(100), 1), InSlot("a".repeat(101), 1), "#clear", "#", "%41", "A", "%2541",
        );
    };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_look_alike_have_entries_of_their_own() {
    let server = Redis::start().unwrap();
    let redis = connect(&server).await;
    let mut apart = Apart { redis: &redis, written: Vec::new() };
    alike!(apart.put);
    let distinct: HashSet<_> = apart.written.iter().collect();
    assert_eq!(distinct.len(), apart.written.len());
    apart.written.clear();
    alike!(apart.get);
}

#[tokio::test]
async fn the_longest_names_leave_room_for_the_longest_keys() {
    let server = Redis::start().unwrap();
    let redis = in_namespace(&server, &"n".repeat(256)).await;
    let cache: Cache<String, u64> = strict(&redis, &"n".repeat(254));
    for text in hostile() {
        assert!(cache.redis_key(&text).len() <= 1024);
        cache.set(&text, &1).await.unwrap();
        assert_eq!(cache.get(&text).await.unwrap(), Some(1));
    }
}
