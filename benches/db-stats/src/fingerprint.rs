use perfect21_bench_support::Op;
use perfect21_db_stats::{Fingerprint, normalize};
use std::hint::black_box;

/// A lookup of 50 bytes.
pub const SHORT: &str = "SELECT name, price FROM products WHERE id = $1 --1";

/// A report of 276 bytes, with what a lexer has to look at: strings, casts, lists, quoted names, calls.
pub const LONG: &str = "SELECT o.id, o.created_at, sum(i.price * i.quantity) AS total FROM orders o JOIN order_items i \
     ON i.order_id = o.id WHERE o.customer_id = 4711 AND o.status IN ('paid', 'sent', 'done') AND o.created_at >= \
     '2024-01-01'::date GROUP BY o.id, \"o\".created_at ORDER BY total LIMIT 20";

/// [`Fingerprint::of`] of a text: nothing is kept between two calls, so each is as the first.
#[must_use]
pub fn fingerprint(sql: &'static str) -> Op {
    Op::each(move |_| Fingerprint::of(black_box(sql)))
}

/// [`normalize`] of a text.
#[must_use]
pub fn normalized(sql: &'static str) -> Op {
    Op::each(move |_| normalize(black_box(sql)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_are_as_long_as_the_targets_say() {
        assert_eq!((SHORT.len(), LONG.len()), (50, 276));
    }
}
