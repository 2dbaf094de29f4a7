//! TLS: whoever has a certificate that the system trusts is spoken to, and nobody else. What the system trusts is told to
//! this program by its environment, so it is run again.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use perfect21_redis_cache::{Cache, ErrorKind, ErrorPolicy, Health, Near, RedisCache};
use perfect21_test_support::redis::Redis;
use std::{
    env,
    error::Error,
    io::Write,
    process::{Command, Output},
};

mod support;
use support::{DEADLINE, until};

/// A certificate for these names, and its key, in PEM.
fn certificate(names: &[&str]) -> (String, String) {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

/// Runs this program again for a test, where the system trusts this certificate.
fn trusting(certificate: &str, url: &str, test: &str) -> Output {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(certificate.as_bytes()).unwrap();
    Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env("P21_URL", url)
        .env("SSL_CERT_FILE", file.path())
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap()
}

fn succeeds(output: &Output) {
    let said = String::from_utf8_lossy(&output.stdout);
    let succeeded = output.status.success() && said.contains("1 passed");
    assert!(succeeded, "{said}{}", String::from_utf8_lossy(&output.stderr));
}

/// Not a test by itself: all that goes over the connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_works_over_it() {
    let Ok(url) = env::var("P21_URL") else { return };
    let builder = RedisCache::builder(&url).namespace("test").near(Near::new());
    let redis = builder.command_timeout(DEADLINE).connect_timeout(DEADLINE).connect().await.unwrap();
    until("the near cache to open", async || match redis.health(DEADLINE).await {
        Health::Ready { .. } => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    let cache: Cache<u64, String> = redis.typed("text").on_error(ErrorPolicy::Strict).build().unwrap();
    let long = "é".repeat(200_000);
    cache.set(&1, &long).await.unwrap();
    until("the entry to be held", async || {
        assert_eq!(cache.get(&1).await.unwrap().as_ref(), Some(&long));
        if cache.stats().near_hits > 0 { Ok(()) } else { Err(format!("{:?}", cache.stats())) }
    })
    .await;
    cache.remove(&1).await.unwrap();
    assert_eq!(cache.get(&1).await.unwrap(), None);
    let loaded = cache.get_or_load(&1, || async { Result::<_, ()>::Ok("loaded".to_owned()) }).await;
    assert_eq!(loaded.unwrap(), "loaded");
    // One that is told of by somebody else.
    let other = RedisCache::builder(&url).namespace("test").connect_timeout(DEADLINE);
    let other = other.command_timeout(DEADLINE).connect().await.unwrap();
    let other: Cache<u64, String> = other.typed("text").build().unwrap();
    other.set(&1, &"by another".to_owned()).await.unwrap();
    until("the change to be heard of", async || match cache.get(&1).await.unwrap() {
        Some(text) if text == "by another" => Ok(()),
        text => Err(format!("{text:?}")),
    })
    .await;
}

/// Not a test by itself: what is told of a server that is not trusted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_not_trusted() {
    let Ok(url) = env::var("P21_URL") else { return };
    let builder = RedisCache::builder(&url).namespace("test").near(Near::new());
    let error = builder.connect_timeout(DEADLINE).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    let cause = error.source().unwrap().to_string();
    assert!(cause.to_lowercase().contains("certificate"), "{error}: {cause}");
    // Nor does it do as if it were connected where it goes on without.
    let redis = RedisCache::builder(&url).namespace("test").connect_timeout(DEADLINE).build().unwrap();
    let cache: Cache<u64, u64> = redis.typed("number").on_error(ErrorPolicy::Strict).build().unwrap();
    assert_eq!(cache.set(&1, &1).await.unwrap_err().kind(), ErrorKind::Unavailable);
}

/// Not a test by itself: what is told where there is nothing that the system trusts.
#[tokio::test]
async fn there_is_nothing_to_trust() {
    let Ok(url) = env::var("P21_URL") else { return };
    let error = RedisCache::builder(&url).build().unwrap_err().to_string();
    assert!(error.contains(": needs the system's certificates, which cannot be read: "), "{error}");
}

#[test]
fn no_certificates_are_told() {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["there_is_nothing_to_trust", "--exact"]).env("P21_URL", "rediss://127.0.0.1:1");
    let missing = env::temp_dir().join("p21-no-such-file");
    succeeds(&command.env("SSL_CERT_FILE", missing).env_remove("SSL_CERT_DIR").output().unwrap());
}

#[test]
fn a_trusted_server_is_spoken_to_by_name_and_address() {
    let (certificate, key) = certificate(&["127.0.0.1", "localhost"]);
    let (_server, port) = Redis::start_with_tls(&certificate, &key).unwrap();
    for host in ["127.0.0.1", "localhost"] {
        succeeds(&trusting(&certificate, &format!("rediss://{host}:{port}/3"), "all_works_over_it"));
    }
}

#[test]
fn another_authority_and_another_name_are_told() {
    let (trusted, key) = certificate(&["127.0.0.1"]);
    let (other, _) = certificate(&["127.0.0.1"]);
    let (_server, port) = Redis::start_with_tls(&trusted, &key).unwrap();
    let url = |host: &str| format!("rediss://{host}:{port}");
    succeeds(&trusting(&other, &url("127.0.0.1"), "it_is_not_trusted"));
    succeeds(&trusting(&trusted, &url("localhost"), "it_is_not_trusted"));
}
