//! What a connection is doing, read from the headers of the messages that pass under it.
//!
//! tokio-postgres drops the transaction status that ends every answer, and nobody above it can tell an idle connection
//! from one that still works for a future that was dropped. Between it and the socket both are seen for some
//! nanoseconds a message, in constant memory.

mod frames;
mod sniffer;
mod stream;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

pub(crate) use stream::Sniffed;

/// Where the server says its session stands, as of its last answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transaction {
    /// Nothing was answered yet.
    Unknown,
    Idle,
    Open,
    Failed,
}

/// One look at a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Status {
    pub transaction: Transaction,
    /// Requests that were written and whose end was not read.
    pub in_flight: u32,
    /// Its stream ended, failed, or cannot be followed.
    pub lost: bool,
}

impl Status {
    /// Outside of a transaction, with nothing under way.
    pub(crate) fn is_idle(self) -> bool {
        self.transaction == Transaction::Idle && self.in_flight == 0 && !self.lost
    }

    fn pack(self) -> u64 {
        u64::from(self.in_flight) | (self.transaction as u64) << 32 | u64::from(self.lost) << 40
    }

    fn unpack(packed: u64) -> Self {
        let transaction = match (packed >> 32) & 0xff {
            1 => Transaction::Idle,
            2 => Transaction::Open,
            3 => Transaction::Failed,
            _ => Transaction::Unknown,
        };
        // Only the low half holds the count.
        Self { transaction, in_flight: (packed & 0xffff_ffff) as u32, lost: packed >> 40 != 0 }
    }
}

/// The state that a stream keeps for whoever owns the connection; written by the stream only.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    status: AtomicU64,
    /// Of the server; 0 until it is known.
    process: AtomicU32,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    errors: AtomicU64,
    notices: AtomicU64,
    parameters: AtomicU64,
}

/// What passed, in totals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub errors: u64,
    pub notices: u64,
    /// Reports of session parameters: the start has some, others mean that a setting changed.
    pub parameters: u64,
}

impl Traffic {
    pub(crate) fn add(&mut self, more: Self) {
        self.bytes_in = self.bytes_in.wrapping_add(more.bytes_in);
        self.bytes_out = self.bytes_out.wrapping_add(more.bytes_out);
        self.errors = self.errors.wrapping_add(more.errors);
        self.notices = self.notices.wrapping_add(more.notices);
        self.parameters = self.parameters.wrapping_add(more.parameters);
    }
}

impl Wire {
    pub(crate) fn status(&self) -> Status {
        Status::unpack(self.status.load(Ordering::Acquire))
    }

    /// The process of the server, once it has said.
    pub(crate) fn process(&self) -> Option<i32> {
        // It comes in four bytes, signed.
        Some(self.process.load(Ordering::Relaxed).cast_signed()).filter(|process| *process != 0)
    }

    pub(crate) fn traffic(&self) -> Traffic {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic {
            bytes_in: read(&self.bytes_in),
            bytes_out: read(&self.bytes_out),
            errors: read(&self.errors),
            notices: read(&self.notices),
            parameters: read(&self.parameters),
        }
    }

    fn publish(&self, status: Status) {
        self.status.store(status.pack(), Ordering::Release);
    }
}
