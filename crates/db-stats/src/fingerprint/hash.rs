//! A streaming hash over tokens. The mixing step is wyhash's: a product of 64 by 64 bits, its halves folded together.

/// Where a hash begins.
pub(super) const SEED: u64 = 0x2d35_8dcc_aa6c_78a5;
/// Odd, with as many ones as zeros: wyhash's secrets.
const SECRET: u64 = 0x8bb8_4b93_962e_acc9;
const LAST: u64 = 0x4b33_a62e_d433_d4a3;

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ (product >> 64) as u64
}

/// Adds eight bytes; `kind` keeps a word apart from a quoted name with the same letters.
#[inline]
pub(super) fn mix(state: u64, chunk: u64, kind: u64) -> u64 {
    fold(state ^ chunk, SECRET ^ kind)
}

#[inline]
pub(super) fn finish(state: u64) -> u64 {
    fold(state ^ LAST, SECRET)
}

/// Up to eight bytes of the text from `start`, the first of them lowest, filled up with zeros.
#[inline]
pub(super) fn chunk(bytes: &[u8], start: usize, length: usize) -> u64 {
    if let Some(whole) = bytes.get(start..start + 8).and_then(|eight| eight.try_into().ok()) {
        let whole = u64::from_le_bytes(whole);
        return if length >= 8 { whole } else { whole & ((1 << (8 * length)) - 1) };
    }
    let rest = bytes.get(start..bytes.len().min(start + length)).unwrap_or_default();
    rest.iter().rev().fold(0, |chunk, byte| chunk << 8 | u64::from(*byte))
}

/// Makes the capital letters A to Z of a chunk small, as the server does with names that are not quoted.
#[inline]
pub(super) const fn lowercase(chunk: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let low = chunk & (0x7f * ONES);
    let from_a = low + (0x80 - b'A' as u64) * ONES;
    let beyond_z = low + (0x7f - b'Z' as u64) * ONES;
    let capital = from_a & !beyond_z & !chunk & (0x80 * ONES);
    chunk | capital >> 2
}

/// Adds a whole token.
#[inline]
pub(super) fn mix_bytes(mut state: u64, bytes: &[u8], (start, end): (usize, usize), kind: u64) -> u64 {
    let mut at = start;
    while end - at > 8 {
        state = mix(state, chunk(bytes, at, 8), kind);
        at += 8;
    }
    mix(state, chunk(bytes, at, end - at), kind | ((end - at) as u64) << 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_letters_a_to_z_are_made_small() {
        for byte in 0..=u8::MAX {
            let chunk = u64::from_le_bytes([byte, b'Q', byte, b'z', 0, byte, 0xC3, byte]);
            let small = byte.to_ascii_lowercase();
            let expected = u64::from_le_bytes([small, b'q', small, b'z', 0, small, 0xC3, small]);
            assert_eq!(lowercase(chunk), expected, "byte {byte}");
        }
    }

    #[test]
    fn a_chunk_holds_the_same_at_the_end_of_the_text_as_before_it() {
        let text = b"abcdefghijklm";
        for length in 0..=8 {
            for start in 0..=text.len() - length {
                let alone = chunk(&text[start..start + length], 0, length);
                assert_eq!(chunk(text, start, length), alone, "{start}, {length}");
            }
        }
    }
}
