//! How many instructions a get and a return take, and how many of them are for statistics:
//! `cargo bench -p perfect21-bench-mem-pool --bench instructions`.
//!
//! Counted by valgrind's callgrind, which is exact where time is not. What a pool takes that does not count is measured
//! on a second build of this program, with the cfg `perfect21_uncounted`, under `target/uncounted`.

use std::{
    env,
    error::Error,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use perfect21_bench_mem_pool::{self as cases, Buffer, Small};
use perfect21_bench_support::Op;

/// In a run that is counted: which case, and how often.
const CASE: &str = "PERFECT21_INSTRUCTIONS_CASE";
const TIMES: &str = "PERFECT21_INSTRUCTIONS_TIMES";
/// What is counted is the difference between a run and one of twice as many operations.
const FEW: u64 = 50_000;
const TARGET: f64 = 1.10;

const CASES: [Case; 4] = [
    ("16 B struct", cases::borrowed::<Small>),
    ("1 KiB Vec", cases::borrowed::<Buffer>),
    ("1 KiB Vec, owned", cases::owned::<Buffer>),
    ("1 KiB Vec, 64 held", cases::held::<Buffer>),
];

/// Its name, and what is done.
type Case = (&'static str, fn() -> Op);

type Failure = Box<dyn Error>;

#[allow(clippy::print_stdout, clippy::print_stderr, reason = "the table is the product")]
fn main() -> ExitCode {
    if let Some(counted) = counted_run() {
        return counted.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    match table() {
        Ok((table, true)) => {
            println!("{table}\nmet");
            ExitCode::SUCCESS
        }
        Ok((table, false)) => {
            println!("{table}\nmissed");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Does what it was started for, if it was started by itself.
fn counted_run() -> Option<Result<(), Failure>> {
    let (case, times) = (env::var(CASE).ok()?, env::var(TIMES).ok()?);
    let run = || {
        let (_, op) = CASES.get(case.parse::<usize>()?).ok_or("no such case")?;
        op().on_this_thread()(times.parse()?);
        Ok(())
    };
    Some(run())
}

fn table() -> Result<(String, bool), Failure> {
    let (with, without) = (env::current_exe()?, uncounted_build()?);
    let mut table = String::from(
        "| get and return | instructions | without statistics | ratio | target |\n|---|---|---|---|---|\n",
    );
    let mut met = true;
    for (nth, (name, _)) in CASES.iter().enumerate() {
        let (with, without) = (instructions(&with, nth)?, instructions(&without, nth)?);
        let ratio = with / without;
        met &= ratio <= TARGET;
        table += &format!("| {name} | {with:.1} | {without:.1} | {ratio:.3} | ≤ {TARGET} |\n");
    }
    Ok((table, met))
}

/// Of one operation, its loop included.
fn instructions(program: &Path, case: usize) -> Result<f64, Failure> {
    let count = |times: u64| -> Result<u64, Failure> {
        let run = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(program)
            .env(CASE, case.to_string())
            .env(TIMES, times.to_string())
            .output()
            .map_err(|error| format!("valgrind does not start ({error}): install the package valgrind"))?;
        let said = String::from_utf8_lossy(&run.stderr);
        let collected = said.split("Collected :").nth(1).and_then(|rest| rest.split_whitespace().next());
        match collected {
            Some(number) if run.status.success() => Ok(number.parse()?),
            _ => Err(format!("valgrind counted nothing, {}:\n{said}", run.status).into()),
        }
    };
    Ok((count(2 * FEW)? - count(FEW)?) as f64 / FEW as f64)
}

/// Builds this program without the counting, and says where it is.
fn uncounted_build() -> Result<PathBuf, Failure> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/uncounted");
    let build = Command::new(cargo)
        .args(["bench", "--quiet", "--no-run", "--message-format=json", "--bench", "instructions"])
        .args(["--package", env!("CARGO_PKG_NAME")])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("RUSTFLAGS", "--cfg perfect21_uncounted")
        .env("CARGO_TARGET_DIR", target)
        .output()?;
    let said = String::from_utf8_lossy(&build.stdout);
    let built = said.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let executable =
        built.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).next_back();
    executable.ok_or_else(|| {
        format!("the build without counting failed:\n{}", String::from_utf8_lossy(&build.stderr)).into()
    })
}
