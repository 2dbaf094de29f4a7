//! Bodies reach the client as they come; only whole ones of a bounded size are stored.
#![cfg(feature = "response-cache")]

use crate::support::{DEADLINE, FRESH, Site, get, page};
use axum::body::{Body, Bytes};
use futures_util::stream;
use http_body::Body as _;
use http_body_util::{BodyExt, StreamBody};
use perfect21_core::ManualClock;
use perfect21_http_perf::{ResponseCache, response_cache::Refusal};
use std::{io, time::Duration};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};

fn chunks(chunks: &[Result<&'static str, &'static str>]) -> Body {
    let chunks: Vec<_> = chunks.iter().map(|chunk| chunk.map_err(io::Error::other)).collect();
    Body::from_stream(stream::iter(chunks))
}

#[tokio::test]
async fn an_error_half_way_reaches_the_client_and_is_not_stored() {
    let site = Site::new(async |_, call| match call {
        1 => page(&[FRESH], chunks(&[Ok("half "), Err("cut")])),
        _ => page(&[FRESH], chunks(&[Ok("half "), Ok("and half")])),
    });
    let mut body = site.open(get("/", &[])).await.into_body();
    assert_eq!(body.size_hint().exact(), None, "a server would announce it as the whole");
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "half ");
    assert!(body.frame().await.unwrap().unwrap_err().to_string().contains("cut"));
    assert!(body.frame().await.is_none());
    assert_eq!(site.cache.stats().refused(Refusal::Body), 1);
    assert_eq!(site.get("/").await.shown(), ("MISS", "half and half"));
    assert_eq!(site.get("/").await.shown(), ("HIT", "half and half"));
}

#[tokio::test]
async fn a_body_of_another_length_than_announced_is_not_stored() {
    for (announced, storable) in [("9", true), ("10", false), ("8", false)] {
        let site = Site::new(move |_, _| async move {
            page(&[FRESH, ("content-length", announced)], chunks(&[Ok("four"), Ok("more.")]))
        });
        site.get("/").await;
        let stats = site.cache.stats();
        assert_eq!((stats.stored, stats.refused(Refusal::Body)), (storable.into(), (!storable).into()));
        assert_eq!(stats.filling_bytes, 0);
    }
}

#[tokio::test]
async fn a_server_may_stop_reading_at_the_announced_length() {
    let site = Site::new(async |_, _| {
        let (send, receive) = mpsc::unbounded_channel();
        for chunk in ["four", "more."] {
            send.send(Ok::<_, io::Error>(chunk)).unwrap();
        }
        let never_ends = stream::unfold((send, receive), |(send, mut receive)| async move {
            Some((receive.recv().await?, (send, receive)))
        });
        page(&[FRESH, ("content-length", "9")], Body::from_stream(never_ends))
    });
    let mut body = site.open(get("/", &[])).await.into_body();
    for _ in 0..2 {
        body.frame().await.unwrap().unwrap();
    }
    drop(body);
    let again = timeout(DEADLINE, site.get("/")).await.expect("it does not wait for the end");
    assert_eq!(again.shown(), ("HIT", "fourmore."));
}

#[tokio::test]
async fn trailers_reach_the_client_and_keep_a_body_from_being_stored() {
    let site = Site::new(async |_, _| {
        let trailers = [(http::header::ETAG, "\"x\"".parse().unwrap())].into_iter().collect();
        let frames = [http_body::Frame::data(Bytes::from("data")), http_body::Frame::trailers(trailers)];
        page(&[FRESH], Body::new(StreamBody::new(stream::iter(frames.map(Ok::<_, io::Error>)))))
    });
    let body = site.open(get("/", &[])).await.into_body();
    assert_eq!(body.size_hint().exact(), None, "a server would announce it, and then send no trailers");
    let collected = body.collect().await.unwrap();
    assert_eq!(collected.trailers().unwrap()["etag"], "\"x\"");
    assert_eq!(collected.to_bytes(), "data");
    assert_eq!(site.cache.stats().refused(Refusal::Body), 1);
}

fn small(max_body_bytes: u64, max_filling_bytes: u64) -> ResponseCache {
    let cache = ResponseCache::builder().max_body_bytes(max_body_bytes).max_filling_bytes(max_filling_bytes);
    cache.build().unwrap()
}

#[tokio::test]
async fn a_body_over_the_bound_reaches_the_client_and_is_not_kept() {
    const MIB: usize = 1 << 20;
    let announced = Site::with(small(MIB as u64, 2 << 20), ManualClock::new(), async |_, _| {
        page(&[FRESH], vec![b'x'; MIB + 1])
    });
    let streamed = Site::with(small(MIB as u64, 2 << 20), ManualClock::new(), async |_, _| {
        let chunk = Bytes::from(vec![b'x'; 64 << 10]);
        page(
            &[FRESH],
            Body::from_stream(stream::iter((0..48).map(move |_| Ok::<_, io::Error>(chunk.clone())))),
        )
    });
    for (site, length) in [(announced, MIB + 1), (streamed, 48 * (64 << 10))] {
        for _ in 0..2 {
            let mut body = site.open(get("/", &[])).await.into_body();
            let mut read = 0;
            while let Some(frame) = body.frame().await {
                read += frame.unwrap().into_data().unwrap().len();
                assert!(site.cache.stats().filling_bytes <= MIB as u64);
            }
            assert_eq!(read, length);
        }
        let stats = site.cache.stats();
        assert_eq!((stats.refused(Refusal::TooLarge), stats.stored, stats.filling_bytes), (2, 0, 0));
    }
}

