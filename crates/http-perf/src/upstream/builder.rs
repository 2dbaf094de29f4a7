use super::{Origin, Upstream};
use perfect21_concurrency::Balancer;
use perfect21_core::ConfigError;
use std::{fmt, time::Duration};

/// Settings of an [`Upstream`]; made by [`Upstream::builder`].
#[must_use = "a builder does nothing until .build()"]
pub struct UpstreamBuilder<C> {
    upstream: Upstream<C>,
}

impl<C> UpstreamBuilder<C> {
    pub(super) fn new(balancer: Balancer<Origin>, client: C) -> Self {
        let (timeout, max_body) = (Duration::from_secs(30), 2 << 20);
        Self { upstream: Upstream { balancer, client, timeout, max_body } }
    }

    /// How long each try may take, from asking to the answer's last byte. Default: 30 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.upstream.timeout = timeout;
        self
    }

    /// The longest answer that is taken, in bytes. Default: 2 MiB.
    pub fn max_body(mut self, max_body: usize) -> Self {
        self.upstream.max_body = max_body;
        self
    }

    /// Checks the settings; asks no server.
    ///
    /// # Errors
    /// If the time or the longest answer is zero.
    pub fn build(self) -> Result<Upstream<C>, ConfigError> {
        if self.upstream.timeout.is_zero() {
            return Err(ConfigError::new("timeout", "0 s", "must be above zero"));
        }
        if self.upstream.max_body == 0 {
            return Err(ConfigError::new("max_body", 0, "must be at least 1 byte"));
        }
        Ok(self.upstream)
    }
}

impl<C> fmt::Debug for UpstreamBuilder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UpstreamBuilder").field(&self.upstream).finish()
    }
}
