use super::{Wire, sniffer::Sniffer};
use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream whose messages are followed. Not vectored: then each write would be parts of other buffers.
#[derive(Debug)]
pub(crate) struct Sniffed<S> {
    inner: S,
    sniffer: Sniffer,
}

impl<S> Sniffed<S> {
    pub(crate) fn new(inner: S, wire: Arc<Wire>) -> Self {
        Self { inner, sniffer: Sniffer::new(wire) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Sniffed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let room = buf.remaining() > 0;
        let result = ready!(Pin::new(&mut self.inner).poll_read(cx, buf));
        let read = &buf.filled()[before..];
        if result.is_err() || (room && read.is_empty()) {
            self.sniffer.ended();
        } else {
            self.sniffer.received(read);
        }
        Poll::Ready(result)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Sniffed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = ready!(Pin::new(&mut self.inner).poll_write(cx, buf));
        match &result {
            Ok(written) => self.sniffer.sent(&buf[..*written]),
            Err(_) => self.sniffer.ended(),
        }
        Poll::Ready(result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.sniffer.ended();
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl<S> Drop for Sniffed<S> {
    fn drop(&mut self) {
        self.sniffer.ended();
    }
}
