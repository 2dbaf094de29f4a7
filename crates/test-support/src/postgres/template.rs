use std::{
    env,
    fs::{self, DirBuilder, File},
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    process::Command,
};

use super::{binaries::Binaries, owner::Owner};
use crate::{Error, guard::Guard};

const INITDB: [&str; 7] = [
    "--username=postgres",
    "--auth=trust",
    "--no-sync",
    "--encoding=UTF8",
    "--locale=C",
    "--no-instructions",
    "-D",
];

/// The file that each start writes anew; the template's `postgresql.conf` includes it. Not on the command line, so
/// that `ALTER SYSTEM` still wins over it.
pub(super) const SETTINGS: &str = "perfect21.conf";

/// The directory of a freshly initialised data directory, made once per server version, user and target directory.
///
/// Safe against processes that come at once: one makes it under a file lock and moves it to its name when whole.
pub(super) fn find_or_make(binaries: &Binaries, owner: Owner) -> Result<PathBuf, Error> {
    let home = home()?;
    let key = BuildHasherDefault::<DefaultHasher>::default().hash_one((
        &binaries.dir,
        &binaries.version,
        INITDB,
        owner.uid(),
    ));
    let template = home.join(format!("pgtmpl-{}-{key:016x}", binaries.major()));
    if template.is_dir() {
        return Ok(template);
    }
    let path = template.with_extension("lock");
    let lock = File::create(&path).map_err(Error::io(format!("create {}", path.display())))?;
    lock.lock().map_err(Error::io(format!("lock {}", path.display())))?;
    if !template.is_dir() {
        make(&template, binaries, owner)?;
    }
    Ok(template)
}

fn make(template: &Path, binaries: &Binaries, owner: Owner) -> Result<(), Error> {
    // Not in the target directory, which the server's user need not be able to search. Guarded as a server is, so
    // that a process killed in here leaves nothing.
    let program = binaries.dir.join("initdb");
    let scratch = Guard::new("initdb", "KILL", |dir| {
        let mut words = owner.prefix();
        words.push(program.into());
        words.extend(INITDB.map(Into::into));
        words.push(dir.join("data").into());
        words
    })?;
    owner.give(scratch.dir())?;
    scratch.run()?;
    let data = scratch.dir().join("data");

    let config = data.join("postgresql.conf");
    let mut text = fs::read_to_string(&config).map_err(Error::io("read initdb's postgresql.conf"))?;
    text.push_str(&format!("\ninclude = '{SETTINGS}'\n"));
    fs::write(&config, text).map_err(Error::io("write postgresql.conf"))?;

    let part = template.with_extension("part");
    if part.exists() {
        // Left by a process that was killed here; the lock says that it is gone.
        fs::remove_dir_all(&part).map_err(Error::io(format!("remove {}", part.display())))?;
    }
    // A third of it is zeros, most of them in the first segment of the log; copies keep the holes.
    run(Command::new("cp").args(["-a", "--sparse=always"]).arg(&data).arg(&part))?;
    fs::rename(&part, template).map_err(Error::io(format!("name {}", template.display())))
}

/// Copies a data directory with its owners and modes; by reference where the file system can.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    run(Command::new("cp").args(["-a", "--reflink=auto"]).arg(from).arg(to))
}

fn run(command: &mut Command) -> Result<(), Error> {
    let what = format!("{command:?}");
    let output = command.output().map_err(Error::io(format!("run {what}")))?;
    if output.status.success() {
        return Ok(());
    }
    let log = [output.stdout, output.stderr].concat();
    Err(Error::Failed { what, log: String::from_utf8_lossy(&log).trim_end().to_owned() })
}

/// Cargo's target directory, which `cargo clean` empties, or else a private one beside the other temporary files.
fn home() -> Result<PathBuf, Error> {
    let program = env::current_exe().unwrap_or_default();
    if let Some(target) = program.ancestors().skip(1).find(|dir| dir.join("CACHEDIR.TAG").is_file()) {
        return Ok(target.to_owned());
    }
    let uid = rustix::process::geteuid().as_raw();
    let dir = env::temp_dir().join(format!("perfect21-{uid}"));
    let doing = format!("use {} as a private directory", dir.display());
    match DirBuilder::new().mode(0o700).create(&dir) {
        Ok(()) => return Ok(dir),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => (),
        Err(error) => return Err(Error::io(doing)(error)),
    }
    // The name can be guessed, so another user may have made it first.
    match fs::symlink_metadata(&dir) {
        Ok(found) if found.is_dir() && found.uid() == uid => Ok(dir),
        Ok(_) => Err(Error::io(doing)(io::ErrorKind::PermissionDenied.into())),
        Err(error) => Err(Error::io(doing)(error)),
    }
}
