//! Hand-made conversations, cut at every place.

use super::{Sniffed, Status, Traffic, Transaction, Wire, sniffer::Sniffer};
use proptest::prelude::*;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[derive(Debug, Clone)]
enum Part {
    Sent(Vec<u8>),
    Received(Vec<u8>),
}
use Part::{Received, Sent};

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    bytes.extend((body.len() as u32 + 4).to_be_bytes());
    bytes.extend(body);
    bytes
}

fn packet(code: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = (body.len() as u32 + 8).to_be_bytes().to_vec();
    bytes.extend(code.to_be_bytes());
    bytes.extend(body);
    bytes
}

fn ready(status: u8) -> Vec<u8> {
    message(b'Z', &[status])
}

fn started() -> Vec<Part> {
    let answer =
        [message(b'R', &[0; 4]), message(b'S', b"TimeZone\0UTC\0"), message(b'K', &[7; 8]), ready(b'I')];
    vec![Sent(packet(196_608, b"user\0app\0\0")), Received(answer.concat())]
}

fn parse_bind_execute() -> Vec<u8> {
    [message(b'P', b"s1\0SELECT\0"), message(b'B', b"\0s1\0"), message(b'E', &[0; 5])].concat()
}

/// Fed whole, and in pieces of each small size.
fn run(parts: &[Part]) -> (Status, Traffic) {
    let whole = feed(parts, usize::MAX);
    for size in 1..20 {
        assert_eq!(feed(parts, size), whole, "in pieces of {size}");
    }
    whole
}

fn feed(parts: &[Part], size: usize) -> (Status, Traffic) {
    let wire = Arc::new(Wire::default());
    let mut sniffer = Sniffer::new(Arc::clone(&wire));
    for part in parts {
        match part {
            Sent(bytes) => bytes.chunks(size.min(bytes.len().max(1))).for_each(|piece| sniffer.sent(piece)),
            Received(bytes) => {
                bytes.chunks(size.min(bytes.len().max(1))).for_each(|piece| sniffer.received(piece));
            }
        }
    }
    (wire.status(), wire.traffic())
}

fn status(transaction: Transaction, in_flight: u32) -> Status {
    Status { transaction, in_flight, lost: false }
}

#[test]
fn a_server_that_speaks_before_it_is_asked_is_out_of_step() {
    for early in [&[b'N'; 3][..], &message(b'N', &[0; 9])[..8]] {
        let parts = [Received(early.to_vec()), Sent(packet(80_877_103, b"")), Received(b"S".to_vec())];
        assert!(run(&parts).0.lost);
    }
}

#[test]
fn the_start_counts_until_the_server_is_ready() {
    let (begun, _) = run(&started()[..1]);
    assert_eq!(begun, status(Transaction::Unknown, 1));
    let (done, traffic) = run(&started());
    assert_eq!(done, status(Transaction::Idle, 0));
    assert!(done.is_idle());
    assert_eq!((traffic.parameters, traffic.errors, traffic.bytes_out), (1, 0, 18));
}

#[test]
fn each_answer_tells_where_the_transaction_stands() {
    let mut parts = started();
    for (sql, answers, transaction) in [
        (&b"BEGIN\0"[..], ready(b'T'), Transaction::Open),
        (b"SELECT nonsense\0", [message(b'E', b"SERROR\0\0"), ready(b'E')].concat(), Transaction::Failed),
        (b"ROLLBACK\0", ready(b'I'), Transaction::Idle),
    ] {
        parts.push(Sent(message(b'Q', sql)));
        assert_eq!(run(&parts).0.in_flight, 1);
        parts.push(Received(answers));
        assert_eq!(run(&parts).0, status(transaction, 0));
    }
    assert_eq!(run(&parts).1.errors, 1);
}

#[test]
fn pipelined_requests_are_counted_one_by_one() {
    let mut parts = started();
    let request = [parse_bind_execute(), message(b'S', b"")].concat();
    parts.push(Sent([request.clone(), request, message(b'F', &[0; 9])].concat()));
    for left in [3, 2, 1] {
        assert_eq!(run(&parts).0.in_flight, left);
        parts.push(Received([message(b'1', b""), message(b'C', b"SELECT 1\0"), ready(b'I')].concat()));
    }
    assert_eq!(run(&parts).0, status(Transaction::Idle, 0));
}

