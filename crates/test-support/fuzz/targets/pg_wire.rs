//! What follows PostgreSQL's messages: whatever passes, and however it is cut, it never panics and sees the same.
#![no_main]
#![allow(dead_code, unreachable_pub)]

#[path = "../../../db-stats/src/wire/mod.rs"]
mod wire;

use libfuzzer_sys::fuzz_target;
use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use wire::{Sniffed, Status, Traffic, Wire};

/// Gives what is to be received, and takes all.
struct Memory<'a>(&'a [u8]);

impl AsyncRead for Memory<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (now, later) = self.0.split_at(buf.remaining().min(self.0.len()));
        buf.put_slice(now);
        self.0 = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Memory<'_> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The parts go out and come in by turns, in pieces of this size.
fn seen(parts: &[&[u8]], size: usize) -> (Status, Traffic, Option<i32>) {
    let wire = Arc::new(Wire::default());
    let incoming: Vec<u8> = parts.iter().skip(1).step_by(2).flat_map(|part| part.iter().copied()).collect();
    let mut stream = Sniffed::new(Memory(&incoming), Arc::clone(&wire));
    futures_executor::block_on(async {
        for (n, part) in parts.iter().enumerate() {
            for piece in part.chunks(size) {
                if n % 2 == 0 {
                    stream.write_all(piece).await.unwrap();
                } else {
                    let mut read = vec![0; piece.len()];
                    stream.read_exact(&mut read).await.unwrap();
                    assert_eq!(read, piece);
                }
            }
        }
    });
    (wire.status(), wire.traffic(), wire.process())
}

fuzz_target!(|input: (u8, Vec<&[u8]>)| {
    let (size, parts) = input;
    let whole = seen(&parts, usize::MAX);
    assert_eq!(seen(&parts, usize::from(size).max(1)), whole);
});
