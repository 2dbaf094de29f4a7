//! The example API that the examples share.
