//! Advice from one look at a server.
