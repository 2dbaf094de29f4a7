//! Rows of statements, kept until their tables change.