#[test]
fn copy_in_is_under_way_until_the_second_sync_is_answered() {
    let mut parts = started();
    parts.push(Sent([parse_bind_execute(), message(b'S', b"")].concat()));
    parts.push(Received([message(b'2', b""), message(b'G', &[0; 3])].concat()));
    assert_eq!(run(&parts).0.in_flight, 1, "the swallowed Sync does not count, the copy does");
    parts.push(Sent(message(b'd', b"SZQ\n")));
    parts.push(Sent([message(b'c', b""), message(b'S', b"")].concat()));
    assert_eq!(run(&parts).0.in_flight, 1);
    parts.push(Received([message(b'C', b"COPY 1\0"), ready(b'I')].concat()));
    assert_eq!(run(&parts).0, status(Transaction::Idle, 0));
}

#[test]
fn copy_in_by_a_simple_query_keeps_its_own_answer() {
    let mut parts = started();
    parts.push(Sent(message(b'Q', b"COPY t FROM STDIN\0")));
    parts.push(Received(message(b'G', &[0; 3])));
    parts.push(Sent(message(b'c', b"")));
    assert_eq!(run(&parts).0.in_flight, 1);
    parts.push(Received([message(b'C', b"COPY 0\0"), ready(b'I')].concat()));
    assert_eq!(run(&parts).0, status(Transaction::Idle, 0));
}

#[test]
fn a_copy_that_is_dropped_or_refused_ends_with_nothing_under_way() {
    let begin = Sent([parse_bind_execute(), message(b'S', b"")].concat());
    let fail = Sent([message(b'f', b"\0"), message(b'S', b"")].concat());
    let error = message(b'E', b"SERROR\0\0");
    for rest in [
        // The client gave up before it read the answer.
        vec![
            begin.clone(),
            fail.clone(),
            Received([message(b'G', &[0; 3]), error.clone(), ready(b'I')].concat()),
        ],
        // Refused at once: both are answered.
        vec![begin.clone(), fail.clone(), Received([error.clone(), ready(b'I'), ready(b'I')].concat())],
        // Refused after it was begun, before any data was read: the first Sync is answered after all.
        vec![
            begin,
            Received([message(b'G', &[0; 3]), error, ready(b'I')].concat()),
            fail,
            Received(ready(b'I')),
        ],
    ] {
        assert_eq!(run(&[started(), rest].concat()).0, status(Transaction::Idle, 0));
    }
}

#[test]
fn a_refused_encryption_is_followed_and_a_granted_one_is_lost() {
    let ask = [Sent(packet(80_877_103, b""))];
    let refused = [&ask[..], &[Received(b"N".to_vec())], &started()].concat();
    assert_eq!(run(&refused).0, status(Transaction::Idle, 0));
    let granted = [&ask[..], &[Received(b"S".to_vec()), Sent(vec![22, 3, 1, 0, 9])]].concat();
    assert!(run(&granted).0.lost);
    let cancel = [Sent(packet(80_877_102, &[1; 8]))];
    assert_eq!(run(&cancel).0, status(Transaction::Unknown, 0));
}

#[test]
fn an_error_that_answers_nothing_ends_the_session() {
    let fatal = Received(message(b'E', b"SFATAL\0C57P01\0\0"));
    let idle = run(&[started(), vec![fatal.clone()]].concat()).0;
    assert!(idle.lost && !idle.is_idle());
    let asked = [Sent(message(b'Q', b"SELECT nonsense\0")), fatal];
    assert!(!run(&[&started()[..], &asked].concat()).0.lost);
}

