//! A server whose every byte is scripted: blocking, one thread a connection.

#![allow(dead_code, reason = "no test file uses all of it")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::{
    collections::VecDeque,
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

pub(crate) use perfect21_test_support::wait::DEADLINE;

pub(crate) const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// What the server does after a request.
pub(crate) enum Then {
    KeepOpen,
    Close,
    /// Closes everything, the listener too.
    Die,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    dead: AtomicBool,
    accepted: AtomicUsize,
    closed: AtomicUsize,
    requests: AtomicUsize,
    lines: Mutex<VecDeque<String>>,
    streams: Mutex<Vec<TcpStream>>,
}

impl Server {
    /// Calls `answer` with each request's number, counted over all connections from 0, and its connection.
    pub(crate) fn start(answer: impl Fn(usize, &mut TcpStream) -> Then + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let (answer, shared) = (Arc::new(answer), Arc::clone(&state));
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if shared.dead.load(Ordering::SeqCst) {
                    return;
                }
                shared.accepted.fetch_add(1, Ordering::SeqCst);
                stream.set_nodelay(true).unwrap();
                shared.streams.lock().unwrap().push(stream.try_clone().unwrap());
                let (answer, shared) = (Arc::clone(&answer), Arc::clone(&shared));
                thread::spawn(move || shared.serve(stream, address, &*answer));
            }
        });
        Self { address, state }
    }

    /// Answers each request with the same bytes.
    pub(crate) fn constant(bytes: &'static [u8], close: bool) -> Self {
        Self::start(move |_, stream| {
            // A client that went away is its own business.
            let _ = stream.write_all(bytes);
            if close { Then::Close } else { Then::KeepOpen }
        })
    }

    pub(crate) fn accepted(&self) -> usize {
        self.state.accepted.load(Ordering::SeqCst)
    }

    pub(crate) fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }

    /// Connections that the client closed.
    pub(crate) fn closed(&self) -> usize {
        self.state.closed.load(Ordering::SeqCst)
    }

    /// The first lines of the requests in the order they came.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.state.lines.lock().unwrap().iter().cloned().collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.state.die(self.address);
    }
}

impl State {
    fn serve(
        &self,
        mut stream: TcpStream,
        address: SocketAddr,
        answer: &dyn Fn(usize, &mut TcpStream) -> Then,
    ) {
        while let Some(line) = read_request(&mut stream) {
            let number = self.requests.fetch_add(1, Ordering::SeqCst);
            {
                let mut lines = self.lines.lock().unwrap();
                lines.push_back(line);
                lines.truncate(10_000);
            }
            match answer(number, &mut stream) {
                Then::KeepOpen => {}
                Then::Close => {
                    let _ = stream.shutdown(Shutdown::Both);
                    return;
                }
                Then::Die => {
                    self.die(address);
                    return;
                }
            }
        }
        self.closed.fetch_add(1, Ordering::SeqCst);
    }

    fn die(&self, address: SocketAddr) {
        if !self.dead.swap(true, Ordering::SeqCst) {
            // Wakes the accepting thread, which then drops its listener.
            let _ = TcpStream::connect(address);
        }
        for stream in self.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// The first line of the next request; `None` when the client has closed the connection.
fn read_request(stream: &mut TcpStream) -> Option<String> {
    let (mut head, mut piece) = (Vec::new(), [0; 1024]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return None,
            Ok(length) => head.extend_from_slice(&piece[..length]),
        }
    }
    String::from_utf8_lossy(&head).lines().next().map(str::to_owned)
}

/// Waits until `reached`, and fails with `state` when that takes too long.
pub(crate) fn wait_for(what: &str, state: impl Fn() -> String, reached: impl Fn() -> bool) {
    let start = Instant::now();
    while !reached() {
        assert!(start.elapsed() < DEADLINE, "no {what} within {DEADLINE:?}: {}", state());
        thread::sleep(Duration::from_millis(1));
    }
}
