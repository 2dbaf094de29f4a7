//! TLS: the state of a connection is read within it, and cancels go through it.
#![cfg(feature = "rustls")]

use crate::common::{abandon, one, outside};
use perfect21_db_stats::{ErrorKind, Pool};
use perfect21_test_support::{postgres::Postgres, wait::DEADLINE};
use std::{error::Error, sync::Arc};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::CertificateDer};

const SECURE: &str = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

/// Turns TLS on, and returns the certificate to trust.
async fn encrypted(server: &Postgres, name: &str) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let beside = outside(server).await;
    // The server writes them itself: they must be its own, and read by nobody else.
    for (file, text) in [("server.crt", made.cert.pem()), ("server.key", made.signing_key.serialize_pem())] {
        let copy = format!(
            "COPY (SELECT unnest(string_to_array('{}', E'\\n'))) TO PROGRAM 'umask 077; cat > {file}'",
            text.trim()
        );
        beside.batch_execute(&copy).await.unwrap();
    }
    beside.batch_execute("ALTER SYSTEM SET ssl = on").await.unwrap();
    server.restart().unwrap();
    made.cert.der().clone()
}

fn trusting(certificate: Option<CertificateDer<'static>>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificate);
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots).with_no_client_auth()
}

fn pool(server: &Postgres, mode: &str, tls: ClientConfig) -> Pool {
    let config = format!("host=127.0.0.1 port={} user=postgres sslmode={mode}", server.port());
    let builder = Pool::builder(config.parse().unwrap()).max_size(1).tls(tls);
    builder.wait_timeout(DEADLINE).build().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_encrypted_known_and_cancelled() {
    let server = Postgres::start().unwrap();
    let certificate = encrypted(&server, "127.0.0.1").await;
    for (mode, secure) in [("require", true), ("prefer", true), ("disable", false)] {
        let pool = pool(&server, mode, trusting(Some(certificate.clone())));
        let mut connection = pool.get().await.unwrap();
        assert_eq!(one::<bool>(&mut connection, SECURE).await, secure, "{mode}");
        connection.execute("BEGIN", &[]).await.unwrap();
        abandon(&mut connection, &outside(&server).await, "SELECT pg_sleep(600)").await;
        drop(connection);
        let mut next = pool.get().await.unwrap();
        assert_eq!(one::<i32>(&mut next, "SELECT 1").await, 1);
        assert_eq!((pool.stats().repaired, pool.stats().cancelled), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_trusted_is_told_at_once() {
    let server = Postgres::start().unwrap();
    let plain = pool(&server, "require", trusting(None)).get().await.unwrap_err();
    assert!(
        plain.source().unwrap().to_string().ends_with("offers no TLS, and sslmode = require asks for it")
    );
    let mut connection = pool(&server, "prefer", trusting(None)).get().await.unwrap();
    assert!(!one::<bool>(&mut connection, SECURE).await);

    let certificate = encrypted(&server, "elsewhere.example").await;
    for trusted in [None, Some(certificate)] {
        let error = pool(&server, "require", trusting(trusted)).get().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable);
        let cause = error.source().unwrap();
        assert!(cause.to_string().ends_with("agrees to no TLS session"), "{cause}");
        assert!(cause.source().unwrap().to_string().contains("certificate"), "{:?}", cause.source());
    }
}
