//! TLS: whoever has a certificate that the system trusts is spoken to, and nobody else. What the system trusts is told to
//! this program by its environment, so it is run again.
#![cfg(feature = "tls")]

use perfect21_redis_cache::{Builder, Cache, ErrorKind, ErrorPolicy, Health, Near, RedisCache};
use perfect21_test_support::redis::Redis;
use std::{
    env,
    error::Error,
    io::Write,
    process::{Command, Output},
    sync::Arc,
};
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::support::{DEADLINE, until};

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

/// Not a test by itself: with what the system trusts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_works_over_it() {
    let Ok(url) = env::var("P21_URL") else { return };
    all_works(|| RedisCache::builder(&url).namespace("test")).await;
}

/// All that goes over the connections.
async fn all_works(builder: impl Fn() -> Builder) {
    let connect = |builder: Builder| builder.command_timeout(DEADLINE).connect_timeout(DEADLINE).connect();
    let redis = connect(builder().near(Near::new())).await.unwrap();
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
    let other = connect(builder()).await.unwrap();
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
    command.args(["tls::there_is_nothing_to_trust", "--exact"]).env("P21_URL", "rediss://127.0.0.1:1");
    let missing = env::temp_dir().join("p21-no-such-file");
    succeeds(&command.env("SSL_CERT_FILE", missing).env_remove("SSL_CERT_DIR").output().unwrap());
}

#[test]
fn a_trusted_server_is_spoken_to_by_name_and_address() {
    let (certificate, key) = certificate(&["127.0.0.1", "localhost"]);
    let (_server, port) = Redis::start_with_tls(&certificate, &key).unwrap();
    for host in ["127.0.0.1", "localhost"] {
        succeeds(&trusting(&certificate, &format!("rediss://{host}:{port}/3"), "tls::all_works_over_it"));
    }
}

#[test]
fn another_authority_and_another_name_are_told() {
    let (trusted, key) = certificate(&["127.0.0.1"]);
    let (other, _) = certificate(&["127.0.0.1"]);
    let (_server, port) = Redis::start_with_tls(&trusted, &key).unwrap();
    let url = |host: &str| format!("rediss://{host}:{port}");
    succeeds(&trusting(&other, &url("127.0.0.1"), "tls::it_is_not_trusted"));
    succeeds(&trusting(&trusted, &url("localhost"), "tls::it_is_not_trusted"));
}

/// Trusts whoever has this certificate, and shows another one where it is given.
fn settings(trusted: &str, shown: Option<&(String, String)>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted.as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(ring::default_provider().into());
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    Arc::new(match shown {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![certificate], key).unwrap()
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authority_of_ones_own_is_trusted_and_a_certificate_shown() {
    let own = certificate(&["127.0.0.1"]);
    let (server, port) = Redis::start_with_tls(&own.0, &own.1).unwrap();
    let builder =
        |tls| move || RedisCache::builder(format!("rediss://127.0.0.1:{port}/1")).tls(Arc::clone(&tls));
    all_works(builder(settings(&own.0, None))).await;
    // Another authority.
    let refused =
        builder(settings(&certificate(&["127.0.0.1"]).0, None))().connect_timeout(DEADLINE).connect().await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unavailable);
    // Who shows nothing is no longer served.
    assert_eq!(server.command(&["CONFIG", "SET", "tls-auth-clients", "yes"]).unwrap().text(), Some("OK"));
    let refused = builder(settings(&own.0, None))().connect_timeout(DEADLINE).connect().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    all_works(builder(settings(&own.0, Some(&own)))).await;
}

#[tokio::test]
async fn settings_of_tls_are_for_urls_that_want_it() {
    let (certificate, _) = certificate(&["127.0.0.1"]);
    let error =
        RedisCache::builder("redis://me:secret@host").tls(settings(&certificate, None)).build().unwrap_err();
    let expected = "tls = settings for redis://***@host: are for URLs that begin with rediss";
    assert_eq!(error.to_string(), expected);
}
