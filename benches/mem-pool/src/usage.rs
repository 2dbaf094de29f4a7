use std::hint::black_box;

use perfect21_bench_support::Op;

/// How many objects are held at once.
const HELD: u64 = 64;

/// Gets, touches and returns one object after the other.
pub fn one_at_a_time<G: 'static>(
    get: impl Fn() -> G + Clone + Send + Sync + 'static,
    touch: impl Fn(&mut G) + Clone + Send + Sync + 'static,
) -> Op {
    Op::with_state(move || {
        let (get, touch) = (get.clone(), touch.clone());
        move |times| {
            for _ in 0..times {
                let mut object = get();
                touch(black_box(&mut object));
            }
        }
    })
}

/// Gets and touches 64 objects, then returns them all.
pub fn burst<G: 'static>(
    get: impl Fn() -> G + Clone + Send + Sync + 'static,
    touch: impl Fn(&mut G) + Clone + Send + Sync + 'static,
) -> Op {
    Op::with_state(move || {
        let (get, touch) = (get.clone(), touch.clone());
        let mut held = Vec::with_capacity(HELD as usize);
        move |times| {
            for first in (0..times).step_by(HELD as usize) {
                for _ in first..times.min(first + HELD) {
                    let mut object = get();
                    touch(black_box(&mut object));
                    held.push(object);
                }
                held.clear();
            }
        }
    })
}
