use perfect21_mem_pool::track_memory;

#[track_memory(over = "10M")]
fn ambiguous() {}

#[track_memory(above = "10MB")]
fn unknown() {}

#[track_memory]
const fn constant() {}

#[track_memory]
fn returns_a_future() -> impl Future<Output = ()> {
    async {}
}

#[track_memory]
struct NoFunction;

fn main() {}
