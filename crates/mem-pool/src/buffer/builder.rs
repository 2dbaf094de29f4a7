use super::{
    BufferPool, Inner,
    class::{Classes, SMALLEST},
    learned::Learned,
    slot::Slot,
};
use crate::{Bytes, ConfigError, PoolBuilder, budget::Room, magazine::Recipe, node::Node};
use std::sync::Arc;

/// Settings of a [`BufferPool`]; made by [`BufferPool::builder`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `build()`"]
pub struct BufferPoolBuilder {
    name: String,
    initial: usize,
    max_buffer: usize,
    max_idle: usize,
    max_idle_bytes: Bytes,
}

/// Far above what a process can have, and far below where sizes overflow.
const LARGEST: usize = 1 << 30;

impl BufferPoolBuilder {
    pub(super) fn new() -> Self {
        Self {
            name: "buffers".to_owned(),
            initial: 1024,
            max_buffer: 1 << 20,
            max_idle: 1024,
            max_idle_bytes: Bytes::mib(64),
        }
    }

    /// Its label in metrics. Default: `buffers`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// What [`get`](BufferPool::get) hands out until it has learned what is used. Default: 1 KiB.
    pub fn initial(mut self, bytes: usize) -> Self {
        self.initial = bytes;
        self
    }

    /// The largest buffer that is kept, rounded up to a power of two. Larger ones are made for each use.
    /// Default: 1 MiB.
    pub fn max_buffer(mut self, bytes: usize) -> Self {
        self.max_buffer = bytes;
        self
    }

    /// How many buffers of each class may lie idle. Default: 1024.
    pub fn max_idle(mut self, buffers: usize) -> Self {
        self.max_idle = buffers;
        self
    }

    /// How many bytes may lie idle in all. Default: 64 MiB.
    ///
    /// Each size class may always keep one buffer; the rest is for whichever needs it. A size that holds more than it
    /// needs any more gives it back when it decays: by a memory watch, or by [`trim`](crate::Trim::trim).
    pub fn max_idle_bytes(mut self, bytes: impl Into<Bytes>) -> Self {
        self.max_idle_bytes = bytes.into();
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// If a bound is zero, `max_buffer` is above 1 GiB, `initial` is above `max_buffer`, or `max_idle_bytes` is too
    /// small for one buffer of each class.
    pub fn build(self) -> Result<BufferPool, ConfigError> {
        for (setting, value) in
            [("initial", self.initial), ("max_buffer", self.max_buffer), ("max_idle", self.max_idle)]
        {
            if value == 0 {
                return Err(ConfigError::new(setting, 0, "must be at least 1"));
            }
        }
        if self.max_buffer > LARGEST {
            return Err(ConfigError::new("max_buffer", self.max_buffer, "must be at most 1 GiB"));
        }
        if self.initial > self.max_buffer {
            let rule = format!("must not be above max_buffer, which is {}", self.max_buffer);
            return Err(ConfigError::new("initial", self.initial, rule));
        }
        let classes = Classes::up_to(self.max_buffer);
        let one_of_each: u64 = classes.sizes().map(|size| size as u64).sum();
        let Some(rest) = self.max_idle_bytes.get().checked_sub(one_of_each) else {
            let rule = format!("must be at least {one_of_each} B, for one buffer of each size");
            return Err(ConfigError::new("max_idle_bytes", self.max_idle_bytes, rule));
        };
        let rest = Arc::new(Room::new(usize::try_from(rest).unwrap_or(usize::MAX)));
        let learned = Arc::new(Learned::new(classes, self.initial.max(SMALLEST).next_power_of_two()));
        let pools = classes.sizes().map(|size| {
            let (learned, largest) = (Arc::clone(&learned), classes.largest());
            let clean = move |node: &mut Node<Slot>| {
                node.bytes = node.value.bytes.capacity();
                node.value.come_back(size, largest, &learned)
            };
            PoolBuilder::of(Recipe {
                create: Box::new(move || Slot::with_capacity(size)),
                clean: Box::new(clean),
                bytes: Some(Arc::new(|slot| slot.bytes.capacity())),
            })
            .name(format!("{} {size}", self.name))
            .max_idle(self.max_idle)
            .max_idle_bytes(size as u64)
            .common_bytes(Arc::clone(&rest))
            .build()
        });
        let pools = pools.collect::<Result<_, _>>()?;
        Ok(BufferPool(Arc::new(Inner {
            name: self.name,
            classes,
            pools,
            learned,
            oversized: Default::default(),
        })))
    }
}
