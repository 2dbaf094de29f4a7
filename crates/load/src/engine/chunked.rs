use super::response::Malformed;

/// The most bytes that chunk extensions and trailers may have together.
const MAX_EXTRA: usize = 16 * 1024;

/// Reads past a chunked body (RFC 9112 7.1) in pieces of any size.
#[derive(Debug)]
pub(crate) struct Chunked {
    state: State,
    size: u64,
    extra: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    SizeStart,
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    Trailer,
    EndLf,
    Done,
}

impl Chunked {
    pub(crate) fn new() -> Self {
        Self { state: State::SizeStart, size: 0, extra: 0 }
    }

    /// Consumes up to the end of the body; returns how much that was, and whether the end was reached.
    pub(crate) fn advance(&mut self, input: &[u8]) -> Result<(usize, bool), Malformed> {
        let mut at = 0;
        while at < input.len() && self.state != State::Done {
            if self.state == State::Data {
                at += self.data(input.len() - at);
            } else {
                self.state = self.step(input[at])?;
                at += 1;
            }
        }
        Ok((at, self.state == State::Done))
    }

    fn data(&mut self, available: usize) -> usize {
        let taken = usize::try_from(self.size).unwrap_or(usize::MAX).min(available);
        self.size -= taken as u64;
        if self.size == 0 {
            self.state = State::DataCr;
        }
        taken
    }

    fn step(&mut self, byte: u8) -> Result<State, Malformed> {
        Ok(match (self.state, byte) {
            (State::SizeStart | State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16).ok_or(Malformed)?;
                let shifted = self.size.checked_mul(16).ok_or(Malformed)?;
                self.size = shifted | u64::from(digit);
                State::Size
            }
            (State::Size, b';' | b' ' | b'\t') => State::Extension,
            (State::Size | State::Extension, b'\r') => State::SizeLf,
            (State::Extension, b) if b != b'\n' => self.extra(State::Extension)?,
            (State::SizeLf, b'\n') if self.size == 0 => State::TrailerStart,
            (State::SizeLf, b'\n') => State::Data,
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::SizeStart,
            (State::TrailerStart, b'\r') => State::EndLf,
            (State::TrailerStart, b'\n') => return Err(Malformed),
            (State::Trailer, b'\n') => State::TrailerStart,
            (State::TrailerStart | State::Trailer, _) => self.extra(State::Trailer)?,
            (State::EndLf, b'\n') => State::Done,
            _ => return Err(Malformed),
        })
    }

    fn extra(&mut self, next: State) -> Result<State, Malformed> {
        self.extra += 1;
        if self.extra > MAX_EXTRA { Err(Malformed) } else { Ok(next) }
    }
}
