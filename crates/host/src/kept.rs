//! A file of `/proc`, `/sys` or a cgroup that stays open, so that reading it again is one system call.

use crate::{Error, parse};
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{Mode, OFlags},
};
use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC);

#[derive(Debug)]
pub(crate) struct Kept {
    file: File,
    path: PathBuf,
}

impl Kept {
    pub(crate) fn open(path: PathBuf) -> Result<Self, Error> {
        match File::open(&path) {
            Ok(file) => Ok(Self { file, path }),
            Err(cause) => Err(Error::read(&path, cause)),
        }
    }

    /// Opens `name` in a directory that is held open, whatever its path means by now.
    pub(crate) fn open_in(directory: &Directory, name: &str) -> Result<Self, Error> {
        let path = directory.path.join(name);
        match rustix::fs::openat(&directory.fd, name, READ, Mode::empty()) {
            Ok(fd) => Ok(Self { file: File::from(fd), path }),
            Err(errno) => Err(Error::read(&path, errno.into())),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The beginning of the file, as much as one call gives: all of it where the kernel writes it in one piece and
    /// the buffer is large enough.
    pub(crate) fn read<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], Error> {
        match read_at(&self.file, buffer, 0) {
            Ok(length) => Ok(&buffer[..length]),
            Err(cause) => Err(Error::read(&self.path, cause)),
        }
    }

    /// The whole file, in as many calls as it takes; the buffer keeps its size for the next time.
    pub(crate) fn read_whole<'b>(&self, buffer: &'b mut Vec<u8>) -> Result<&'b [u8], Error> {
        let mut filled = 0;
        loop {
            if buffer.len() < filled + STEP {
                buffer.resize(filled + STEP, 0);
            }
            match read_at(&self.file, &mut buffer[filled..], filled as u64) {
                Ok(0) => return Ok(&buffer[..filled]),
                Ok(length) => filled += length,
                Err(cause) => return Err(Error::read(&self.path, cause)),
            }
            if filled > MOST {
                return Err(Error::malformed(&self.path, &buffer[..filled], "at most 16 MiB"));
            }
        }
    }

    /// Reads through `parser`, and makes a typed error of what it does not understand. What does not fit in the buffer
    /// is read too where the parser does not find what it wants in the beginning.
    pub(crate) fn parse<T>(
        &self,
        buffer: &mut [u8],
        expected: &'static str,
        parser: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<T, Error> {
        let room = buffer.len();
        let bytes = self.read(buffer)?;
        if let Some(value) = parser(bytes) {
            return Ok(value);
        }
        let mut whole = Vec::new();
        let bytes = if bytes.len() == room { self.read_whole(&mut whole)? } else { bytes };
        parser(bytes).ok_or_else(|| Error::malformed(&self.path, bytes, expected))
    }

    /// Reads a file that holds one number.
    pub(crate) fn number(&self) -> Result<u64, Error> {
        self.parse(&mut [0; 32], "a number", |bytes| parse::number(bytes.trim_ascii()))
    }
}

const STEP: usize = 4096;
/// No such file is ever this long; a wrong one must not eat the memory.
const MOST: usize = 16 << 20;

fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.read_at(buffer, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// A directory held open.
#[derive(Debug)]
pub(crate) struct Directory {
    fd: OwnedFd,
    path: PathBuf,
}

impl Directory {
    pub(crate) fn open(path: PathBuf) -> Result<Self, Error> {
        match rustix::fs::open(&path, READ | OFlags::DIRECTORY, Mode::empty()) {
            Ok(fd) => Ok(Self { fd, path }),
            Err(errno) => Err(Error::read(&path, errno.into())),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is the kernel's and not a copy: some of its figures stand in the inode.
    pub(crate) fn is_proc(&self) -> bool {
        rustix::fs::fstatfs(&self.fd).is_ok_and(|fs| fs.f_type == rustix::fs::PROC_SUPER_MAGIC)
    }

    pub(crate) fn stat(&self, name: &str) -> Result<rustix::fs::Stat, Error> {
        rustix::fs::statat(&self.fd, name, rustix::fs::AtFlags::empty())
            .map_err(|errno| Error::read(&self.path.join(name), errno.into()))
    }

    /// Calls `visit` with the name and the kind of each entry of the directory `name` below this one (`.` for itself).
    pub(crate) fn each(
        &self,
        name: &str,
        mut visit: impl FnMut(&[u8], rustix::fs::FileType),
    ) -> Result<(), Error> {
        let failed = |errno: rustix::io::Errno| Error::read(&self.path.join(name), errno.into());
        let fd = rustix::fs::openat(self.fd.as_fd(), name, READ | OFlags::DIRECTORY, Mode::empty())
            .map_err(failed)?;
        for entry in rustix::fs::Dir::new(fd).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                visit(name, entry.file_type());
            }
        }
        Ok(())
    }
}
