//! Starts each kind of server five times and prints how long it took: `cargo run --release --example start_times`.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::time::Instant;

use perfect21_test_support::{
    Error,
    postgres::Postgres,
    redis::{Cluster, Redis, Sentinel},
};

fn main() -> Result<(), Error> {
    let started = Instant::now();
    drop(Postgres::start()?);
    println!("first PostgreSQL, start and stop: {:?}", started.elapsed());
    measure("PostgreSQL", Postgres::start)?;
    measure("Redis", Redis::start)?;
    measure("Redis cluster", Cluster::start)?;
    measure("Redis sentinel", Sentinel::start)
}

fn measure<T>(what: &str, start: impl Fn() -> Result<T, Error>) -> Result<(), Error> {
    for _ in 0..5 {
        let begin = Instant::now();
        let server = start()?;
        let up = begin.elapsed();
        drop(server);
        println!("{what}: up in {up:?}, gone in {:?}", begin.elapsed() - up);
    }
    Ok(())
}
