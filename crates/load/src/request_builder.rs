use crate::request_list::RequestList;
use perfect21_core::ConfigError;

/// Makes a [`RequestList`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `build()`"]
pub struct RequestListBuilder {
    host: String,
    headers: Vec<(String, String)>,
    targets: Vec<Target>,
    order: Option<Vec<u32>>,
}

#[derive(Debug, Clone)]
struct Target {
    path: String,
    head: bool,
}

impl RequestListBuilder {
    pub(crate) fn new(host: String) -> Self {
        Self { host, headers: Vec::new(), targets: Vec::new(), order: None }
    }

    /// Adds a header to every request, wherever in the chain it stands. Default: `Host` only.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds a GET of this path, with its query.
    pub fn get(mut self, path: impl Into<String>) -> Self {
        self.targets.push(Target { path: path.into(), head: false });
        self
    }

    /// Adds a GET of each path.
    pub fn gets<P: Into<String>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.targets.extend(paths.into_iter().map(|path| Target { path: path.into(), head: false }));
        self
    }

    /// Adds a HEAD of this path, with its query.
    pub fn head(mut self, path: impl Into<String>) -> Self {
        self.targets.push(Target { path: path.into(), head: true });
        self
    }

    /// Sets the order in which requests are sent, as indices from 0 in the order they were added. Default: one after
    /// the other.
    pub fn order(mut self, order: impl IntoIterator<Item = u32>) -> Self {
        self.order = Some(order.into_iter().collect());
        self
    }

    /// Builds the bytes of every request.
    ///
    /// # Errors
    /// If there is no request or no order, an index of the order has no request, or a host, path or header holds bytes
    /// that HTTP does not allow there.
    pub fn build(self) -> Result<RequestList, ConfigError> {
        self.check()?;
        let count = u32::try_from(self.targets.len())
            .map_err(|_| ConfigError::new("requests", self.targets.len(), "at most 2³² − 1 requests"))?;
        let order = self.order.unwrap_or_else(|| (0..count).collect());
        if order.is_empty() {
            return Err(ConfigError::new("order", "[]", "must name at least one request"));
        }
        if let Some(bad) = order.iter().find(|index| **index >= count) {
            return Err(ConfigError::new("order", bad, format!("indices must be below {count}")));
        }
        let mut tail = format!(" HTTP/1.1\r\nhost: {}\r\n", self.host);
        for (name, value) in &self.headers {
            tail.extend([name, ": ", value, "\r\n"]);
        }
        tail.push_str("\r\n");
        let mut bytes = Vec::new();
        let mut requests = Vec::with_capacity(self.targets.len());
        for Target { path, head } in &self.targets {
            let start = bytes.len();
            bytes.extend_from_slice(if *head { b"HEAD " } else { b"GET " });
            bytes.extend_from_slice(path.as_bytes());
            bytes.extend_from_slice(tail.as_bytes());
            requests.push((start..bytes.len(), *head));
        }
        Ok(RequestList::from_parts(bytes, requests, order))
    }

    fn check(&self) -> Result<(), ConfigError> {
        if self.targets.is_empty() {
            return Err(ConfigError::new("requests", 0, "add at least one, for example `.get(\"/\")`"));
        }
        if self.host.is_empty() || !self.host.bytes().all(is_visible) {
            return Err(refused(
                "host_header",
                &self.host,
                "must be a host name, with its port if it has one",
            ));
        }
        for Target { path, .. } in &self.targets {
            if !path.starts_with('/') || !path.bytes().all(is_visible) || path.contains('#') {
                let rule = "must start with `/` and hold neither spaces, `#` nor bytes outside ASCII: percent-encode them";
                return Err(refused("path", path, rule));
            }
        }
        for (name, value) in &self.headers {
            if name.is_empty() || !name.bytes().all(is_token) {
                return Err(refused("header", name, "must be a header name: letters, digits, `-`"));
            }
            if ["host", "content-length", "transfer-encoding", "connection", "upgrade"]
                .iter()
                .any(|own| name.eq_ignore_ascii_case(own))
            {
                return Err(refused("header", name, "is the generator's own business"));
            }
            if !value.bytes().all(|b| is_visible(b) || b == b' ' || b == b'\t' || b >= 0x80) {
                return Err(refused("header", value, "must be a header value without control characters"));
            }
        }
        Ok(())
    }
}

#[cold]
fn refused(setting: &'static str, value: &str, rule: &str) -> ConfigError {
    let short: String = value.chars().take(80).collect();
    ConfigError::new(setting, short.escape_debug(), rule)
}

pub(crate) fn is_visible(byte: u8) -> bool {
    byte.is_ascii_graphic()
}

/// A byte of a header name: a token of RFC 9110 5.6.2.
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_http_does_not_allow_is_refused() {
        let good = || RequestList::builder("h").get("/");
        for (builder, setting) in [
            (RequestList::builder("h"), "requests"),
            (RequestList::builder("").get("/"), "host_header"),
            (RequestList::builder("a\r\nb").get("/"), "host_header"),
            (good().get("a"), "path"),
            (good().get("/a b"), "path"),
            (good().get("/a\r\nx: y"), "path"),
            (good().get("/ü"), "path"),
            (good().order([]), "order"),
            (good().order([0, 1]), "order"),
            (good().header("", "x"), "header"),
            (good().header("a b", "x"), "header"),
            (good().header("a", "x\r\ny"), "header"),
            (good().header("Connection", "close"), "header"),
        ] {
            let error = builder.build().unwrap_err();
            assert_eq!(error.setting(), setting, "{error}");
        }
    }
}
