//! Indexes that are built without stopping writers.
