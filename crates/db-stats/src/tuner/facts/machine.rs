//! The machine, as far as the server's process is seen on it.

use super::{Disk, Fact};
use perfect21_core::Bytes;
use perfect21_host::{LimitedBy, Limits};
use std::{fs, path::Path};

pub(super) struct Machine {
    pub(super) is_local: bool,
    pub(super) memory: Fact<Bytes>,
    pub(super) cpus: Fact<f64>,
    pub(super) disk: Fact<Disk>,
    pub(super) room: Fact<Bytes>,
}

impl Machine {
    fn unknown(is_local: bool, why: &str) -> Self {
        Self {
            is_local,
            memory: Fact::Unknown(format!("{why}; give .memory()")),
            cpus: Fact::Unknown(format!("{why}; give .cpus()")),
            disk: Fact::Unknown(format!("{why}; give .disk()")),
            room: Fact::Unknown(format!("{why}; give .room()")),
        }
    }

    /// `pid` is that of the server's process for our session. A loopback address alone does not tell: a tunnel or a
    /// container's forwarded port has one, too.
    pub(super) fn look(by_loopback: bool, pid: i32, data: Option<&str>) -> Self {
        if !by_loopback {
            return Self::unknown(false, "the server is reached over a network");
        }
        let process = Path::new("/proc").join(pid.to_string());
        let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
        if !name.trim_end().starts_with("postgres") {
            return Self::unknown(
                false,
                "the server's process is not seen on this machine (a tunnel, a container?)",
            );
        }
        let mut machine = Self::unknown(true, "it cannot be seen");
        let data =
            data.map(Path::new).ok_or("the data directory is shown to roles with pg_read_all_settings only");
        match data {
            Ok(data) => {
                machine.disk = disk(data);
                machine.room = room(data);
            }
            Err(why) => {
                machine.disk = Fact::Unknown(format!("{why}; give .disk()"));
                machine.room = Fact::Unknown(format!("{why}; give .room()"));
            }
        }
        let groups = [process.join("cgroup"), "/proc/self/cgroup".into()].map(|file| fs::read(file).ok());
        if groups[0].is_none() || groups[0] != groups[1] {
            let why = "the server runs in another control group, whose limits are not read";
            let unknown = Self::unknown(true, why);
            machine.memory = unknown.memory;
            machine.cpus = unknown.cpus;
            return machine;
        }
        match Limits::read() {
            Ok(limits) => {
                let by = match &limits.memory_limited_by {
                    LimitedBy::Cgroup(group) => format!("the control group {}", group.display()),
                    _ => "all that the machine has".to_owned(),
                };
                machine.memory = Fact::Measured(limits.memory, by);
                let by = match limits.cpu_quota {
                    Some(quota) if quota <= limits.cores => "the control group's quota".to_owned(),
                    _ => format!("{} of {} CPUs are allowed", limits.allowed_cpus, limits.online_cpus),
                };
                machine.cpus = Fact::Measured(limits.cores, by);
            }
            Err(error) => {
                let unknown = Self::unknown(true, &error.to_string());
                machine.memory = unknown.memory;
                machine.cpus = unknown.cpus;
            }
        }
        machine
    }
}

fn room(data: &Path) -> Fact<Bytes> {
    // Often a link to another disk. It may be hidden from us, and then the directory above is not on that disk.
    match perfect21_host::Disk::of(data.join("pg_wal")) {
        Ok(disk) => Fact::Measured(disk.available, "free below the data directory".into()),
        Err(error) => Fact::Unknown(format!("{error}; give .room()")),
    }
}

#[cfg(target_os = "linux")]
fn disk(data: &Path) -> Fact<Disk> {
    use std::os::unix::fs::MetadataExt as _;
    let unknown = |why: &str| Fact::Unknown(format!("{why}; give .disk()"));
    let Ok(metadata) = fs::metadata(data) else { return unknown("the data directory is not seen from here") };
    let device = metadata.dev();
    let (major, minor) = ((device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xfff00));
    let Ok(device) = fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")) else {
        return unknown("the data directory is on no block device of its own");
    };
    // A partition is a directory in that of its disk.
    let queue = device.ancestors().take(2).find(|path| path.join("queue/rotational").is_file());
    let Some(queue) = queue else { return unknown("its block device does not say") };
    let name = queue.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let rotates = fs::read_to_string(queue.join("queue/rotational")).unwrap_or_default();
    match rotates.trim() {
        // Volumes of clouds call themselves so, too.
        "0" => Fact::Measured(Disk::Ssd, format!("{name} does not rotate")),
        // Virtual disks say that they rotate, whatever is below them.
        "1" if name.starts_with("sd") => Fact::Measured(Disk::Hdd, format!("{name} rotates")),
        _ => unknown(&format!("{name} does not say what it is")),
    }
}

#[cfg(not(target_os = "linux"))]
fn disk(_: &Path) -> Fact<Disk> {
    Fact::Unknown("not measured on this system; give .disk()".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_machine_is_never_taken_for_this_one() {
        let us = i32::try_from(std::process::id()).unwrap();
        for (by_loopback, pid, said) in [
            (false, us, "the server is reached over a network; give .memory()"),
            // A process is here, and is no server: the other end of a tunnel has the same number.
            (
                true,
                us,
                "the server's process is not seen on this machine (a tunnel, a container?); give .memory()",
            ),
            (
                true,
                i32::MAX,
                "the server's process is not seen on this machine (a tunnel, a container?); give .memory()",
            ),
        ] {
            let machine = Machine::look(by_loopback, pid, Some("/"));
            assert!(!machine.is_local);
            assert_eq!(machine.memory, Fact::Unknown(said.into()));
            assert_eq!(
                (machine.cpus.value(), machine.disk.value(), machine.room.value()),
                (None, None, None)
            );
        }
    }
}
