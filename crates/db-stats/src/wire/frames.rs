/// A message must have its length in four bytes, itself included.
const SHORTEST: u32 = 4;
/// A packet before the start has a length and a code.
const SHORTEST_STARTUP: u32 = 8;
const READY: u8 = b'Z';
const KEY: u8 = b'K';

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    /// A packet before the start, by its code.
    Startup(u32),
    /// The one byte that answers a request for encryption.
    Reply(u8),
    /// A message by its type; of `ReadyForQuery` also its first byte, else 0.
    Message(u8, u8),
    /// `BackendKeyData`, by the process that it is of.
    Key(u32),
    /// No message begins so: the stream is out of step.
    Broken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Startup,
    Reply,
    Typed,
    Broken,
}

/// Finds the headers of one direction, however its bytes are cut.
#[derive(Debug)]
pub(super) struct Frames {
    form: Form,
    head: [u8; 9],
    have: usize,
    /// Bytes of the body that are still to come.
    body: u32,
}

impl Frames {
    /// A direction that begins with packets without a type.
    pub(super) fn startup() -> Self {
        Self { form: Form::Startup, head: [0; 9], have: 0, body: 0 }
    }

    pub(super) fn typed() -> Self {
        Self { form: Form::Typed, ..Self::startup() }
    }

    /// One byte is next. A server that has begun to say something else before it was asked is out of step.
    pub(super) fn expect_reply(&mut self) {
        self.form = if self.have == 0 && self.body == 0 { Form::Reply } else { Form::Broken };
    }

    pub(super) fn expect_typed(&mut self) {
        self.form = Form::Typed;
    }

    /// The next header, which `bytes` is shortened by; `None` when they are used up.
    pub(super) fn next(&mut self, bytes: &mut &[u8]) -> Option<Header> {
        loop {
            let skipped = bytes.len().min(self.body as usize);
            // Not above `body`, which is 32 bits.
            self.body -= skipped as u32;
            *bytes = &bytes[skipped..];
            let wanted = self.wanted();
            if wanted == self.have {
                return Some(self.header());
            }
            let taken = bytes.len().min(wanted - self.have);
            if taken == 0 {
                return None;
            }
            let (head, rest) = bytes.split_at(taken);
            self.head[self.have..self.have + taken].copy_from_slice(head);
            self.have += taken;
            *bytes = rest;
        }
    }

    /// How many bytes decide what is next; grows with what was read.
    fn wanted(&self) -> usize {
        match self.form {
            Form::Startup => 8,
            Form::Reply => 1,
            Form::Typed if self.have >= 5 && self.head[0] == READY && self.length(1) > SHORTEST => 6,
            Form::Typed if self.have >= 5 && self.head[0] == KEY && self.length(1) >= SHORTEST + 4 => 9,
            Form::Typed => 5,
            Form::Broken => self.have,
        }
    }

    fn header(&mut self) -> Header {
        let have = std::mem::take(&mut self.have);
        let (length, shortest, read) = match self.form {
            Form::Broken => return Header::Broken,
            Form::Reply => return Header::Reply(self.head[0]),
            Form::Startup => (self.length(0), SHORTEST_STARTUP, 8),
            // The type is not part of the length.
            Form::Typed => (self.length(1), SHORTEST, have as u32 - 1),
        };
        if length < shortest || length > i32::MAX as u32 {
            self.form = Form::Broken;
            return Header::Broken;
        }
        self.body = length - read;
        match self.form {
            Form::Startup => Header::Startup(self.length(4)),
            _ if have == 9 => Header::Key(self.length(5)),
            _ => Header::Message(self.head[0], if have == 6 { self.head[5] } else { 0 }),
        }
    }

    fn length(&self, at: usize) -> u32 {
        let mut four = [0; 4];
        four.copy_from_slice(&self.head[at..at + 4]);
        u32::from_be_bytes(four)
    }
}
