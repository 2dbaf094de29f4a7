//! The PostgreSQL server of an example: one of its own that is thrown away, or the user's.

use perfect21_test_support::postgres::Postgres;

/// Where it is, and what keeps it.
#[derive(Debug)]
pub struct Server {
    /// How to get there.
    pub url: String,
    private: Option<Postgres>,
}

impl Server {
    /// `--postgres[=URL]`, as far as it was given: with a URL, there or in `DATABASE_URL`, the user's.
    #[must_use]
    pub fn url_of(given: Option<String>) -> Option<String> {
        given.or_else(|| std::env::var("DATABASE_URL").ok()).filter(|url| !url.is_empty())
    }

    /// The user's by its URL, or one of its own.
    ///
    /// # Errors
    /// One sentence, if the URL is none or no server can be started.
    pub fn open(url: Option<String>) -> Result<Self, String> {
        match url {
            Some(url) => {
                let parsed: Result<tokio_postgres::Config, _> = url.parse();
                parsed.map_err(|error| {
                    format!("--postgres: not a PostgreSQL URL ({error}); write postgres://user:password@host:port/database")
                })?;
                Ok(Self { url, private: None })
            }
            None => {
                let server = Postgres::start().map_err(|error| error.to_string())?;
                Ok(Self { url: server.url(), private: Some(server) })
            }
        }
    }

    /// The server, if it is one of its own.
    #[must_use]
    pub fn private(&self) -> Option<&Postgres> {
        self.private.as_ref()
    }

    /// What it is, for people.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        if self.private.is_some() { "a private server, thrown away at the end" } else { "your server" }
    }

    /// A configuration for it.
    ///
    /// # Panics
    /// Never: the URL was looked at before.
    #[must_use]
    pub fn config(&self) -> tokio_postgres::Config {
        self.url.parse().unwrap_or_default()
    }
}
