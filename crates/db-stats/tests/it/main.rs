//! Integration tests of `db-stats`, one module per hazard.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod advisor;
mod advisor_safety;
mod advisor_sessions;
mod advisor_statements;
mod common;
mod fingerprint;
mod fingerprint_pg_query;
mod index;
mod index_build;
mod index_common;
mod partition;
mod partition_common;
mod partition_kill;
mod partition_writers;
mod pool;
mod pool_control;
mod pool_outage;
mod pool_state;
mod pool_statements;
mod pool_storm;
mod pool_tls;
mod query_cache;
mod query_cache_listen;
mod read_lane;
mod server_watch;
mod slow_plans;
mod statements;
mod statements_server;
mod statements_tracing;
mod tuner;
mod tuner_analyze;
mod tuner_command_line;
mod tuner_safety;
