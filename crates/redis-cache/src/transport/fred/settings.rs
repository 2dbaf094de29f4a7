use fred::{
    clients::Client,
    error::Error as FredError,
    types::{
        Builder, RespVersion,
        config::{ClusterDiscoveryPolicy, Config, ReconnectPolicy, UnresponsiveConfig},
    },
};
use perfect21_core::ConfigError;
use socket2::TcpKeepalive;
use std::{sync::Arc, time::Duration};

/// Where the servers are, and how long what may take.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) config: Config,
    /// The servers, to be named in errors.
    pub(crate) server: Arc<str>,
    pub(crate) connections: usize,
    pub(crate) command_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) retry_reads: bool,
    pub(crate) max_queued: usize,
}

impl Settings {
    /// Of each of two attempts.
    pub(super) fn read_timeout(&self) -> Duration {
        self.command_timeout / 2
    }

    pub(super) fn client(&self, must_connect: bool) -> Result<Client, ConfigError> {
        self.build(must_connect).map_err(|error| self.refuse(&error))
    }

    fn build(&self, must_connect: bool) -> Result<Client, FredError> {
        let mut config = self.config.clone();
        config.fail_fast = must_connect;
        config.version = RespVersion::RESP3;
        if config.server.is_clustered() {
            config.server.set_cluster_discovery_policy(ClusterDiscoveryPolicy::UseCache)?;
        }
        let mut policy = ReconnectPolicy::new_exponential(0, 20, 500, 2);
        policy.set_jitter(20);
        Builder::from_config(config)
            .set_policy(policy)
            .with_performance_config(|performance| performance.default_command_timeout = self.command_timeout)
            .with_connection_config(|connection| {
                connection.connection_timeout = self.connect_timeout;
                connection.internal_command_timeout = self.connect_timeout;
                connection.max_command_attempts = 1;
                // Sent on to where a key is moving, fred takes an answer to somebody else for its own, or gives the whole
                // client up. What it does first where a key has moved, which is to look where the slots are, it does anyway.
                connection.max_redirections = 0;
                connection.max_command_buffer_len = self.max_queued;
                connection.reconnect_on_auth_error = true;
                connection.tcp.nodelay = Some(true);
                connection.tcp.keepalive = Some(
                    TcpKeepalive::new()
                        .with_time(Duration::from_secs(1))
                        .with_interval(Duration::from_secs(3)),
                );
                let silence = Duration::from_secs(1).max(2 * self.command_timeout);
                // A write that the socket does not take holds fred up as a whole, and what is sent to a machine that is gone
                // is repeated for a quarter of an hour else.
                #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
                {
                    connection.tcp.user_timeout = Some(silence);
                }
                connection.unresponsive =
                    UnresponsiveConfig { max_timeout: Some(silence), interval: Duration::from_millis(200) };
            })
            .build()
    }

    #[cold]
    fn refuse(&self, error: &FredError) -> ConfigError {
        ConfigError::new("url", &self.server, error.details().to_owned())
    }
}
