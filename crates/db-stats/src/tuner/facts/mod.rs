//! What is known of machine, server and load, and where from.

mod load;
mod machine;
mod read;

pub use load::Load;
pub(super) use read::{auto_file, read};

use super::{Scope, setting::Setting};
use perfect21_core::Bytes;
use std::{collections::BTreeMap, fmt};

/// A figure of the machine, and where it is from.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Fact<T> {
    /// The builder was told.
    Given(T),
    /// Measured on this machine, on which the server is too; the text says what bounds it.
    Measured(T, String),
    /// Not known, and why.
    Unknown(String),
}

impl<T: Copy> Fact<T> {
    /// The figure, if it is known.
    #[must_use]
    pub fn value(&self) -> Option<T> {
        match self {
            Self::Given(value) | Self::Measured(value, _) => Some(*value),
            Self::Unknown(_) => None,
        }
    }
}

impl<T: fmt::Display> fmt::Display for Fact<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(value) => write!(f, "{value} (given)"),
            Self::Measured(value, how) => write!(f, "{value} (measured here: {how})"),
            Self::Unknown(why) => write!(f, "unknown: {why}"),
        }
    }
}

/// What data is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Disk {
    /// A spinning disk.
    Hdd,
    /// Flash behind SATA, or a cloud's usual volume.
    Ssd,
    /// Many disks over a network.
    San,
    /// Flash behind PCI Express.
    Nvme,
}

impl fmt::Display for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hdd => "hdd",
            Self::Ssd => "ssd",
            Self::San => "san",
            Self::Nvme => "nvme",
        })
    }
}

/// A value that a role or a database has of its own, which wins over the server's.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Override {
    /// Whose it is. [`Scope::Server`] is everybody's (`ALTER ROLE ALL SET`).
    pub scope: Scope,
    /// The setting.
    pub setting: String,
    /// Its value, as it was written.
    pub value: String,
}

impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = &self.value;
        match &self.scope {
            Scope::Server => write!(f, "all roles have {value}"),
            Scope::Role(role) => write!(f, "role {role} has {value}"),
            Scope::Database(database) => write!(f, "database {database} has {value}"),
            Scope::RoleInDatabase { role, database } => {
                write!(f, "role {role} in database {database} has {value}")
            }
        }
    }
}

/// What is known, as of one look. `Display` is text for people.
///
/// All may be changed before a [plan](super::Tuner::plan) is made of it, for a "what if".
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Facts {
    /// As `server_version_num`: 150018.
    pub version: i32,
    /// The database that was looked at.
    pub database: String,
    /// The role that looked.
    pub role: String,
    /// Whether the server is on this machine: it was reached by loopback or a Unix socket, and its process is here.
    pub is_local: bool,
    /// Memory that the server may use.
    pub memory: Fact<Bytes>,
    /// Cores that the server may use.
    pub cpus: Fact<f64>,
    /// What its data is on.
    pub disk: Fact<Disk>,
    /// Free room on the disk of its write-ahead log.
    pub room: Fact<Bytes>,
    /// What it has done so far.
    pub load: Load,
    /// The settings that the tuner knows, by name; those that the server has not are not there.
    pub settings: BTreeMap<String, Setting>,
    /// Values of roles and databases, at most 50 000.
    pub overrides: Vec<Override>,
    /// What `ALTER SYSTEM` wrote so far (`postgresql.auto.conf`), by name; or why it may not be read.
    pub auto_file: Result<BTreeMap<String, String>, String>,
    /// What is wrong with the server's files, so that it would not read them again.
    pub file_errors: Vec<String>,
    /// Parts that could not be read, and why.
    pub unread: Vec<String>,
}

/// A server of which nothing is known.
impl Default for Facts {
    fn default() -> Self {
        Self {
            version: 0,
            database: String::new(),
            role: String::new(),
            is_local: false,
            memory: Fact::Unknown("not looked for".into()),
            cpus: Fact::Unknown("not looked for".into()),
            disk: Fact::Unknown("not looked for".into()),
            room: Fact::Unknown("not looked for".into()),
            load: Load::default(),
            settings: BTreeMap::new(),
            overrides: Vec::new(),
            auto_file: Err("not looked for".into()),
            file_errors: Vec::new(),
            unread: Vec::new(),
        }
    }
}

impl Facts {
    /// "15.18".
    pub(super) fn version_text(&self) -> String {
        format!("{}.{}", self.version / 10_000, self.version % 10_000)
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.is_local { "on this machine" } else { "on another machine, as far as is seen" };
        writeln!(f, "PostgreSQL {} {place}, database {}", self.version_text(), self.database)?;
        writeln!(f, "  memory  {}", self.memory)?;
        writeln!(f, "  cores   {}", self.cpus)?;
        writeln!(f, "  disk    {}", self.disk)?;
        writeln!(f, "  room    {}", self.room)?;
        self.load.fmt(f)?;
        for error in &self.file_errors {
            writeln!(f, "  the server's files have an error: {error}")?;
        }
        for part in &self.unread {
            writeln!(f, "  not read: {part}")?;
        }
        Ok(())
    }
}