#[tokio::test]
async fn a_body_of_exactly_the_bound_is_stored() {
    for (length, storable) in [(1000, true), (1001, false)] {
        let site = Site::with(small(1000, 1000), ManualClock::new(), move |_, _| async move {
            page(&[FRESH], Body::from_stream(stream::iter([Ok::<_, io::Error>("x".repeat(length))])))
        });
        assert_eq!(site.get("/").await.body.len(), length);
        assert_eq!(site.cache.stats().stored, u64::from(storable));
    }
}

#[tokio::test]
async fn bodies_under_way_share_one_budget() {
    let (send, receive) = mpsc::unbounded_channel::<Result<&str, io::Error>>();
    let receive = std::sync::Mutex::new(Some(receive));
    let site = Site::with(small(1000, 1500), ManualClock::new(), move |_, call| {
        let receive = receive.lock().unwrap().take();
        async move {
            let Some(receive) = receive else { return page(&[FRESH], "y".repeat(900) + &call.to_string()) };
            let rest =
                stream::unfold(receive, |mut receive| async move { Some((receive.recv().await?, receive)) });
            page(&[FRESH], Body::from_stream(rest))
        }
    });
    send.send(Ok("0123456789".repeat(80).leak())).unwrap();
    let slow = site.open(get("/slow", &[])).await;
    assert_eq!(site.cache.stats().filling_bytes, 800);
    assert_eq!(site.get("/other").await.body.len(), 901);
    assert_eq!(site.cache.stats().refused(Refusal::Busy), 1);
    drop(send);
    assert_eq!(slow.into_body().collect().await.unwrap().to_bytes().len(), 800);
    assert_eq!(site.cache.stats().filling_bytes, 0);
    site.get("/other").await;
    assert_eq!(site.get("/other").await.header("x-cache"), Some("HIT"), "the next one has room");
}

#[tokio::test(start_paused = true)]
async fn the_first_bytes_do_not_wait_for_the_last() {
    let site = Site::new(async |_, _| {
        let trickle = stream::unfold(0, |sent| async move {
            (sent < 10).then_some(())?;
            sleep(Duration::from_millis(100)).await;
            Some((Ok::<_, io::Error>(sent.to_string()), sent + 1))
        });
        page(&[FRESH], Body::from_stream(trickle))
    });
    let began = Instant::now();
    let mut body = site.open(get("/", &[])).await.into_body();
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "0");
    assert_eq!(began.elapsed(), Duration::from_millis(100));
    assert_eq!(body.collect().await.unwrap().to_bytes(), "123456789");
    assert_eq!(site.get("/").await.shown(), ("HIT", "0123456789"));
}

#[tokio::test]
async fn a_client_that_leaves_half_way_leaves_nothing_behind() {
    let site = Site::new(async |_, call| {
        let rest = stream::unfold(call, |call| async move {
            if call == 1 {
                std::future::pending::<()>().await;
            }
            None::<(Result<&str, io::Error>, usize)>
        });
        let first = stream::iter([Ok::<_, io::Error>("first ")]);
        page(&[FRESH], Body::from_stream(futures_util::StreamExt::chain(first, rest)))
    });
    let mut body = site.open(get("/", &[])).await.into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "first ");
    drop(body);
    let stats = site.cache.stats();
    assert_eq!((stats.refused(Refusal::ClientLeft), stats.entries, stats.filling_bytes), (1, 0, 0));
    assert_eq!(site.get("/").await.shown(), ("MISS", "first "));
    assert_eq!(site.get("/").await.shown(), ("HIT", "first "));
}

#[tokio::test]
async fn a_whole_body_is_stored_before_the_client_reads() {
    let site = Site::counting(FRESH);
    let unread = site.open(get("/", &[])).await;
    assert_eq!(http_body::Body::size_hint(unread.body()).exact(), Some(1));
    assert_eq!(site.get("/").await.shown(), ("HIT", "1"));
    drop(unread);
    assert_eq!(site.get("/").await.shown(), ("HIT", "1"));
}

#[tokio::test]
async fn an_empty_body_is_a_body() {
    let site = Site::new(async |_, _| page(&[FRESH], ""));
    assert_eq!(site.get("/").await.shown(), ("MISS", ""));
    assert_eq!(site.get("/").await.shown(), ("HIT", ""));
}
