use super::*;
use http::Response;

const NOW: Duration = Duration::from_secs(784_111_777); // Sun, 06 Nov 1994 08:49:37 GMT

fn parts(lines: &[(&'static str, &'static str)]) -> Parts {
    let mut answer = Response::builder();
    for (name, value) in lines {
        answer = answer.header(*name, *value);
    }
    answer.body(()).unwrap().into_parts().0
}

fn judge(lines: &[(&'static str, &'static str)]) -> Result<Freshness, Refusal> {
    storable(&parts(lines), Encodings::NONE, || SystemTime::UNIX_EPOCH + NOW)
}

const FRESH: (&str, &str) = ("cache-control", "max-age=60");

#[test]
fn what_is_not_for_all_is_refused() {
    for (line, refusal) in [
        (("set-cookie", "a=b"), Refusal::SetCookie),
        (("content-range", "bytes 0-1/2"), Refusal::Status),
        (("cache-control", "private"), Refusal::Forbidden),
        (("cache-control", "no-store"), Refusal::Forbidden),
        (("pragma", "no-cache"), Refusal::Forbidden),
        (("cache-control", "max-age=5"), Refusal::Malformed),
        (("cache-control", "s-maxage=0"), Refusal::Stale),
        (("vary", "*"), Refusal::Vary),
        (("vary", "accept-encoding, x-user"), Refusal::Vary),
        (("vary", "cookie"), Refusal::Vary),
        (("vary", "accept encoding"), Refusal::Vary),
        (("content-encoding", "gzip"), Refusal::Vary),
        (("age", "60"), Refusal::Stale),
        (("age", "1.5"), Refusal::Malformed),
        (("age", "-1"), Refusal::Malformed),
        (("date", "yesterday"), Refusal::Malformed),
        (("date", "Sun, 06 Nov 1994 08:48:37 GMT"), Refusal::Stale),
    ] {
        assert_eq!(judge(&[FRESH, line]), Err(refusal), "{line:?}");
        assert_eq!(judge(&[line, FRESH]), Err(refusal), "{line:?}");
    }
    assert_eq!(judge(&[]), Err(Refusal::NoLifetime));
    assert_eq!(judge(&[("expires", "Sun, 06 Nov 2094 08:49:37 GMT")]), Err(Refusal::NoLifetime));
    assert_eq!(judge(&[FRESH, ("age", "1"), ("age", "1")]), Err(Refusal::Malformed));
    for status in [201, 203, 204, 206, 301, 304, 404, 500] {
        let mut parts = parts(&[FRESH]);
        parts.status = StatusCode::from_u16(status).unwrap();
        assert_eq!(storable(&parts, Encodings::NONE, SystemTime::now), Err(Refusal::Status), "{status}");
    }
}

#[test]
fn what_is_fresh_for_all_is_stored_and_keeps_its_age() {
    for (lines, age) in [
        (&[FRESH][..], 0),
        (&[FRESH, ("vary", "Accept-Encoding"), ("vary", "accept-encoding,")], 0),
        (&[FRESH, ("age", "7")], 7),
        (&[FRESH, ("date", "Sun, 06 Nov 1994 08:49:30 GMT")], 7),
        (&[FRESH, ("age", "5"), ("date", "Sun, 06 Nov 1994 08:49:30 GMT")], 7),
        (&[FRESH, ("date", "Sun, 06 Nov 1994 09:00:00 GMT")], 0),
    ] {
        let expected = Freshness { lifetime: Duration::from_secs(60), age: Duration::from_secs(age) };
        assert_eq!(judge(lines), Ok(expected), "{lines:?}");
    }
}

#[test]
fn headers_of_the_connection_are_stripped() {
    let mut headers = parts(&[
        ("connection", "close, X-Hop"),
        ("x-hop", "1"),
        ("keep-alive", "timeout=5"),
        ("transfer-encoding", "chunked"),
        ("proxy-authenticate", "Basic"),
        ("x-end", "1"),
    ])
    .headers;
    strip_connection_headers(&mut headers);
    assert_eq!(headers.keys().collect::<Vec<_>>(), ["x-end"]);
}

#[test]
fn an_answer_gets_a_date_once() {
    let at = |seconds| move || SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let mut headers = HeaderMap::new();
    date(&mut headers, at(253_402_300_800));
    date(&mut headers, || SystemTime::UNIX_EPOCH - NOW);
    assert!(headers.is_empty(), "years that the format has no room for");
    date(&mut headers, at(NOW.as_secs()));
    date(&mut headers, at(0));
    assert_eq!(headers[header::DATE], "Sun, 06 Nov 1994 08:49:37 GMT");
}
