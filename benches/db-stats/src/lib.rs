//! What fingerprints and statistics cost: our operations, which `ops` measures alone and `versus` beside the peer.
#![forbid(unsafe_code)]

use perfect21_bench_support::Op;
use perfect21_db_stats::{Fingerprint, normalize};

/// A lookup of 50 bytes.
pub const SHORT: &str = "SELECT name, price FROM products WHERE id = $1 --1";

/// A report of 276 bytes, with what a lexer has to look at: strings, casts, lists, quoted names, calls.
pub const LONG: &str = "SELECT o.id, o.created_at, sum(i.price * i.quantity) AS total FROM orders o JOIN order_items i \
     ON i.order_id = o.id WHERE o.customer_id = 4711 AND o.status IN ('paid', 'sent', 'done') AND o.created_at >= \
     '2024-01-01'::date GROUP BY o.id, \"o\".created_at ORDER BY total DESC LIMIT 20";

/// [`Fingerprint::of`] of a text that was not seen before: nothing is kept between two calls.
#[must_use]
pub fn fingerprint(sql: &'static str) -> Op {
    Op::each(move |_| Fingerprint::of(std::hint::black_box(sql)))
}

/// [`normalize`] of a text.
#[must_use]
pub fn normalized(sql: &'static str) -> Op {
    Op::each(move |_| normalize(std::hint::black_box(sql)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_are_as_long_as_the_targets_say() {
        assert_eq!((SHORT.len(), LONG.len()), (50, 276));
    }
}