#[test]
fn a_stream_out_of_step_is_lost() {
    for bad in [vec![b'Z', 0, 0, 0, 3, b'I'], vec![b'D', 0xff, 0xff, 0xff, 0xff, 1]] {
        let mut parts = started();
        parts.push(Received([bad, ready(b'I')].concat()));
        assert!(run(&parts).0.lost);
    }
    // A status that has no byte tells nothing, but is in step.
    let mut parts = started();
    parts.push(Received([message(b'Z', b""), message(b'N', b"hi\0")].concat()));
    let (seen, traffic) = run(&parts);
    assert_eq!((seen, traffic.notices), (status(Transaction::Unknown, 0), 1));
}

#[tokio::test]
async fn the_stream_reports_what_passes_and_that_it_ended() {
    let (near, mut far) = tokio::io::duplex(64);
    let wire = Arc::new(Wire::default());
    let mut stream = Sniffed::new(near, Arc::clone(&wire));
    stream.write_all(&packet(196_608, b"\0")).await.unwrap();
    far.write_all(&ready(b'I')).await.unwrap();
    let mut answer = [0; 6];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(wire.status(), status(Transaction::Idle, 0));
    assert_eq!((wire.traffic().bytes_in, wire.traffic().bytes_out), (6, 9));
    drop(far);
    assert_eq!(stream.read(&mut answer).await.unwrap(), 0);
    assert!(wire.status().lost);
}

/// One message of a conversation, and what it does to the count of answers due.
fn step() -> impl Strategy<Value = (bool, u8, Vec<u8>)> {
    let sent = prop_oneof![Just(b'Q'), Just(b'S'), Just(b'P'), Just(b'X'), Just(b'd')];
    let received = prop_oneof![Just(b'Z'), Just(b'D'), Just(b'E'), Just(b'N'), Just(b'S'), Just(b'C')];
    (any::<bool>(), sent, received, prop::collection::vec(any::<u8>(), 0..40)).prop_map(
        |(is_sent, sent, received, mut body)| {
            if !is_sent && received == b'Z' {
                body = vec![b"ITE"[body.len() % 3]];
            }
            (is_sent, if is_sent { sent } else { received }, body)
        },
    )
}

proptest! {
    /// However a conversation is cut, it is understood as a reader of whole messages would.
    #[test]
    fn any_cut_is_read_as_whole_messages_are(
        steps in prop::collection::vec(step(), 0..30),
        cuts in prop::collection::vec(1_usize..50, 1..40),
    ) {
        let wire = Arc::new(Wire::default());
        let mut sniffer = Sniffer::new(Arc::clone(&wire));
        let (mut due, mut last, mut errors, mut lost) = (0_u32, b'I', 0, false);
        for part in started() {
            match part {
                Sent(bytes) => sniffer.sent(&bytes),
                Received(bytes) => sniffer.received(&bytes),
            }
        }
        let mut cuts = cuts.iter().cycle();
        for (is_sent, tag, body) in steps {
            let bytes = message(tag, &body);
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (piece, after) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                if is_sent { sniffer.sent(piece) } else { sniffer.received(piece) }
                rest = after;
            }
            match (is_sent, tag) {
                (true, b'Q' | b'S') => due += 1,
                (false, b'Z') => { due = due.saturating_sub(1); last = body[0]; }
                (false, b'E') => { errors += 1; lost |= due == 0; }
                _ => {}
            }
            let transaction = match last {
                b'T' => Transaction::Open,
                b'E' => Transaction::Failed,
                _ => Transaction::Idle,
            };
            prop_assert_eq!(wire.status(), Status { lost, ..status(transaction, due) });
            if lost {
                break;
            }
        }
        prop_assert_eq!(wire.traffic().errors, errors);
    }

    /// Bytes without sense neither panic nor count without bound.
    #[test]
    fn noise_is_survived(parts in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..200)), 0..20)) {
        let wire = Arc::new(Wire::default());
        let mut sniffer = Sniffer::new(Arc::clone(&wire));
        let total: usize = parts.iter().map(|(_, bytes)| bytes.len()).sum();
        for (is_sent, bytes) in parts {
            if is_sent { sniffer.sent(&bytes) } else { sniffer.received(&bytes) }
        }
        prop_assert!(wire.status().in_flight as usize <= total);
    }
}
