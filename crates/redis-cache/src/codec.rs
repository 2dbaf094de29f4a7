use crate::{
    Error, ErrorKind,
    envelope::{self, HEADER, Rejected},
};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use std::io;

/// The value as JSON in its envelope; encoding stops as soon as the JSON is longer than `max` bytes.
pub(crate) fn encode<V: Serialize + ?Sized>(value: &V, max: usize) -> Result<Bytes, Error> {
    let mut bounded = Bounded { bytes: vec![0; HEADER], room: max, full: false };
    match serde_json::to_writer(&mut bounded, value) {
        Ok(()) => {
            envelope::seal(&mut bounded.bytes);
            Ok(bounded.bytes.into())
        }
        Err(_) if bounded.full => {
            Err(Error::new(ErrorKind::TooLarge, format!("the value is over max_value_bytes = {max}")))
        }
        Err(error) => {
            Err(Error::new(ErrorKind::Encode, "the value cannot be written as JSON").with_source(error))
        }
    }
}

/// The value in `bytes`; anything else than what [`encode`] made of a `V` is rejected.
pub(crate) fn decode<V: DeserializeOwned>(bytes: &[u8], max: usize) -> Result<V, Rejected> {
    let payload = envelope::open(bytes)?;
    if payload.len() > max {
        return Err(Rejected::TooLarge);
    }
    serde_json::from_slice(payload).map_err(|_| Rejected::Type)
}

struct Bounded {
    bytes: Vec<u8>,
    room: usize,
    full: bool,
}

impl io::Write for Bounded {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        match self.room.checked_sub(more.len()) {
            Some(room) => self.room = room,
            None => {
                self.full = true;
                return Err(io::ErrorKind::FileTooLarge.into());
            }
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_bound_is_exact() {
        assert_eq!(decode::<String>(&encode("abc", 5).unwrap(), 5), Ok("abc".to_owned()));
        assert_eq!(encode("abc", 4).unwrap_err().kind(), ErrorKind::TooLarge);
        assert_eq!(decode::<String>(&encode("abc", 5).unwrap(), 4), Err(Rejected::TooLarge));
    }

    #[test]
    fn what_json_cannot_say_is_an_error() {
        let error = encode(&BTreeMap::from([((1, 2), 3)]), 100).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Encode);
        assert_eq!(error.to_string(), "the value cannot be written as JSON");
        assert!(std::error::Error::source(&error).is_some());
    }

    #[test]
    fn another_type_is_rejected() {
        let number = encode(&17, 100).unwrap();
        assert_eq!(decode::<String>(&number, 100), Err(Rejected::Type));
        assert_eq!(decode::<u8>(&encode(&300, 100).unwrap(), 100), Err(Rejected::Type));
        let nested = "[".repeat(100_000);
        let mut bytes = vec![0; HEADER];
        bytes.extend_from_slice(nested.as_bytes());
        envelope::seal(&mut bytes);
        assert_eq!(decode::<serde_json::Value>(&bytes, 1 << 20), Err(Rejected::Type), "no stack overflow");
    }

    proptest! {
        #[test]
        fn every_float_comes_back(float in prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL) {
            prop_assert_eq!(decode::<f64>(&encode(&float, 100).unwrap(), 100), Ok(float));
        }

        #[test]
        fn arbitrary_payloads_never_panic(payload: Vec<u8>) {
            let mut bytes = vec![0; HEADER];
            bytes.extend_from_slice(&payload);
            envelope::seal(&mut bytes);
            let _ = decode::<BTreeMap<String, Vec<Option<f64>>>>(&bytes, 1 << 20);
        }
    }
}
