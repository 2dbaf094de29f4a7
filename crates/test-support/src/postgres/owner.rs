use std::{ffi::OsString, io, os::unix::fs::chown, path::Path, process::Command};

use crate::Error;

/// Whose process a server is: PostgreSQL refuses to run as root.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner {
    uid: u32,
    /// The group of the user `postgres`, where this process is root.
    group: Option<u32>,
}

impl Owner {
    pub(super) fn of_this_process() -> Result<Self, Error> {
        let uid = rustix::process::geteuid().as_raw();
        if uid != 0 {
            return Ok(Self { uid, group: None });
        }
        Ok(Self { uid: id("-u")?, group: Some(id("-g")?) })
    }

    pub(super) fn uid(self) -> u32 {
        self.uid
    }

    /// What stands before a command line so that it runs as this owner.
    pub(super) fn prefix(self) -> Vec<OsString> {
        match self.group {
            Some(group) => vec![
                "setpriv".into(),
                format!("--reuid={}", self.uid).into(),
                format!("--regid={group}").into(),
                "--init-groups".into(),
            ],
            None => Vec::new(),
        }
    }

    pub(super) fn give(self, path: &Path) -> Result<(), Error> {
        match self.group {
            Some(group) => chown(path, Some(self.uid), Some(group))
                .map_err(Error::io(format!("give {} to the user postgres", path.display()))),
            None => Ok(()),
        }
    }
}

fn id(option: &str) -> Result<u32, Error> {
    let doing = "find the user postgres, as whom root must run the server";
    let output = Command::new("id").args([option, "postgres"]).output().map_err(Error::io(doing))?;
    String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .map_err(|_| Error::io(doing)(io::ErrorKind::NotFound.into()))
}
