//! Where the servers are.

use fred::types::config::{Config, ServerConfig};
use perfect21_core::ConfigError;

/// What a URL may begin with, and which parameters it takes then.
const SCHEMES: [(&str, &[&str]); 7] = [
    ("redis", &[]),
    ("rediss", &[]),
    ("redis-cluster", &["node"]),
    ("rediss-cluster", &["node"]),
    ("redis-sentinel", &["node", "sentinelServiceName"]),
    ("rediss-sentinel", &["node", "sentinelServiceName"]),
    ("redis+unix", &["db"]),
];

pub(super) struct Place {
    pub(super) config: Config,
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "it never is"))]
    pub(super) over_tls: bool,
}

pub(super) fn parse(url: &str) -> Result<Place, ConfigError> {
    let refuse = |rule: String| Err(ConfigError::new("url", without_credentials(url), rule));
    let known = url.split_once("://").and_then(|(scheme, _)| SCHEMES.iter().find(|known| known.0 == scheme));
    let Some((scheme, parameters)) = known else {
        return refuse(
            "must be like redis://user:password@host:6379/0, or begin with rediss, redis-cluster, redis-sentinel or redis+unix"
                .to_owned(),
        );
    };
    let over_tls = scheme.starts_with("rediss");
    if over_tls && cfg!(not(feature = "tls")) {
        return refuse(format!("needs the feature `tls` of this crate for {scheme}"));
    }
    if url.contains('#') {
        return refuse("must not have a fragment".to_owned());
    }
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let mut given = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    if let Some((unknown, _)) = given.clone().find(|(name, _)| !parameters.contains(name)) {
        return refuse(match parameters {
            [] => format!(
                "takes no parameters such as `{unknown}`: must end after the database, as in {scheme}://host:6379/0"
            ),
            known => format!("takes {} as parameters, not `{unknown}`", known.join(" and ")),
        });
    }
    // fred would read the system's certificates, which are not always wanted, and panics where cryptography is not chosen.
    let plain = url.replacen("rediss", "redis", 1);
    let Ok(mut config) = Config::from_url(if over_tls { &plain } else { url }) else {
        return refuse(format!("must be like {}", example(scheme)));
    };
    if *scheme == "redis+unix" {
        if let Some((_, database)) = given.find(|(name, _)| *name == "db") {
            let Ok(database) = database.parse() else {
                return refuse(format!("the database must be a number below 256, not `{database}`"));
            };
            config.database = Some(database);
        }
        return Ok(Place { config, over_tls });
    }
    check_hosts(url, &config)?;
    Ok(Place { config, over_tls })
}

/// fred's parser lets anything be a host; what is none fails much later otherwise, when it is looked up.
fn check_hosts(url: &str, config: &Config) -> Result<(), ConfigError> {
    let is_host = |host: &str| {
        !host.is_empty() && !host.contains(|c: char| !c.is_alphanumeric() && !"-._:[]".contains(c))
    };
    let hosts = config.server.hosts();
    let rule = match () {
        () if !hosts.iter().all(|server| is_host(&server.host)) => "the host must be a name or an address",
        () if hosts.iter().any(|server| server.port == 0) => "the port must be above 0",
        () if matches!(&config.server, ServerConfig::Sentinel { service_name, .. } if service_name.is_empty()) => {
            "sentinelServiceName must not be empty"
        }
        () => return Ok(()),
    };
    Err(ConfigError::new("url", without_credentials(url), rule))
}

fn example(scheme: &str) -> String {
    match scheme {
        "redis+unix" => "redis+unix:///run/redis.sock?db=0".to_owned(),
        _ if scheme.ends_with("-cluster") => format!("{scheme}://user:password@host:6379?node=other:6379"),
        _ if scheme.ends_with("-sentinel") => {
            format!("{scheme}://user:password@host:26379/0?sentinelServiceName=main&node=other:26379")
        }
        _ => format!("{scheme}://user:password@host:6379/0, the port below 65536, the database below 256"),
    }
}

pub(super) fn without_credentials(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://***@{rest}"),
        (None, Some((_, rest))) => format!("***@{rest}"),
        (_, None) => url.to_owned(),
    }
}
