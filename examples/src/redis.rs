//! Where an example's cache is: in memory, or in a Redis server, one of its own that is thrown away or the user's.

use lexopt::{
    Arg::{Long, Short},
    Parser,
};
use perfect21_redis_cache::{Error, Near, RedisCache};
use perfect21_test_support::redis::Redis;

/// What the examples say of the option.
pub const USAGE: &str = "\
  --redis        a Redis server of its own, thrown away at the end
  --redis=URL    yours; all keys are under `perfect21-example:`, and are removed at the end";

/// The place, and what keeps it.
#[derive(Debug)]
pub struct Place {
    url: Option<String>,
    private: Option<Redis>,
}

impl Place {
    /// By the option `--redis[=URL]`, the only one that there is; `None` if help was asked for.
    ///
    /// # Errors
    /// One sentence, if there is another option, or no server can be started.
    pub fn of_arguments() -> Result<Option<Self>, String> {
        let mut place = Self { url: None, private: None };
        let mut parser = Parser::from_env();
        while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
            match argument {
                Long("redis") => place = Self::server(parser.optional_value())?,
                Short('h') | Long("help") => return Ok(None),
                other => return Err(format!("{}; see --help", other.unexpected())),
            }
        }
        Ok(Some(place))
    }

    fn server(url: Option<std::ffi::OsString>) -> Result<Self, String> {
        let Some(url) = url else {
            let server = Redis::start().map_err(|error| error.to_string())?;
            return Ok(Self { url: Some(server.url()), private: Some(server) });
        };
        let url = url.into_string().map_err(|url| format!("--redis={}: not a URL", url.display()))?;
        Ok(Self { url: Some(url), private: None })
    }

    /// A connection; each stands for a process of its own. In memory there is one process only, and it holds all.
    ///
    /// # Errors
    /// If the URL is none, or there is no connection.
    pub async fn connect(&self, near: Option<Near>) -> Result<RedisCache, Error> {
        const NAMESPACE: &str = "perfect21-example";
        match &self.url {
            None => Ok(RedisCache::in_memory().namespace(NAMESPACE).build()?),
            Some(url) => {
                let builder = RedisCache::builder(url).namespace(NAMESPACE);
                let builder = if let Some(near) = near { builder.near(near) } else { builder };
                builder.connect().await
            }
        }
    }

    /// Removes what the example left in a server of the user's.
    ///
    /// # Errors
    /// If the server cannot be asked.
    pub async fn clean(&self, redis: &RedisCache) -> Result<(), Error> {
        if self.url.is_some() && self.private.is_none() {
            redis.sweep_glob("perfect21-example:*").run().await?;
        }
        Ok(())
    }

    /// The server, if it is one of its own.
    #[must_use]
    pub fn private(&self) -> Option<&Redis> {
        self.private.as_ref()
    }

    /// Whether there is a server.
    #[must_use]
    pub fn is_server(&self) -> bool {
        self.url.is_some()
    }

    /// What it is, for people.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match (&self.url, &self.private) {
            (None, _) => "in memory",
            (_, None) => "your Redis",
            _ => "a private Redis, thrown away at the end",
        }
    }
}
