use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::Error;

const VARIABLE: &str = "PERFECT21_POSTGRES_BIN";
const DEBIAN: &str = "/usr/lib/postgresql";

/// A directory that has `postgres` and `initdb`.
#[derive(Debug)]
pub(super) struct Binaries {
    pub(super) dir: PathBuf,
    /// What `postgres --version` prints.
    pub(super) version: String,
}

impl Binaries {
    /// The newest server on this machine.
    pub(super) fn find() -> Result<Self, Error> {
        let (dirs, looked) = match env::var_os(VARIABLE).filter(|dir| !dir.is_empty()) {
            Some(dir) => (vec![PathBuf::from(&dir)], format!("{VARIABLE}={}", Path::new(&dir).display())),
            None => (usual_dirs(), format!("PATH and {DEBIAN}/*/bin")),
        };
        let found: BTreeSet<PathBuf> = dirs.iter().filter_map(|dir| resolve(dir)).collect();
        found
            .into_iter()
            .filter_map(|dir| version(&dir).map(|version| Self { dir, version }))
            .max_by_key(|found| number(&found.version))
            .ok_or(Error::Missing {
                what: "PostgreSQL server binaries",
                looked,
                package: "postgresql",
                variable: VARIABLE,
            })
    }

    pub(super) fn major(&self) -> u32 {
        number(&self.version).0
    }
}

fn usual_dirs() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let debian = fs::read_dir(DEBIAN).into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    env::split_paths(&path).chain(debian).collect()
}

/// A link in PATH leads to the directory where the server finds its other files.
fn resolve(dir: &Path) -> Option<PathBuf> {
    let server = dir.join("postgres").canonicalize().ok()?;
    let home = server.parent()?;
    home.join("initdb").is_file().then(|| home.to_owned())
}

fn version(dir: &Path) -> Option<String> {
    let output = Command::new(dir.join("postgres")).arg("--version").output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// `postgres (PostgreSQL) 15.18 (Debian …)` is (15, 18); a beta has no second number.
fn number(version: &str) -> (u32, u32) {
    let number = version.split(' ').find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
    let mut parts = number.unwrap_or_default().split(|other: char| !other.is_ascii_digit());
    let mut next = || parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
    (next(), next())
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn versions_order_by_their_numbers() {
        for (text, expected) in [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", (15, 18)),
            ("postgres (PostgreSQL) 9.6.24", (9, 6)),
            ("postgres (PostgreSQL) 18beta1", (18, 0)),
            ("something else", (0, 0)),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
    }
}
