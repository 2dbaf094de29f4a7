//! A load generator that tells the truth about latency: constant rates, intended start times, live progress.
