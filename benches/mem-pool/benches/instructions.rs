//! How many instructions a get and a return take, and how many of them are for statistics:
//! `cargo bench -p perfect21-bench-mem-pool --bench instructions`.

use std::process::ExitCode;

use perfect21_bench_mem_pool::{self as cases, Buffer, Small};
use perfect21_bench_support::instructions;

fn main() -> ExitCode {
    let cases: [(_, fn() -> _); 4] = [
        ("get and return, 16 B struct", cases::borrowed::<Small>),
        ("get and return, 1 KiB Vec", cases::borrowed::<Buffer>),
        ("get and return, 1 KiB Vec, owned", cases::owned::<Buffer>),
        ("get and return, 1 KiB Vec, 64 held", cases::held::<Buffer>),
    ];
    instructions(&cases, 1.10, env!("CARGO_PKG_NAME"), env!("CARGO_MANIFEST_DIR"))
}
