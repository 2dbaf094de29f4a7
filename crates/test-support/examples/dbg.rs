//! x
#![allow(clippy::all, warnings)]
use perfect21_test_support::{redis::*, wait};
use std::time::*;
fn main() {
    let s = Sentinel::start().unwrap();
    let old = s.master().unwrap();
    s.kill_master().unwrap();
    let b = Instant::now();
    s.wait_for_failover().unwrap();
    println!("failover {:?}", b.elapsed());
    old.restart().unwrap();
    let r = wait::until("role", || {
        let i = old.command(&["INFO", "replication"]).unwrap();
        if i.field("role") == Some("slave") { Ok(()) } else { Err("m") }
    });
    println!("role {:?} {:?}", r.is_ok(), b.elapsed());
    if r.is_err() {
        for x in s.sentinels() {
            println!("{}\n=====", x.log());
        }
        println!("{}", old.log())
    }
}
