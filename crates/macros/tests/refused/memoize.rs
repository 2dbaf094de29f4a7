use perfect21_smart_cache::memoize;

struct Shop;

impl Shop {
    #[memoize]
    fn price(&self, name: &str) -> u64 {
        name.len() as u64
    }
}

#[memoize]
fn generic<T: Clone>(value: T) -> T {
    value
}

#[memoize]
fn changes(list: &mut Vec<u32>) -> usize {
    list.len()
}

#[memoize]
fn nameless((one, other): (u32, u32)) -> u32 {
    one + other
}

#[memoize(ttl = "0s")]
fn no_time(n: u32) -> u32 {
    n
}

#[memoize(max_entries = 0)]
fn no_room(n: u32) -> u32 {
    n
}

#[memoize(max_bytes = "1MB")]
fn unweighed(n: u32) -> String {
    n.to_string()
}

#[memoize(size = 5)]
fn unknown(n: u32) -> u32 {
    n
}

#[memoize]
fn iterates(n: u32) -> impl Iterator<Item = u32> {
    0..n
}

#[memoize]
const fn constant(n: u32) -> u32 {
    n
}

#[memoize]
struct NoFunction;

#[memoize(store = store(), ttl = "1s")]
fn bounded_twice(n: u32) -> u32 {
    n
}

fn main() {}
