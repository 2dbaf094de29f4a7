//! Settings that fit the machine and the work.
