use super::{
    Status, Transaction, Wire,
    frames::{Frames, Header},
};
use std::sync::{Arc, atomic::AtomicU64, atomic::Ordering};

const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
const CANCEL_REQUEST: u32 = 80_877_102;

/// Follows both directions of one connection.
#[derive(Debug)]
pub(super) struct Sniffer {
    wire: Arc<Wire>,
    frontend: Frames,
    backend: Frames,
    transaction: Transaction,
    /// Requests that end with a `ReadyForQuery` that was not seen.
    expected: u32,
    /// The server reads the data of a COPY, and no `ReadyForQuery` is due before the data ends.
    copying: bool,
    /// The last request was a `Sync`: a server that then begins to read a COPY swallows it, and answers the next one.
    synced: bool,
    lost: bool,
}

impl Sniffer {
    pub(super) fn new(wire: Arc<Wire>) -> Self {
        Self {
            wire,
            frontend: Frames::startup(),
            backend: Frames::typed(),
            transaction: Transaction::Unknown,
            expected: 0,
            copying: false,
            synced: false,
            lost: false,
        }
    }

    /// These bytes went to the server.
    pub(super) fn sent(&mut self, mut bytes: &[u8]) {
        add(&self.wire.bytes_out, bytes.len() as u64);
        while !self.lost {
            match self.frontend.next(&mut bytes) {
                None => break,
                // Each is answered by one byte without a header.
                Some(Header::Startup(SSL_REQUEST | GSS_REQUEST)) => self.backend.expect_reply(),
                // Answered by the end of the stream.
                Some(Header::Startup(CANCEL_REQUEST)) => {}
                Some(Header::Startup(_)) => {
                    self.frontend.expect_typed();
                    self.expected = 1;
                }
                Some(Header::Message(b'Q' | b'F', _)) => {
                    self.expected = self.expected.saturating_add(1);
                    self.synced = false;
                }
                Some(Header::Message(b'S', _)) => {
                    self.expected = self.expected.saturating_add(1);
                    self.synced = true;
                }
                Some(Header::Message(..) | Header::Key(_)) => {}
                Some(Header::Reply(_) | Header::Broken) => self.lost = true,
            }
        }
        self.publish();
    }

    /// These bytes came from the server.
    pub(super) fn received(&mut self, mut bytes: &[u8]) {
        add(&self.wire.bytes_in, bytes.len() as u64);
        while !self.lost {
            match self.backend.next(&mut bytes) {
                None => break,
                Some(Header::Message(b'Z', status)) => self.ready(status),
                Some(Header::Message(b'E', _)) => {
                    add(&self.wire.errors, 1);
                    // An error that answers nothing is the server's last word.
                    self.lost |=
                        self.expected == 0 && !self.copying && self.transaction != Transaction::Unknown;
                }
                Some(Header::Key(process)) => self.wire.process.store(process, Ordering::Relaxed),
                Some(Header::Message(b'N', _)) => add(&self.wire.notices, 1),
                Some(Header::Message(b'S', _)) => add(&self.wire.parameters, 1),
                // CopyInResponse, CopyBothResponse.
                Some(Header::Message(b'G' | b'W', _)) => {
                    self.copying = true;
                    self.expected = self.expected.saturating_sub(u32::from(self.synced));
                }
                // Encrypted from here on: nothing can be read.
                Some(Header::Reply(b'S' | b'G')) => self.lost = true,
                Some(Header::Reply(_)) => self.backend.expect_typed(),
                Some(Header::Message(..)) => {}
                Some(Header::Startup(_) | Header::Broken) => self.lost = true,
            }
        }
        self.publish();
    }

    /// The stream ended or failed.
    pub(super) fn ended(&mut self) {
        self.lost = true;
        self.publish();
    }

    fn ready(&mut self, status: u8) {
        self.transaction = match status {
            b'I' => Transaction::Idle,
            b'T' => Transaction::Open,
            b'E' => Transaction::Failed,
            _ => Transaction::Unknown,
        };
        // An error before the data of a COPY is read answers a `Sync` that was taken for swallowed.
        self.expected = self.expected.saturating_sub(1);
        self.copying = false;
    }

    fn publish(&self) {
        let in_flight = self.expected.max(u32::from(self.copying));
        self.wire.publish(Status { transaction: self.transaction, in_flight, lost: self.lost });
    }
}

/// Only one task writes: a load and a store are enough, and cheaper than a locked addition.
fn add(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
}
