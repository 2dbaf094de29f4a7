//! Each fault of the proxy is seen through real sockets, and none of them outlives its end.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    time::{Duration, Instant},
};

use perfect21_test_support::{
    fault::{Proxy, Stats, Way},
    wait,
};

struct Pair {
    proxy: Proxy,
    listener: TcpListener,
    client: TcpStream,
    server: TcpStream,
}

fn pair() -> Pair {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap()).unwrap();
    let (client, server) = connect(&proxy, &listener);
    Pair { proxy, listener, client, server }
}

fn connect(proxy: &Proxy, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = patient(TcpStream::connect(proxy.addr()).unwrap());
    let server = patient(listener.accept().unwrap().0);
    (client, server)
}

/// A read that gets nothing fails the test instead of hanging it.
fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(wait::DEADLINE)).unwrap();
    stream
}

fn read<const N: usize>(stream: &mut TcpStream) -> [u8; N] {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

/// Whether the other side has closed or reset this one, once its bytes are read.
fn is_cut(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0; 1024]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

/// Waits on what the proxy says of itself.
fn until(proxy: &Proxy, what: &str, right: impl Fn(&Stats) -> bool) {
    wait::until(what, || {
        let stats = proxy.stats();
        if right(&stats) { Ok(()) } else { Err(format!("{stats:?}")) }
    })
    .unwrap();
}

#[test]
fn without_faults_all_bytes_pass_in_order_and_are_counted() {
    let Pair { proxy, mut client, mut server, .. } = pair();
    let sent: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let echo = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        server.read_to_end(&mut bytes).unwrap();
        server.write_all(&bytes).unwrap();
    });
    let mut got = Vec::new();
    let mut half = client.try_clone().unwrap();
    let bytes = sent.clone();
    let writer = std::thread::spawn(move || {
        half.write_all(&bytes).unwrap();
        half.shutdown(Shutdown::Write).unwrap();
    });
    client.read_to_end(&mut got).unwrap();
    writer.join().unwrap();
    echo.join().unwrap();
    assert!(got == sent, "the bytes differ");
    until(&proxy, "the closing", |stats| stats.open == 0);
    let stats = proxy.stats();
    assert_eq!((stats.accepted, stats.to_server, stats.to_client), (1, 3_000_000, 3_000_000));
    assert_eq!((stats.cut, stats.swallowed, stats.over_limit), (0, 0, 0));
}

