use super::error::ConnectError;
use std::{fmt, net::SocketAddr};
use tokio::net::lookup_host;
use tokio_postgres::{
    Config,
    config::{Host, LoadBalanceHosts},
};

/// One address of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Peer {
    Tcp {
        /// As the user named it.
        host: String,
        addr: SocketAddr,
    },
    #[cfg(unix)]
    Unix(std::path::PathBuf),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, addr } if *host == addr.ip().to_string() => addr.fmt(f),
            Self::Tcp { host, addr } => write!(f, "{host} ({addr})"),
            #[cfg(unix)]
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// How many hosts a configuration names; 0 if it names none, or in numbers that do not fit together.
pub(crate) fn hosts(config: &Config) -> usize {
    let (names, addrs) = (config.get_hosts().len(), config.get_hostaddrs().len());
    let hosts = names.max(addrs);
    let fits = |count: usize| count <= 1 || count == hosts;
    if (names > 0 && addrs > 0 && names != addrs) || !fits(config.get_ports().len()) { 0 } else { hosts }
}

/// The addresses of the `index`th host, looked up anew each time.
pub(super) async fn addresses(config: &Config, index: usize) -> Result<Vec<Peer>, ConnectError> {
    let ports = config.get_ports();
    let port = ports.get(index).or_else(|| ports.first()).copied().unwrap_or(5432);
    let name = match config.get_hosts().get(index) {
        Some(Host::Tcp(name)) => Some(name.clone()),
        #[cfg(unix)]
        Some(Host::Unix(dir)) => return Ok(vec![Peer::Unix(dir.join(format!(".s.PGSQL.{port}")))]),
        None => None,
    };
    if let Some(ip) = config.get_hostaddrs().get(index) {
        let host = name.unwrap_or_else(|| ip.to_string());
        return Ok(vec![Peer::Tcp { host, addr: (*ip, port).into() }]);
    }
    let host = name.unwrap_or_default();
    let found = lookup_host((host.as_str(), port)).await;
    let found = found.map_err(|source| ConnectError::Lookup { host: host.clone(), source })?;
    let mut peers: Vec<_> = found.map(|addr| Peer::Tcp { host: host.clone(), addr }).collect();
    if config.get_load_balance_hosts() == LoadBalanceHosts::Random {
        fastrand::shuffle(&mut peers);
    }
    Ok(peers)
}
