use std::{
    hash::{BuildHasher, RandomState},
    net::{Ipv4Addr, TcpListener},
};

use crate::Error;

/// Below the range from which the system takes the ports of outgoing connections (32768 on Linux), as is each port's
/// cluster bus. A port from `bind(0)` lies inside it: while a server restarts, a client's own connection can take
/// its port, or even connect to itself there.
const PORTS: std::ops::Range<u16> = 10_240..22_768;

/// What Redis adds to a port for its cluster bus.
pub(crate) const CLUSTER_BUS: u16 = 10_000;

/// A port that is free now, together with its cluster bus. Another process may be faster: whoever binds it retries.
pub(crate) fn free() -> Result<u16, Error> {
    let mut last = None;
    for _ in 0..1000 {
        let port = PORTS.start + u16::try_from(random() % u64::from(PORTS.end - PORTS.start)).unwrap_or(0);
        match is_free(port).and_then(|()| is_free(port + CLUSTER_BUS)) {
            Ok(()) => return Ok(port),
            Err(error) => last = Some(error),
        }
    }
    Err(Error::io("find a free port on 127.0.0.1")(
        last.unwrap_or_else(|| std::io::ErrorKind::AddrInUse.into()),
    ))
}

fn is_free(port: u16) -> std::io::Result<()> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(drop)
}

/// Each `RandomState` is keyed afresh, which is random enough to spread ports and identifiers.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}
