//! A buffer that is filled once and dropped: where a pool of buffers pays, and where it does not.

use std::hint::black_box;

use bytes::{BufMut, BytesMut};
use perfect21_bench_support::Op;
use perfect21_mem_pool::BufferPool;
use serde::Serialize;

/// Where the memory comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum From {
    /// Our [`BufferPool`].
    Pool,
    /// A new `Vec` of the right size, or for what is serialized, one that grows.
    Vec,
    /// A new `BytesMut` that grows, as web frameworks have it.
    BytesMut,
}

/// Takes room for so many bytes, writes them at once, and drops it.
#[must_use]
pub fn filled(from: From, bytes: usize) -> Op {
    let (pool, content) = (BufferPool::new(), vec![1; bytes]);
    Op::each(move |_| match from {
        From::Pool => {
            let mut buffer = pool.get_with(bytes);
            buffer.extend_from_slice(&content);
            black_box(&buffer);
        }
        From::Vec => {
            let mut buffer = Vec::with_capacity(bytes);
            buffer.extend_from_slice(&content);
            black_box(&buffer);
        }
        From::BytesMut => {
            let mut buffer = BytesMut::with_capacity(bytes);
            buffer.extend_from_slice(&content);
            black_box(&buffer);
        }
    })
}

/// Writes a page of some 2 KB as JSON, and makes `Bytes` of it.
///
/// # Panics
/// Never: the page can be serialized.
#[must_use]
pub fn json(from: From) -> Op {
    let (pool, page) = (BufferPool::new(), Page::new());
    Op::each(move |_| match from {
        From::Pool => {
            let mut buffer = pool.get();
            serde_json::to_writer(&mut buffer, &page).expect("a page has no maps and no errors");
            buffer.freeze()
        }
        From::Vec => serde_json::to_vec(&page).expect("a page has no maps and no errors").into(),
        From::BytesMut => {
            let mut writer = BytesMut::with_capacity(128).writer();
            serde_json::to_writer(&mut writer, &page).expect("a page has no maps and no errors");
            writer.into_inner().freeze()
        }
    })
}

#[derive(Serialize)]
struct Page {
    name: String,
    description: String,
    reviews: Vec<Review>,
}

#[derive(Serialize)]
struct Review {
    username: String,
    rating: u32,
    body: &'static str,
}

impl Page {
    fn new() -> Self {
        let body = "Fits where others do not, and two people carry it easily up the stairs.";
        Self {
            name: "solid oak table".to_owned(),
            description: body.repeat(3),
            reviews: (0..16)
                .map(|n| Review { username: format!("user{n}"), rating: n % 5 + 1, body })
                .collect(),
        }
    }
}
