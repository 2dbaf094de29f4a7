//! What stands before a value in Redis, so that nothing else is taken for one.
//!
//! | bytes | |
//! |---|---|
//! | 0..2 | `P2` |
//! | 2 | version of the envelope: 1 |
//! | 3 | codec of the payload: 1 for JSON |
//! | 4..8 | length of the payload, little-endian |
//! | 8..12 | CRC-32 of the eight bytes before and of the payload, little-endian |

const MAGIC: [u8; 2] = *b"P2";
const VERSION: u8 = 1;
pub(crate) const JSON: u8 = 1;
pub(crate) const HEADER: usize = 12;

/// Why bytes are not a value of the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// Something else wrote them: they do not start as ours do, or are not a string at all.
    Foreign,
    Version,
    Codec,
    /// Shorter or longer than they say.
    Length,
    Checksum,
    TooLarge,
    /// The payload is whole, but not of the cache's type.
    Type,
}

/// Fills in the header of `bytes`, which starts with [`HEADER`] free bytes and goes on with the payload.
pub(crate) fn seal(bytes: &mut [u8]) {
    let (header, payload) = bytes.split_at_mut(HEADER);
    // The value bound is far below 4 GiB.
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    header[..2].copy_from_slice(&MAGIC);
    header[2] = VERSION;
    header[3] = JSON;
    header[4..8].copy_from_slice(&length.to_le_bytes());
    let checksum = checksum(&header[..8], payload);
    header[8..].copy_from_slice(&checksum.to_le_bytes());
}

/// The payload, if `bytes` are what [`seal`] left.
pub(crate) fn open(bytes: &[u8]) -> Result<&[u8], Rejected> {
    if !bytes.starts_with(&MAGIC) {
        return Err(Rejected::Foreign);
    }
    let Some((header, payload)) = bytes.split_first_chunk::<HEADER>() else {
        return Err(Rejected::Length);
    };
    let &[_, _, version, codec, l0, l1, l2, l3, c0, c1, c2, c3] = header;
    if version != VERSION {
        return Err(Rejected::Version);
    }
    if codec != JSON {
        return Err(Rejected::Codec);
    }
    if u32::from_le_bytes([l0, l1, l2, l3]) as usize != payload.len() {
        return Err(Rejected::Length);
    }
    if u32::from_le_bytes([c0, c1, c2, c3]) != checksum(&header[..8], payload) {
        return Err(Rejected::Checksum);
    }
    Ok(payload)
}

fn checksum(head: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sealed(payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        bytes.extend_from_slice(payload);
        seal(&mut bytes);
        bytes
    }

    #[test]
    fn the_bytes_are_those_of_the_documentation() {
        assert_eq!(sealed(b"17"), b"P2\x01\x01\x02\0\0\0\xf6\x0e\xac\x0317");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let good = sealed(b"17");
        let altered = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            open(&bytes).map(<[u8]>::to_vec)
        };
        assert_eq!(open(b""), Err(Rejected::Foreign));
        assert_eq!(open(b"17"), Err(Rejected::Foreign));
        assert_eq!(open(b"P2"), Err(Rejected::Length));
        assert_eq!(altered(0, b'Q'), Err(Rejected::Foreign));
        assert_eq!(altered(2, 2), Err(Rejected::Version));
        assert_eq!(altered(3, 9), Err(Rejected::Codec));
        assert_eq!(altered(4, 3), Err(Rejected::Length));
        assert_eq!(altered(12, b'2'), Err(Rejected::Checksum));
        assert_eq!(open(&good[..13]), Err(Rejected::Length));
        assert_eq!(open(&[&good[..], b"x"].concat()), Err(Rejected::Length));
    }

    proptest! {
        #[test]
        fn a_payload_comes_back(payload: Vec<u8>) {
            let bytes = sealed(&payload);
            prop_assert_eq!(open(&bytes), Ok(&payload[..]));
        }

        #[test]
        fn no_flipped_bit_goes_unseen(payload: Vec<u8>, bit: prop::sample::Index) {
            let mut bytes = sealed(&payload);
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(open(&bytes).is_err());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, as_ours: bool) {
            let bytes = if as_ours { [&b"P2\x01\x01"[..], &bytes].concat() } else { bytes };
            let _ = open(&bytes);
        }
    }
}
