//! The peers, each used as its documentation says, with room for 1024 objects where it wants a number.

pub(crate) mod malloc;

use std::sync::Arc;

use crossbeam_queue::ArrayQueue;
use lockfree_object_pool::LinearObjectPool;
use opool::PoolAllocator;
use perfect21_bench_mem_pool::{Thing, burst, handed_over, one_at_a_time};
use perfect21_bench_support::Op;
use rylv_pool::{FixedThreadLocalPool, FixedThreadLocalPoolGuard, PoolItem};

use crate::Peer;

const ROOM: usize = 1024;

/// How a pool is used.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Usage {
    One,
    Burst,
    Passed,
}

/// A use with guards that stay on their thread.
fn stay<G: 'static>(
    usage: Usage,
    get: impl Fn() -> G + Clone + Send + Sync + 'static,
    touch: impl Fn(&mut G) + Clone + Send + Sync + 'static,
) -> Op {
    match usage {
        Usage::Burst => burst(get, touch),
        _ => one_at_a_time(get, touch),
    }
}

/// A use with guards that may be passed on.
fn go<G: Send + 'static>(
    usage: Usage,
    get: impl Fn() -> G + Clone + Send + Sync + 'static,
    touch: impl Fn(&mut G) + Clone + Send + Sync + 'static,
) -> Op {
    match usage {
        Usage::Passed => handed_over(get, touch),
        _ => stay(usage, get, touch),
    }
}

fn leak<P>(pool: P) -> &'static P {
    Box::leak(Box::new(pool))
}

/// For pools that do not reset: the user does.
fn reset_and_touch<T: Thing>(object: &mut T) {
    if object.reset() {
        object.touch();
    }
}

pub(crate) fn object_pool<T: Thing>(usage: Usage) -> Peer {
    let pool = leak(object_pool::Pool::new(ROOM, T::default));
    ("object-pool", stay(usage, || pool.pull(T::default), |object| reset_and_touch(&mut **object)))
}

pub(crate) fn object_pool_owned<T: Thing>(usage: Usage) -> Peer {
    let pool = leak(Arc::new(object_pool::Pool::new(ROOM, T::default)));
    let op = go(usage, || pool.pull_owned(T::default), |object| reset_and_touch(&mut **object));
    ("object-pool owned", op)
}

pub(crate) fn lockfree<T: Thing>(usage: Usage) -> Peer {
    let pool = leak(LinearObjectPool::<T>::new(T::default, |object| {
        let _ = object.reset();
    }));
    ("lockfree-object-pool linear", stay(usage, || pool.pull(), |object| object.touch()))
}

/// Makes and resets for opool, which resets when an object is got.
struct Maker;

impl<T: Thing> PoolAllocator<T> for Maker {
    fn allocate(&self) -> T {
        T::default()
    }

    fn reset(&self, object: &mut T) {
        let _ = object.reset();
    }
}

pub(crate) fn opool<T: Thing>(usage: Usage) -> Peer {
    let pool = leak(opool::Pool::<Maker, T>::new_prefilled(ROOM, Maker));
    ("opool", stay(usage, || pool.get(), |object| object.touch()))
}

pub(crate) fn opool_owned<T: Thing>(usage: Usage) -> Peer {
    let pool = leak(opool::Pool::<Maker, T>::new_prefilled(ROOM, Maker).to_rc());
    ("opool rc", go(usage, || Arc::clone(pool).get_rc(), |object| object.touch()))
}

/// A thing that resets as each of these peers wants it.
#[derive(Default)]
struct Wrapped<T>(T);

impl<T: Thing> sharded_slab::Clear for Wrapped<T> {
    fn clear(&mut self) {
        let _ = self.0.reset();
    }
}

impl<T: Thing> PoolItem for Wrapped<T> {
    fn reset(&mut self) {
        let _ = self.0.reset();
    }
}

pub(crate) fn sharded_slab<T: Thing>(usage: Usage) -> Peer {
    let pool = leak(sharded_slab::Pool::<Wrapped<T>>::new());
    // As its users do who want to give an object back: cleared when its guard goes.
    let use_once = |object: &mut Cleared<T>| object.touch();
    ("sharded-slab", stay(usage, || Cleared::new(pool), use_once))
}

struct Cleared<T: Thing> {
    pool: &'static sharded_slab::Pool<Wrapped<T>>,
    object: Option<sharded_slab::pool::RefMut<'static, Wrapped<T>>>,
}

impl<T: Thing> Cleared<T> {
    fn new(pool: &'static sharded_slab::Pool<Wrapped<T>>) -> Self {
        Self { pool, object: pool.create() }
    }

    fn touch(&mut self) {
        if let Some(object) = &mut self.object {
            object.0.touch();
        }
    }
}

impl<T: Thing> Drop for Cleared<T> {
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            let key = object.key();
            drop(object);
            self.pool.clear(key);
        }
    }
}

/// Its pool is a thread-local of one type.
macro_rules! rylv {
    ($name:ident, $thing:ty) => {
        fn $name(usage: Usage) -> Op {
            thread_local! {
                static POOL: FixedThreadLocalPool<Wrapped<$thing>, 128> = FixedThreadLocalPool::new();
            }
            let get = || match FixedThreadLocalPoolGuard::acquire(&POOL) {
                Ok(object) => object,
                Err(_) => unreachable!("making one does not panic"),
            };
            go(usage, get, |object| object.0.touch())
        }
    };
}

rylv!(rylv_small, perfect21_bench_mem_pool::Small);
rylv!(rylv_buffer, perfect21_bench_mem_pool::Buffer);

pub(crate) fn rylv<T: Thing>(usage: Usage) -> Peer {
    let small = T::NAME == <perfect21_bench_mem_pool::Small as Thing>::NAME;
    ("rylv-pool", if small { rylv_small(usage) } else { rylv_buffer(usage) })
}

pub(crate) fn rylv_passed<T: Thing>() -> Peer {
    rylv::<T>(Usage::Passed)
}

pub(crate) fn deadpool<T: Thing>() -> Peer {
    let pool = leak(deadpool::unmanaged::Pool::from((0..ROOM).map(|_| T::default()).collect::<Vec<_>>()));
    let get = || pool.try_get().expect("one of 1024 is left");
    ("deadpool unmanaged", one_at_a_time(get, |object| reset_and_touch(&mut **object)))
}

/// The bare queue that other pools are made of.
pub(crate) fn array_queue<T: Thing>(usage: Usage) -> Peer {
    let queue = leak(ArrayQueue::new(ROOM));
    (0..ROOM).for_each(|_| drop(queue.push(T::default())));
    let get = || Queued { queue, object: Some(queue.pop().unwrap_or_default()) };
    (
        "ArrayQueue",
        go(usage, get, |queued: &mut Queued<T>| queued.object.iter_mut().for_each(reset_and_touch)),
    )
}

struct Queued<T: 'static> {
    queue: &'static ArrayQueue<T>,
    object: Option<T>,
}

impl<T> Drop for Queued<T> {
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            // Full: dropped, as in pools that are made of it.
            drop(self.queue.push(object));
        }
    }
}

/// It pools buffers from 4 KiB.
pub(crate) fn zeropool() -> Peer {
    let pool = leak(zeropool::ZeroPool::new());
    let touch = |buffer: &mut zeropool::BufUninit<'_>| {
        buffer.as_uninit_mut()[0].write(1);
    };
    ("zeropool", one_at_a_time(|| pool.alloc_uninit(1024), touch))
}
