//! Redis alone, as a cluster and behind sentinels: starts, answers, dies, comes back, fails over.

use std::{
    io::{Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    thread,
};

use perfect21_test_support::{
    ErrorKind,
    redis::{Cluster, Redis, Reply, Sentinel},
    wait,
};

fn text(text: &str) -> Reply {
    Reply::Text(text.into())
}

#[test]
fn it_starts_and_answers_on_both_sockets() {
    let server = Redis::start().unwrap();
    assert_eq!(server.url(), format!("redis://127.0.0.1:{}/0", server.port()));
    assert_eq!(server.command(&["PING"]).unwrap(), text("PONG"));
    let refused = server.command(&["NOSUCH"]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused);
    assert!(refused.to_string().starts_with("redis refused NOSUCH: ERR unknown command"), "{refused}");
    let mut socket = UnixStream::connect(server.socket()).unwrap();
    socket.write_all(b"PING\r\n").unwrap();
    let mut answer = [0; 7];
    socket.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"+PONG\r\n");
    assert_eq!(server.command(&["CONFIG", "GET", "save"]).unwrap().field("save"), Some(""));
}

#[test]
fn a_kill_breaks_connections_and_a_restart_keeps_the_port_but_not_the_data() {
    let server = Redis::start().unwrap();
    server.command(&["SET", "k", "v"]).unwrap();
    let mut connection = TcpStream::connect(server.addr()).unwrap();
    connection.set_read_timeout(Some(wait::DEADLINE)).unwrap();
    let first = server.pid();
    server.kill().unwrap();
    assert!(!connection.read(&mut [0]).is_ok_and(|count| count > 0));
    assert_eq!(server.command(&["PING"]).unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(server.pid(), None);
    server.restart().unwrap();
    assert_ne!(server.pid(), first);
    assert_eq!(server.command(&["GET", "k"]).unwrap(), Reply::Nil);
    server.stop().unwrap();
    server.restart().unwrap();
    server.command(&["PING"]).unwrap();
}

#[test]
fn directives_are_taken_and_a_wrong_one_is_told_with_the_log() {
    let server = Redis::start_with(&["maxmemory 4mb"]).unwrap();
    let limit = server.command(&["CONFIG", "GET", "maxmemory"]).unwrap();
    assert_eq!(limit.field("maxmemory"), Some("4194304"));
    let error = Redis::start_with(&["maxmemory banana"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    assert!(error.to_string().contains("banana"), "{error}");
}

#[test]
fn many_start_at_once() {
    let servers: Vec<_> = (0..8).map(|_| thread::spawn(Redis::start)).collect();
    let mut ports: Vec<_> = servers.into_iter().map(|server| server.join().unwrap().unwrap()).collect();
    ports.sort_by_key(Redis::port);
    ports.dedup_by_key(|server| server.port());
    assert_eq!(ports.len(), 8);
}

#[test]
fn a_cluster_comes_up_and_a_replica_takes_over() {
    let cluster = Cluster::start().unwrap();
    assert_eq!(cluster.nodes().len(), 6);
    let keys = ["a", "b", "c", "d", "e", "f"];
    for key in keys {
        assert_eq!(cluster.owner(key).unwrap().command(&["SET", key, key]).unwrap(), text("OK"));
    }
    let master = &cluster.nodes()[0];
    let moved = keys.iter().find(|key| cluster.owner(key).unwrap().port() == master.port()).unwrap();
    // Acknowledged by the replica, so that the failover cannot lose it.
    let mut connection = TcpStream::connect(master.addr()).unwrap();
    connection.write_all(format!("SET {moved} kept\r\nWAIT 1 20000\r\n").as_bytes()).unwrap();
    let mut answer = [0; 9];
    connection.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"+OK\r\n:1\r\n");

    master.kill().unwrap();
    let heir = cluster.owner(moved).unwrap();
    assert_ne!(heir.port(), master.port());
    wait::until("the heir's answer", || match heir.command(&["GET", moved]) {
        Ok(reply) if reply == text("kept") => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .unwrap();
    cluster.wait_until_whole().unwrap();
    // The old master comes back as a replica.
    master.restart().unwrap();
    wait::until("the old master's new role", || {
        let info = master.command(&["INFO", "replication"]).map_err(|error| error.to_string())?;
        if info.field("role") == Some("slave") { Ok(()) } else { Err(format!("{:?}", info.field("role"))) }
    })
    .unwrap();
    cluster.wait_until_whole().unwrap();
}

#[test]
fn a_paused_server_is_there_and_says_nothing() {
    let server = Redis::start().unwrap();
    server.command(&["SET", "k", "v"]).unwrap();
    server.pause().unwrap();
    let mut connection = TcpStream::connect(server.addr()).unwrap();
    connection.write_all(b"GET k\r\n").unwrap();
    connection.set_nonblocking(true).unwrap();
    assert_eq!(connection.read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    connection.set_nonblocking(false).unwrap();
    connection.set_read_timeout(Some(wait::DEADLINE)).unwrap();
    server.resume().unwrap();
    let mut answer = [0; 7];
    connection.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"$1\r\nv\r\n");
    server.kill().unwrap();
    assert_eq!(server.pause().unwrap_err().kind(), ErrorKind::Io);
}

#[test]
fn a_slot_moves_with_its_keys() {
    let cluster = Cluster::start().unwrap();
    let keys: Vec<_> = (0..35).map(|number| format!("{{a}}{number}")).collect();
    let from = cluster.owner("a").unwrap();
    for key in &keys {
        from.command(&["SET", key, key]).unwrap();
    }
    for to in &cluster.nodes()[..3] {
        cluster.move_slot_of("a", to).unwrap();
        assert_eq!(cluster.owner("a").unwrap().port(), to.port());
        for key in &keys {
            assert_eq!(to.command(&["GET", key]).unwrap(), text(key));
        }
        cluster.wait_until_whole().unwrap();
    }
}

#[test]
fn sentinels_fail_over_and_the_old_master_follows() {
    let sentinel = Sentinel::start().unwrap();
    let old = sentinel.master().unwrap();
    assert_eq!(old.port(), sentinel.servers()[0].port());
    assert_eq!(sentinel.ports().len(), 3);
    sentinel.kill_master().unwrap();
    let new = sentinel.wait_for_failover().unwrap();
    assert_ne!(new.port(), old.port());
    assert_eq!(new.command(&["SET", "k", "v"]).unwrap(), text("OK"));
    old.restart().unwrap();
    wait::until("the old master's new role", || {
        let info = old.command(&["INFO", "replication"]).map_err(|error| error.to_string())?;
        match (info.field("role"), info.field("master_link_status")) {
            (Some("slave"), Some("up")) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .unwrap();
    assert_eq!(old.command(&["GET", "k"]).unwrap(), text("v"));
}
