//! The way out of a connection. Who writes is settled by its queue: one at a time.

use bytes::{Buf, BytesMut};
use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};
use tokio::io::AsyncWrite;

type Half = Box<dyn AsyncWrite + Send + Unpin>;

/// Never locked by two, as one writes at a time.
pub(super) struct Writer(Mutex<Half>);

/// So much of a buffer is kept for the next time.
const KEPT_BYTES: usize = 64 << 10;

impl Writer {
    pub(super) fn new(half: Half) -> Self {
        Self(Mutex::new(half))
    }

    fn half(&self) -> MutexGuard<'_, Half> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what goes at once, and leaves the rest in `out`; whether all went. What failed is left to whoever writes next.
    pub(super) fn write_now(&self, out: &mut BytesMut) -> bool {
        let mut written = 0;
        let all = self.poll_all(out, &mut written, &mut Context::from_waker(Waker::noop()));
        finish(out, written);
        matches!(all, Poll::Ready(Ok(())))
    }

    /// Writes all that is in `out`, and what of it the stream kept back.
    pub(super) async fn write(&self, out: &mut BytesMut) -> io::Result<()> {
        let mut written = 0;
        poll_fn(|context| self.poll_all(out, &mut written, context)).await?;
        finish(out, written);
        Ok(())
    }

    /// Gives the stream back; what is written from now on goes nowhere.
    pub(super) fn close(&self) {
        *self.half() = Box::new(tokio::io::sink());
    }

    fn poll_all(&self, out: &[u8], written: &mut usize, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut half = self.half();
        while *written < out.len() {
            match ready!(Pin::new(&mut *half).poll_write(context, &out[*written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                some => *written += some,
            }
        }
        Pin::new(&mut *half).poll_flush(context)
    }
}

fn finish(out: &mut BytesMut, written: usize) {
    if written < out.len() {
        out.advance(written);
    } else if out.capacity() > KEPT_BYTES {
        *out = BytesMut::new();
    } else {
        out.clear();
    }
}
