//! Cases of the meter benches.