#[test]
fn a_half_close_is_passed_on_while_the_other_half_works() {
    let Pair { proxy: _proxy, mut client, mut server, .. } = pair();
    client.write_all(b"question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut question = String::new();
    server.read_to_string(&mut question).unwrap();
    assert_eq!(question, "question");
    server.write_all(b"answer").unwrap();
    assert_eq!(&read::<6>(&mut client), b"answer");
}

#[test]
fn a_delay_holds_each_way_back_by_itself_and_pass_lets_go() {
    let Pair { proxy, mut client, mut server, .. } = pair();
    let delay = Duration::from_millis(60);
    for (way, at_least) in [(Way::ToServer, delay), (Way::ToClient, delay), (Way::Both, 2 * delay)] {
        proxy.delay(way, delay);
        let begin = Instant::now();
        client.write_all(b"x").unwrap();
        read::<1>(&mut server);
        server.write_all(b"y").unwrap();
        read::<1>(&mut client);
        assert!(begin.elapsed() >= at_least, "{way:?} took {:?}", begin.elapsed());
        proxy.pass();
    }
    proxy.delay(Way::Both, Duration::MAX);
    client.write_all(b"late").unwrap();
    proxy.pass();
    assert_eq!(&read::<4>(&mut server), b"late");
}

#[test]
fn a_delay_does_not_limit_how_much_is_under_way() {
    let Pair { proxy, mut client, mut server, .. } = pair();
    proxy.delay(Way::ToServer, Duration::from_millis(100));
    let begin = Instant::now();
    for _ in 0..50 {
        client.write_all(&[7; 100]).unwrap();
        // Each write is read by the proxy on its own, as far as the system lets it.
        std::thread::yield_now();
    }
    read::<5000>(&mut server);
    // One after the other they would take 5 s.
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
}

#[test]
fn a_cut_resets_open_connections_and_spares_new_ones() {
    let Pair { proxy, listener, mut client, mut server } = pair();
    client.write_all(b"x").unwrap();
    read::<1>(&mut server);
    proxy.cut();
    assert!(is_cut(&mut client) && is_cut(&mut server));
    assert_eq!((proxy.stats().cut, proxy.stats().open), (1, 0));
    let (mut client, mut server) = connect(&proxy, &listener);
    client.write_all(b"again").unwrap();
    assert_eq!(&read::<5>(&mut server), b"again");
}

#[test]
fn refusing_means_that_nobody_listens_while_open_connections_stay() {
    let Pair { proxy, listener, mut client, mut server } = pair();
    proxy.refuse();
    let refused = TcpStream::connect(proxy.addr()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    client.write_all(b"still").unwrap();
    assert_eq!(&read::<5>(&mut server), b"still");
    proxy.pass();
    connect(&proxy, &listener);
}

#[test]
fn a_stall_loses_nothing() {
    let Pair { proxy, mut client, mut server, .. } = pair();
    proxy.stall(Way::ToServer);
    client.write_all(b"held").unwrap();
    // The other way still works, and shows that the proxy has had its turn.
    server.write_all(b"y").unwrap();
    read::<1>(&mut client);
    assert_eq!(proxy.stats().to_server, 0);
    server.set_nonblocking(true).unwrap();
    assert_eq!(server.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    server.set_nonblocking(false).unwrap();
    proxy.pass();
    assert_eq!(&read::<4>(&mut server), b"held");
}

#[test]
fn a_black_hole_swallows_and_cuts_what_it_damaged_when_it_ends() {
    let Pair { proxy, listener, mut client, mut server } = pair();
    let (mut idle, mut idle_server) = connect(&proxy, &listener);
    proxy.black_hole(Way::Both);
    // More than any buffer holds: it is read and thrown away.
    client.write_all(&vec![1; 8 << 20]).unwrap();
    let mut late = TcpStream::connect(proxy.addr()).unwrap();
    late.write_all(b"anybody?").unwrap();
    until(&proxy, "swallowing", |stats| stats.swallowed == (8 << 20) + 8);
    assert_eq!(proxy.stats().to_server, 0);
    proxy.pass();
    assert!(is_cut(&mut client) && is_cut(&mut server) && is_cut(&mut late));
    idle.write_all(b"whole").unwrap();
    assert_eq!(&read::<5>(&mut idle_server), b"whole");
}

#[test]
fn a_throttle_bounds_the_rate_and_pass_lets_the_rest_go() {
    let Pair { proxy, mut client, mut server, .. } = pair();
    proxy.throttle(Way::ToClient, 100_000);
    let begin = Instant::now();
    server.write_all(&[3; 30_000]).unwrap();
    read::<30_000>(&mut client);
    // One portion, a fiftieth of a second's worth, may be in hand at the start.
    assert!(begin.elapsed() >= Duration::from_millis(270), "{:?}", begin.elapsed());
    proxy.throttle(Way::ToClient, 1);
    server.write_all(&[4; 100_000]).unwrap();
    proxy.pass();
    read::<100_000>(&mut client);
}

#[test]
fn a_cut_after_n_bytes_lets_exactly_n_pass_and_happens_once() {
    for (bytes, chunk) in [(0, 10), (1, 10), (9, 10), (10, 10), (1000, 64)] {
        let Pair { proxy, listener, mut client, mut server } = pair();
        proxy.cut_after(Way::ToServer, bytes as u64);
        while client.write_all(&vec![5; chunk]).is_ok() && proxy.stats().cut == 0 {}
        let mut got = Vec::new();
        // The bytes come before the end, whichever end it is.
        let _ = server.read_to_end(&mut got);
        assert_eq!(got.len(), bytes, "after {bytes}");
        assert!(is_cut(&mut client), "after {bytes}");
        assert_eq!(proxy.stats().cut, 1);
        let (mut client, mut server) = connect(&proxy, &listener);
        client.write_all(&[6; 2000]).unwrap();
        read::<2000>(&mut server);
    }
}

#[test]
fn a_reset_of_one_side_reaches_the_other() {
    let Pair { proxy: _proxy, mut client, server, .. } = pair();
    client.write_all(b"unread").unwrap();
    wait::until("the bytes", || server.peek(&mut [0]).map_err(|error| error.to_string())).unwrap();
    // Closing with bytes unread is a reset.
    drop(server);
    assert!(is_cut(&mut client));
}

#[test]
fn a_server_that_is_down_resets_the_client_and_its_return_is_seen() {
    let Pair { proxy, listener, .. } = pair();
    let target = listener.local_addr().unwrap();
    drop(listener);
    let mut client = patient(TcpStream::connect(proxy.addr()).unwrap());
    assert!(is_cut(&mut client));
    let listener = TcpListener::bind(target).unwrap();
    connect(&proxy, &listener);
}

#[test]
fn beyond_its_limit_it_resets_and_room_can_be_used_again() {
    let Pair { proxy, listener, client, server } = pair();
    let mut held = vec![(client, server)];
    held.extend((1..Proxy::MAX_CONNECTIONS).map(|_| connect(&proxy, &listener)));
    let mut beyond = patient(TcpStream::connect(proxy.addr()).unwrap());
    assert!(is_cut(&mut beyond));
    assert_eq!((proxy.stats().open, proxy.stats().over_limit), (Proxy::MAX_CONNECTIONS, 1));
    held.truncate(1);
    until(&proxy, "room", |stats| stats.open == 1);
    connect(&proxy, &listener);
}

#[test]
fn dropping_it_ends_its_thread_and_connections() {
    let Pair { proxy, mut client, .. } = pair();
    let addr = proxy.addr();
    proxy.stall(Way::Both);
    drop(proxy);
    assert!(is_cut(&mut client));
    assert_eq!(TcpStream::connect(addr).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}
