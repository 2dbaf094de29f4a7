use perfect21_mem_pool::{Pooled, Reset};

#[derive(Default, Reset, Pooled)]
struct Generic<T> {
    items: Vec<T>,
}

#[derive(Default, Reset, Pooled)]
#[pooled(max = 3)]
struct Unknown;

fn main() {}
