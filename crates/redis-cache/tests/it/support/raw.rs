//! A client that sends any bytes, many commands at a time.

use perfect21_test_support::redis::Redis;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
};

pub(crate) struct Raw(BufReader<TcpStream>);

impl Raw {
    pub(crate) fn to(server: &Redis) -> Self {
        let stream = TcpStream::connect(server.addr()).unwrap();
        stream.set_read_timeout(Some(super::DEADLINE)).unwrap();
        Self(BufReader::new(stream))
    }

    /// Sends all, then reads the answer to each, which must be a status.
    pub(crate) fn send(&mut self, commands: &[Vec<&[u8]>]) {
        let mut out = Vec::new();
        for words in commands {
            write!(out, "*{}\r\n", words.len()).unwrap();
            for word in words {
                write!(out, "${}\r\n", word.len()).unwrap();
                out.extend_from_slice(word);
                out.extend_from_slice(b"\r\n");
            }
        }
        self.0.get_mut().write_all(&out).unwrap();
        for words in commands {
            let line = self.line();
            assert!(line.starts_with('+'), "{:?}: {line}", words[0]);
        }
    }

    /// The bytes under a key, which must be there.
    pub(crate) fn get(&mut self, key: &str) -> Vec<u8> {
        let command = format!("*2\r\n$3\r\nGET\r\n${}\r\n{key}\r\n", key.len());
        self.0.get_mut().write_all(command.as_bytes()).unwrap();
        let length = self.line().trim_start_matches('$').parse::<usize>().unwrap();
        let mut bytes = vec![0; length + 2];
        self.0.read_exact(&mut bytes).unwrap();
        bytes.truncate(length);
        bytes
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}
