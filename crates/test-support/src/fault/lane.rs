use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    time::{Duration, Instant},
};

/// Bytes that one direction of a connection holds before it stops reading.
const WINDOW: usize = 256 * 1024;
const CHUNK: usize = 16 * 1024;
/// A throttled lane writes in portions of this part of a second.
const PORTIONS_A_SECOND: u64 = 50;

/// What happens to the bytes of one way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Flow {
    #[default]
    Pass,
    Stall,
    Swallow,
}

/// The faults of one way, the same for all connections.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Faults {
    pub(super) delay: Duration,
    pub(super) bytes_per_second: Option<u64>,
    pub(super) flow: Flow,
    /// How many bytes still pass before a connection is cut.
    pub(super) cut_after: Option<u64>,
}

/// One direction of one connection.
#[derive(Debug)]
pub(super) struct Lane {
    queue: VecDeque<Chunk>,
    queued: usize,
    /// When the source closed its side.
    ended: Option<Instant>,
    /// The destination has been told of that.
    pub(super) closed: bool,
    pub(super) readable: bool,
    /// The destination's buffer was full.
    pub(super) blocked: bool,
    /// Bytes were swallowed: the stream has a gap.
    pub(super) lossy: bool,
    credit: f64,
    credit_at: Instant,
}

#[derive(Debug)]
struct Chunk {
    read_at: Instant,
    bytes: Vec<u8>,
    sent: usize,
}

/// How a turn of writing ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wrote {
    Bytes(u64),
    /// The last byte before the cut has been written.
    Cut(u64),
}

impl Lane {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            queue: VecDeque::new(),
            queued: 0,
            ended: None,
            closed: false,
            readable: false,
            blocked: false,
            lossy: false,
            credit: 0.0,
            credit_at: now,
        }
    }

    pub(super) fn wants_read(&self, faults: &Faults) -> bool {
        self.ended.is_none() && faults.flow != Flow::Stall && self.queued < WINDOW
    }

    pub(super) fn wants_write(&self, faults: &Faults) -> bool {
        self.blocked && faults.flow == Flow::Pass
    }

    /// Reads once; gives the number of bytes that were swallowed.
    pub(super) fn read(&mut self, mut from: &TcpStream, now: Instant, faults: &Faults) -> io::Result<u64> {
        if !self.readable || !self.wants_read(faults) {
            return Ok(0);
        }
        self.readable = false;
        let mut bytes = vec![0; CHUNK];
        let count = match from.read(&mut bytes) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return Ok(0);
            }
            count => count?,
        };
        if count == 0 {
            self.ended = Some(now);
        } else if faults.flow == Flow::Swallow {
            self.lossy = true;
            return Ok(count as u64);
        } else {
            bytes.truncate(count);
            self.queued += count;
            self.queue.push_back(Chunk { read_at: now, bytes, sent: 0 });
        }
        Ok(0)
    }

    /// Writes what is due, then the end of the stream when that is due.
    pub(super) fn write(
        &mut self,
        mut to: &TcpStream,
        now: Instant,
        faults: &mut Faults,
    ) -> io::Result<Wrote> {
        let mut total = 0;
        if faults.flow != Flow::Pass || self.blocked {
            return Ok(Wrote::Bytes(0));
        }
        while let Some(chunk) = self.queue.front_mut() {
            if chunk.read_at + faults.delay > now {
                return Ok(Wrote::Bytes(total));
            }
            if faults.cut_after == Some(0) {
                return Ok(Wrote::Cut(total));
            }
            let rest = &chunk.bytes[chunk.sent..];
            let allowed = match faults.bytes_per_second {
                Some(rate) => allowance(rate, &mut self.credit, &mut self.credit_at, now, self.queued),
                None => u64::MAX,
            };
            let allowed = allowed.min(faults.cut_after.unwrap_or(u64::MAX));
            if allowed == 0 {
                return Ok(Wrote::Bytes(total));
            }
            let portion = usize::try_from(allowed).unwrap_or(usize::MAX).min(rest.len());
            let count = match to.write(&rest[..portion]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.blocked = true;
                    return Ok(Wrote::Bytes(total));
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                count => count?,
            };
            chunk.sent += count;
            if chunk.sent == chunk.bytes.len() {
                self.queue.pop_front();
            }
            self.queued -= count;
            total += count as u64;
            if faults.bytes_per_second.is_some() {
                self.credit -= count as f64;
            }
            if let Some(left) = &mut faults.cut_after {
                *left -= count as u64;
                if *left == 0 {
                    return Ok(Wrote::Cut(total));
                }
            }
        }
        if !self.closed && self.ended.is_some_and(|at| at + faults.delay <= now) {
            self.closed = true;
            // The destination may have gone already, which its own lane will tell.
            let _ = to.shutdown(Shutdown::Write);
        }
        Ok(Wrote::Bytes(total))
    }

    /// When time alone makes something due.
    pub(super) fn due(&self, faults: &Faults) -> Option<Instant> {
        if faults.flow != Flow::Pass || self.blocked {
            return None;
        }
        let Some(chunk) = self.queue.front() else {
            return self.ended.filter(|_| !self.closed).map(|at| at + faults.delay);
        };
        let delayed = chunk.read_at + faults.delay;
        Some(match faults.bytes_per_second {
            Some(rate) => {
                let missing = (portion(rate, self.queued) - self.credit).max(0.0);
                delayed.max(self.credit_at + Duration::from_secs_f64(missing / rate as f64))
            }
            None => delayed,
        })
    }
}

/// The bytes that are worth a write under a throttle: a portion, or all there is.
fn portion(rate: u64, queued: usize) -> f64 {
    ((rate / PORTIONS_A_SECOND).max(1) as f64).min(queued as f64)
}

/// The bytes that may be written now; unused credit is worth one portion at most.
fn allowance(rate: u64, credit: &mut f64, credit_at: &mut Instant, now: Instant, queued: usize) -> u64 {
    let full = (rate / PORTIONS_A_SECOND).max(1) as f64;
    let earned = now.saturating_duration_since(*credit_at).as_secs_f64() * rate as f64;
    *credit = (*credit + earned).min(full);
    *credit_at = now;
    // A hair below counts, since the time that was waited for is rounded to nanoseconds.
    if *credit + 1e-3 >= portion(rate, queued) { (*credit + 1e-3) as u64 } else { 0 }
}
