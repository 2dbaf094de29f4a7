use super::{
    Origin, Upstream, UpstreamError,
    request::{Parts, bad},
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use http_body::Body;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use perfect21_concurrency::balance::{RunError, Verdict};
use std::{
    error::Error,
    future::poll_fn,
    time::{Duration, SystemTime},
};
use tower_service::Service;

/// An answer with success.
pub(super) struct Sent {
    pub(super) origin: Origin,
    pub(super) body: Bytes,
}

impl<C> Upstream<C> {
    pub(super) async fn ask<B>(&self, parts: &Parts) -> Result<Sent, UpstreamError>
    where
        C: Service<http::Request<Full<Bytes>>, Response = http::Response<B>> + Clone,
        C::Error: Into<Box<dyn Error + Send + Sync>>,
        B: Body,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        if !parts.may_repeat {
            let pick = self.balancer.pick().map_err(UpstreamError::NoEndpoint)?;
            let result = self.try_at(pick.endpoint(), parts).await;
            judge(&result).tell(pick);
            return result;
        }
        let result =
            self.balancer.run_judged(judge, |server| async move { self.try_at(&server, parts).await }).await;
        result.map_err(|error| match error {
            RunError::NoEndpoint(error) => UpstreamError::NoEndpoint(error),
            RunError::Failed { source, .. } => source,
            // All that there are today.
            other => bad("the request".to_owned(), other.to_string().into()),
        })
    }

    async fn try_at<B>(&self, origin: &Origin, parts: &Parts) -> Result<Sent, UpstreamError>
    where
        C: Service<http::Request<Full<Bytes>>, Response = http::Response<B>> + Clone,
        C::Error: Into<Box<dyn Error + Send + Sync>>,
        B: Body,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let timeout = self.timeout;
        let answer = tokio::time::timeout(timeout, self.exchange(origin, parts)).await;
        answer.unwrap_or_else(|_| Err(UpstreamError::Timeout { origin: origin.clone(), timeout }))
    }

    async fn exchange<B>(&self, origin: &Origin, parts: &Parts) -> Result<Sent, UpstreamError>
    where
        C: Service<http::Request<Full<Bytes>>, Response = http::Response<B>> + Clone,
        C::Error: Into<Box<dyn Error + Send + Sync>>,
        B: Body,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let lost = |source| UpstreamError::Client { origin: origin.clone(), source };
        let mut client = self.client.clone();
        poll_fn(|context| client.poll_ready(context)).await.map_err(|error| lost(error.into()))?;
        let answer = client.call(parts.to(origin)?).await.map_err(|error| lost(error.into()))?;
        let (head, body) = answer.into_parts();
        let body = match Limited::new(body, self.max_body).collect().await {
            Ok(body) => body.to_bytes(),
            // What went wrong is the status; a text that is too long to be told does not change that.
            Err(error) if error.is::<LengthLimitError>() && !head.status.is_success() => Bytes::new(),
            Err(error) if error.is::<LengthLimitError>() => {
                return Err(UpstreamError::TooLong { origin: origin.clone(), max_body: self.max_body });
            }
            Err(error) => return Err(lost(error)),
        };
        if head.status.is_success() {
            return Ok(Sent { origin: origin.clone(), body });
        }
        let retry_after = retry_after(&head.headers, SystemTime::now());
        Err(UpstreamError::Status { origin: origin.clone(), status: head.status, body, retry_after })
    }
}

impl Parts {
    fn to(&self, origin: &Origin) -> Result<http::Request<Full<Bytes>>, UpstreamError> {
        let invalid = |error: http::Error| bad(format!("the path `{}`", self.path), error.into());
        let mut request = http::Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = origin.uri(self.path.clone()).map_err(invalid)?;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }
}

fn judge(result: &Result<Sent, UpstreamError>) -> Verdict {
    use UpstreamError as E;
    match result {
        Err(E::Timeout { .. } | E::Client { .. }) => Verdict::Failure,
        Err(E::Status { status, retry_after, .. }) => match *status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                Verdict::Overloaded(*retry_after)
            }
            StatusCode::INTERNAL_SERVER_ERROR | StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
                Verdict::Failure
            }
            _ => Verdict::Success,
        },
        // It was not asked.
        Err(E::BadRequest { .. } | E::NoEndpoint(_)) => Verdict::Ignore,
        Ok(_) | Err(E::TooLong { .. } | E::Decode { .. }) => Verdict::Success,
    }
}

/// In seconds, or until a date (RFC 9110, section 10.2.3); what is neither says nothing.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let of = |text: &'static str| {
            retry_after(&HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]), now)
        };
        assert_eq!(of("120"), Some(Duration::from_secs(120)));
        assert_eq!(of("Sun, 06 Nov 1994 08:49:47 GMT"), Some(Duration::from_secs(10)));
        assert_eq!(of("Sun, 06 Nov 1994 08:49:27 GMT"), Some(Duration::ZERO));
        assert_eq!(of("soon"), None);
        assert_eq!(of("-1"), None);
        assert_eq!(of("99999999999999999999999"), None);
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
