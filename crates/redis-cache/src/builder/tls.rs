//! Whom we trust over TLS, and by what.

use perfect21_core::ConfigError;
use std::sync::Arc;
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::{CryptoProvider, ring},
};

/// Trusts whom the system trusts, by the process's cryptography, else by ring's: where a program brings several and chooses
/// none, rustls's own default is a panic.
pub(super) fn system(url: &str) -> Result<Arc<ClientConfig>, ConfigError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        let why = if why.is_empty() { "there are none".to_owned() } else { why.join(", ") };
        let rule =
            format!("needs the system's certificates, which cannot be read: {why}; or settings by tls()");
        return Err(ConfigError::new("url", super::url::without_credentials(url), rule));
    }
    let provider = CryptoProvider::get_default().cloned();
    let builder =
        ClientConfig::builder_with_provider(provider.unwrap_or_else(|| ring::default_provider().into()));
    let invalid = |error| {
        let rule = format!("needs the process's default cryptography to have TLS 1.2 or 1.3: {error}");
        ConfigError::new("url", super::url::without_credentials(url), rule)
    };
    let builder = builder.with_safe_default_protocol_versions().map_err(invalid)?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}
