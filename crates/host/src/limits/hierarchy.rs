//! Where our cgroups are mounted: `/proc/self/cgroup` says which we are in, `/proc/self/mountinfo` where that is.

use super::{v1, v2};
use crate::{Error, kept::Kept, parse};
use perfect21_core::Bytes;
use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Component, Path, PathBuf},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    V1,
    V2,
}

impl Version {
    pub(crate) fn memory_limit_file(self) -> &'static str {
        match self {
            Self::V1 => v1::MEMORY_LIMIT,
            Self::V2 => v2::MEMORY_LIMIT,
        }
    }

    pub(crate) fn memory_current_file(self) -> &'static str {
        match self {
            Self::V1 => v1::MEMORY_CURRENT,
            Self::V2 => v2::MEMORY_CURRENT,
        }
    }

    /// Of the cgroup and all below it.
    pub(crate) fn inactive_file_key(self) -> &'static [u8] {
        match self {
            Self::V1 => v1::INACTIVE_FILE,
            Self::V2 => v2::INACTIVE_FILE,
        }
    }

    pub(super) fn cpuset_files(self) -> &'static [&'static str] {
        match self {
            Self::V1 => &v1::CPUSET,
            Self::V2 => &v2::CPUSET,
        }
    }

    pub(crate) fn memory_limit(self, file: &Kept) -> Result<Option<Bytes>, Error> {
        let limit = match self {
            Self::V1 => v1::memory_limit,
            Self::V2 => v2::memory_limit,
        };
        file.parse(&mut [0; 32], "a number of bytes, or the word for none", |bytes| {
            limit(bytes.trim_ascii()).map(|limit| limit.map(Bytes::new))
        })
    }

    pub(super) fn cpu_quota(self, cgroup: &Path) -> Result<Option<f64>, Error> {
        match self {
            Self::V1 => v1::cpu_quota(cgroup),
            Self::V2 => v2::cpu_quota(cgroup),
        }
    }
}

/// The cgroup that a controller has us in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) version: Version,
    pub(crate) leaf: PathBuf,
    mount: PathBuf,
}

impl Place {
    /// From our cgroup up to the highest one that we can see.
    pub(crate) fn levels(&self) -> impl Iterator<Item = &Path> {
        self.leaf.ancestors().take_while(|level| level.starts_with(&self.mount))
    }
}

/// Our cgroups, by controller.
#[derive(Debug, Default)]
pub(crate) struct Cgroups {
    pub(crate) memory: Option<Place>,
    pub(crate) cpu: Option<Place>,
    pub(crate) cpuset: Option<Place>,
    /// The version 2 hierarchy, which also where version 1 has the controllers tells the pressure.
    pub(crate) unified: Option<Place>,
}

impl Cgroups {
    pub(crate) fn find(root: &Path) -> Result<Self, Error> {
        let whole = |name| {
            super::read::optional(root.join(name), |file| {
                file.read_whole(&mut Vec::new()).map(<[u8]>::to_vec)
            })
        };
        let (Some(membership), Some(mounts)) = (whole("proc/self/cgroup")?, whole("proc/self/mountinfo")?)
        else {
            return Ok(Self::default());
        };
        let mounts: Vec<_> = parse::lines(&mounts).filter_map(Mount::parse).collect();
        let memberships: Vec<_> = parse::lines(&membership).filter_map(Membership::parse).collect();

        let find = |version, controller: &[u8]| {
            let of = memberships.iter().find(|of| of.version == version && of.has(controller))?;
            let mounted = || mounts.iter().filter(|mount| mount.version == version && mount.has(controller));
            let places = || mounted().map(|mount| mount.place(root, of.path));
            // The same hierarchy may be mounted twice, and only one of them show us.
            places().find(|place| place.leaf.is_dir()).or_else(|| places().next())
        };
        let unified = find(Version::V2, b"");
        // A controller is in one hierarchy only; what version 1 does not have is in version 2, if anywhere.
        let controller = |name: &[u8]| find(Version::V1, name).or_else(|| unified.clone());
        Ok(Self {
            memory: controller(b"memory"),
            cpu: controller(b"cpu"),
            cpuset: controller(b"cpuset"),
            unified: unified.clone(),
        })
    }
}

