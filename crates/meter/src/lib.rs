//! Counters, gauges and latency recorders that cost a few nanoseconds and never grow.
