//! The `instructions` benches: how many instructions an operation takes, and how many of them are for statistics.
//!
//! Counted by valgrind's callgrind, which is exact where time is not. What an operation takes that does not count is
//! measured on a second build of the bench, with the cfg `perfect21_uncounted`, under `target/uncounted`.

use crate::Op;
use std::{
    env,
    error::Error,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

/// In a run that is counted: which case, and how often.
const CASE: &str = "PERFECT21_INSTRUCTIONS_CASE";
const TIMES: &str = "PERFECT21_INSTRUCTIONS_TIMES";
/// What is counted is the difference between a run and one of twice as many operations.
const FEW: u64 = 50_000;

type Failure = Box<dyn Error>;

/// An operation by its name, made when it is run.
pub type Counted = (&'static str, fn() -> Op);

/// Counts the instructions of each case with statistics and without, prints a table, and says by the exit code whether
/// none takes more than `max_ratio` of those without.
///
/// Cases must do the same in each run: with hashers of a fixed seed, for instance.
///
/// To be called by the main function of a bench named `instructions`, with the package's name and its folder: it starts
/// itself again for each run.
#[must_use]
#[allow(clippy::print_stdout, clippy::print_stderr, reason = "the table is the product")]
pub fn instructions(cases: &[Counted], max_ratio: f64, package: &str, folder: &str) -> ExitCode {
    if let Some(counted) = counted_run(cases) {
        return counted.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    match table(cases, max_ratio, package, Path::new(folder)) {
        Ok((table, met)) => {
            println!("{table}\n{}", if met { "met" } else { "missed" });
            if met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Does what it was started for, if it was started by itself.
fn counted_run(cases: &[Counted]) -> Option<Result<(), Failure>> {
    let (case, times) = (env::var(CASE).ok()?, env::var(TIMES).ok()?);
    let run = || {
        let (_, op) = cases.get(case.parse::<usize>()?).ok_or("no such case")?;
        op().on_this_thread()(times.parse()?);
        Ok(())
    };
    Some(run())
}

fn table(cases: &[Counted], max_ratio: f64, package: &str, folder: &Path) -> Result<(String, bool), Failure> {
    let (with, without) = (env::current_exe()?, uncounted_build(package, folder)?);
    let mut table = String::from(
        "| operation | instructions | without statistics | ratio | target |\n|---|---|---|---|---|\n",
    );
    let mut met = true;
    for (nth, (name, _)) in cases.iter().enumerate() {
        let (with, without) = (count(&with, nth)?, count(&without, nth)?);
        let ratio = with / without;
        met &= ratio <= max_ratio;
        table += &format!("| {name} | {with:.1} | {without:.1} | {ratio:.3} | ≤ {max_ratio} |\n");
    }
    Ok((table, met))
}

/// Of one operation, its loop included.
fn count(program: &Path, case: usize) -> Result<f64, Failure> {
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

/// Builds the bench without the counting, and says where it is.
fn uncounted_build(package: &str, folder: &Path) -> Result<PathBuf, Failure> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let build = Command::new(cargo)
        .args(["bench", "--quiet", "--no-run", "--message-format=json", "--bench", "instructions"])
        .args(["--package", package])
        .current_dir(folder)
        .env("RUSTFLAGS", "--cfg perfect21_uncounted")
        .env("CARGO_TARGET_DIR", folder.join("../../target/uncounted"))
        .output()?;
    let said = String::from_utf8_lossy(&build.stdout);
    let built = said.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut executables = built.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    executables.next_back().ok_or_else(|| {
        format!("the build without counting failed:\n{}", String::from_utf8_lossy(&build.stderr)).into()
    })
}