/// A line of `/proc/self/cgroup`: `4:memory:/user.slice`, of version 2 `0::/user.slice`.
struct Membership<'a> {
    version: Version,
    controllers: &'a [u8],
    path: &'a Path,
}

impl<'a> Membership<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        let mut parts = line.splitn(3, |&byte| byte == b':');
        let (number, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let version = if number == b"0" && controllers.is_empty() { Version::V2 } else { Version::V1 };
        Some(Self { version, controllers, path: Path::new(OsStr::from_bytes(path)) })
    }

    fn has(&self, controller: &[u8]) -> bool {
        self.controllers.split(|&byte| byte == b',').any(|name| name == controller)
    }
}

/// A line of `/proc/self/mountinfo` that mounts cgroups, see `proc_pid_mountinfo(5)`.
struct Mount<'a> {
    version: Version,
    /// Which part of the hierarchy is mounted.
    part: PathBuf,
    point: PathBuf,
    options: &'a [u8],
}

impl<'a> Mount<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        let mut fields = parse::fields(line).skip(3);
        let (part, point) = (unescape(fields.next()?), unescape(fields.next()?));
        let mut fields = fields.skip_while(|field| *field != b"-").skip(1);
        let version = match fields.next()? {
            b"cgroup" => Version::V1,
            b"cgroup2" => Version::V2,
            _ => return None,
        };
        Some(Self { version, part, point, options: fields.nth(1)? })
    }

    fn has(&self, controller: &[u8]) -> bool {
        self.version == Version::V2 || self.options.split(|&byte| byte == b',').any(|name| name == controller)
    }

    fn place(&self, root: &Path, cgroup: &Path) -> Place {
        let point = root.join(self.point.strip_prefix("/").unwrap_or(&self.point));
        // A container without a cgroup namespace sees its path as the host names it, and only its part mounted. A
        // path that leads out of the part has nothing to show here but the part itself.
        let below = cgroup.strip_prefix(&self.part).unwrap_or(Path::new(""));
        let mut parts = below.components().peekable();
        let inside = parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)));
        let leaf = if inside { point.join(below) } else { point.clone() };
        Place { version: self.version, leaf, mount: point }
    }
}

/// The kernel writes blanks and backslashes of a path as `\040`.
fn unescape(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first == b'\\'
            && let [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] = tail
        {
            bytes.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
            rest = after;
        } else {
            bytes.push(*first);
        }
    }
    PathBuf::from(OsStr::from_bytes(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place(mount: &str, cgroup: &str) -> String {
        let mount = Mount::parse(mount.as_bytes()).unwrap();
        mount.place(Path::new("/"), Path::new(cgroup)).leaf.display().to_string()
    }

    #[test]
    fn a_path_is_taken_below_the_mounted_part() {
        for (part, cgroup, leaf) in [
            ("/", "/", "/cg"),
            ("/", "/user.slice/a", "/cg/user.slice/a"),
            ("/docker/1", "/docker/1", "/cg"),
            ("/docker/1", "/docker/1/in", "/cg/in"),
            ("/docker/1", "/docker/11", "/cg"),
            ("/docker/1", "/", "/cg"),
            ("/", "/../other", "/cg"),
        ] {
            let mount = format!("30 24 0:26 {part} /cg rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate");
            assert_eq!(place(&mount, cgroup), leaf, "{part} {cgroup}");
        }
    }

    #[test]
    fn mount_points_may_hold_blanks() {
        let mount = r"30 24 0:26 / /my\040cg\134x rw - cgroup2 none rw";
        assert_eq!(place(mount, "/a b"), r"/my cg\x/a b");
    }

    #[test]
    fn levels_end_at_the_mount_point() {
        let place = Place { version: Version::V2, leaf: "/sys/cg/a/b".into(), mount: "/sys/cg".into() };
        let levels: Vec<_> = place.levels().map(|level| level.display().to_string()).collect();
        assert_eq!(levels, ["/sys/cg/a/b", "/sys/cg/a", "/sys/cg"]);
    }

    proptest! {
        #[test]
        fn any_line_is_read_without_panic(bytes: Vec<u8>, line in r"[0-9:/ a-z\\.-]{0,80}") {
            for line in [&bytes[..], line.as_bytes()] {
                if let Some(mount) = Mount::parse(line) {
                    mount.place(Path::new("/"), Path::new("/a"));
                }
                Membership::parse(line);
                unescape(line);
            }
        }
    }
}
