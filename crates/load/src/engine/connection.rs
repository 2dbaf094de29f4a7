use super::{
    Engine,
    response::{Response, ResponseParser, Watched},
};
use crate::{
    record::{Failure, Outcome},
    request_list::Request,
    schedule::Ticket,
};
use std::{
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Sleep,
};

/// After a failed connection the next is tried this much later, doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
/// … but never later than this, so that a server that is back is soon found.
const LONGEST_PAUSE: Duration = Duration::from_millis(160);

/// Opens one connection.
pub(super) async fn open(address: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    let stream = match tokio::time::timeout(timeout, TcpStream::connect(address)).await {
        Ok(connected) => connected?,
        Err(_) => {
            return Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {timeout:?}")));
        }
    };
    // Where nobody listens any more the system may pick the server's own port for our end, and join it to itself.
    if stream.local_addr()? == address {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// One connection, which sends one request after another and is opened anew when it breaks.
#[derive(Debug)]
pub(super) struct Connection {
    engine: Rc<Engine>,
    stream: Option<TcpStream>,
    parser: ResponseParser,
    /// Set lazily: it goes off at some earlier request's time limit and is then set to the current one's, so that a
    /// request in time costs no timer.
    alarm: Pin<Box<Sleep>>,
    pause: Duration,
}

/// How an exchange failed, and whether any byte of an answer had come.
struct Broken {
    failure: Failure,
    answered: bool,
}

/// What one exchange needs, split off so that its future borrows single fields.
struct Exchange<'a> {
    engine: &'a Engine,
    stream: &'a mut TcpStream,
    parser: &'a mut ResponseParser,
    unsent: &'a [u8],
    received: u64,
}

impl Connection {
    pub(super) fn new(engine: Rc<Engine>, stream: TcpStream, watched: Option<Watched>) -> Self {
        Self {
            engine,
            stream: Some(stream),
            parser: ResponseParser::new(watched),
            alarm: Box::pin(tokio::time::sleep(Duration::ZERO)),
            pause: FIRST_PAUSE,
        }
    }

    /// Sends until there is nothing more to send.
    pub(super) async fn run(mut self) {
        let engine = Rc::clone(&self.engine);
        while let Some(ticket) = engine.ticket().await {
            engine.attempt(&ticket);
            let outcome = self.perform(&engine, ticket).await;
            engine.finish(&outcome);
            match outcome.result {
                Ok(response) => {
                    self.pause = FIRST_PAUSE;
                    if !response.keep_alive {
                        self.stream = None;
                    }
                }
                Err(_) => {
                    self.stream = None;
                    tokio::time::sleep(self.pause).await;
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    async fn perform(&mut self, engine: &Engine, ticket: Ticket) -> Outcome {
        let position = engine.list.next_position();
        let request = engine.list.at(position);
        let deadline = Instant::now() + engine.timeout;
        let mut sent = None;
        let mut bytes_in = 0;
        let result = loop {
            let kept = self.stream.is_some();
            let stream = match &mut self.stream {
                Some(stream) => stream,
                closed => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    match open(engine.address, left).await {
                        Ok(stream) => {
                            engine.reconnected(&ticket);
                            closed.insert(stream)
                        }
                        Err(_) => break Err(Failure::Connect),
                    }
                }
            };
            let parser = &mut self.parser;
            let mut exchange = Exchange { engine, stream, parser, unsent: request.bytes, received: 0 };
            sent = Some(Instant::now());
            let answer = exchange.run(&mut self.alarm, request, deadline).await;
            bytes_in += exchange.received;
            match answer {
                Ok(response) => break Ok(response),
                // The server closed the connection while it was idle; that is no fault of this request.
                Err(Broken { failure: Failure::Closed, answered: false }) if kept => self.stream = None,
                Err(broken) => break Err(broken.failure),
            }
        };
        let first_pass = engine.list.is_first_pass(position);
        Outcome { ticket, first_pass, sent, ended: Instant::now(), bytes_in, result }
    }
}

impl Exchange<'_> {
    async fn run(
        &mut self,
        alarm: &mut Pin<Box<Sleep>>,
        request: Request<'_>,
        deadline: Instant,
    ) -> Result<Response, Broken> {
        self.parser.begin(request.head);
        let result = poll_fn(|cx| {
            if let Poll::Ready(result) = self.poll(cx) {
                return Poll::Ready(result);
            }
            while alarm.as_mut().poll(cx).is_ready() {
                if Instant::now() >= deadline {
                    return Poll::Ready(Err(Failure::Timeout));
                }
                alarm.as_mut().reset(deadline.into());
            }
            Poll::Pending
        })
        .await;
        result.map_err(|failure| Broken { failure, answered: self.received > 0 })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response, Failure>> {
        while !self.unsent.is_empty() {
            match ready!(Pin::new(&mut *self.stream).poll_write(cx, self.unsent)) {
                Ok(0) | Err(_) => return Poll::Ready(Err(Failure::Closed)),
                Ok(written) => self.unsent = &self.unsent[written..],
            }
        }
        let mut buffer = self.engine.read_buffer.borrow_mut();
        loop {
            // The buffer is larger than most answers: after a short read tokio knows without a system call that
            // there is no more.
            let mut piece = ReadBuf::new(&mut buffer);
            if ready!(Pin::new(&mut *self.stream).poll_read(cx, &mut piece)).is_err() {
                return Poll::Ready(Err(Failure::Closed));
            }
            let piece = piece.filled();
            if piece.is_empty() {
                return Poll::Ready(self.parser.close().ok_or(Failure::Closed));
            }
            self.received += piece.len() as u64;
            match self.parser.feed(piece) {
                Ok(None) => {}
                Ok(Some(response)) => return Poll::Ready(Ok(response)),
                Err(_) => return Poll::Ready(Err(Failure::Malformed)),
            }
        }
    }
}
