use http::{
    Uri,
    uri::{Authority, PathAndQuery, Scheme},
};
use std::{fmt, str::FromStr};

/// A server: scheme, host and port, as in `http://10.0.0.1:8080`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: Scheme,
    authority: Authority,
}

/// A text that is not an [`Origin`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no origin: {why}, as in http://10.0.0.1:8080")]
#[non_exhaustive]
pub struct BadOrigin {
    /// The text.
    pub text: String,
    why: &'static str,
}

impl Origin {
    /// The address of a path at this server.
    pub(super) fn uri(&self, path: PathAndQuery) -> Result<Uri, http::Error> {
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
    }
}

impl FromStr for Origin {
    type Err = BadOrigin;

    fn from_str(text: &str) -> Result<Self, BadOrigin> {
        let bad = |why| BadOrigin { text: text.to_owned(), why };
        let uri: Uri = text.parse().map_err(|_| bad("it must be a URL"))?;
        let parts = uri.into_parts();
        let scheme = parts.scheme.ok_or_else(|| bad("it must begin with http:// or https://"))?;
        if scheme != Scheme::HTTP && scheme != Scheme::HTTPS {
            return Err(bad("it must begin with http:// or https://"));
        }
        let authority = parts.authority.ok_or_else(|| bad("it must name a host"))?;
        if authority.as_str().contains('@') {
            return Err(bad("it must not carry a user or password"));
        }
        if parts.path_and_query.is_some_and(|path| path != "/") {
            return Err(bad("it must end after the port"));
        }
        Ok(Self { scheme, authority })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_server_is_refused_with_the_reason() {
        let origin: Origin = "http://10.0.0.1:8080/".parse().unwrap();
        assert_eq!(origin.to_string(), "http://10.0.0.1:8080");
        let uri = origin.uri("/a?b=1".parse().unwrap()).unwrap();
        assert_eq!(uri, "http://10.0.0.1:8080/a?b=1");
        for (text, why) in [
            ("", "URL"),
            ("10.0.0.1:8080", "begin with"),
            ("ftp://a", "begin with"),
            ("http://me:secret@a", "password"),
            ("http://a/path", "end after"),
        ] {
            let error = text.parse::<Origin>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
