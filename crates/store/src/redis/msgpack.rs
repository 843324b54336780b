//! The part of MessagePack that `apply.lua` and this store use: Lua reads and writes it in C, so a thousand names cost
//! Redis one argument and one reply instead of two thousand and one thousand.

use rmp::{Marker, decode, encode};

/// Encodes an array of texts.
#[derive(Clone)]
pub(super) struct Texts {
    bytes: Vec<u8>,
    count: u32,
}

impl Texts {
    pub(super) fn with_capacity(bytes: usize) -> Texts {
        let mut texts = Texts { bytes: Vec::with_capacity(bytes), count: 0 };
        // The count follows.
        texts.bytes.extend([Marker::Array32.to_u8(), 0, 0, 0, 0]);
        texts
    }

    pub(super) fn push(&mut self, text: &str) {
        encode::write_str(&mut self.bytes, text).expect("writing to memory does not fail");
        self.count += 1;
    }

    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        self.bytes[1..5].copy_from_slice(&self.count.to_be_bytes());
        self.bytes
    }
}

/// Reads an array of integers, each as a number or, past 2^53, as text. Text that is not a number is 0. `None` if the
/// bytes are not such an array.
pub(super) fn integers(mut bytes: &[u8]) -> Option<Vec<i64>> {
    let count = decode::read_array_len(&mut bytes).ok()?;
    let numbers = (0..count).map(|_| integer(&mut bytes)).collect::<Option<Vec<i64>>>()?;
    bytes.is_empty().then_some(numbers)
}

fn integer(rest: &mut &[u8]) -> Option<i64> {
    let mut ahead = *rest;
    let Ok(length) = decode::read_str_len(&mut ahead) else { return decode::read_int(rest).ok() };
    let text = ahead.split_off(..length as usize)?;
    *rest = ahead;
    Some(str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_every_length_are_written_as_the_format_says() {
        let mut texts = Texts::with_capacity(0);
        let (short, long) = ("s".repeat(31), "l".repeat(32));
        for text in ["", &short, &long] {
            texts.push(text);
        }
        let expect =
            [&b"\xDD\0\0\0\x03\xA0\xBF"[..], short.as_bytes(), b"\xD9\x20", long.as_bytes()].concat();
        assert_eq!(texts.into_bytes(), expect);
    }

    #[test]
    fn integers_are_read_in_every_form() {
        for (bytes, expect) in [
            (&b"\x90"[..], Some(vec![])),
            (b"\x93\x05\xE0\xFF", Some(vec![5, -32, -1])),
            (b"\xDC\0\x02\xCC\xFF\xCD\x01\0", Some(vec![255, 256])),
            (b"\x92\xCE\xFF\xFF\xFF\xFF\xCF\0\x10\0\0\0\0\0\0", Some(vec![4_294_967_295, 1 << 52])),
            (b"\x92\xD0\x80\xD3\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFE", Some(vec![-128, -2])),
            (b"\xDD\0\0\0\x01\xB39223372036854775807", Some(vec![i64::MAX])),
            (b"\x91\xA1x", Some(vec![0])),
            (b"\x91", None),
            (b"\x91\x01\x01", None),
            (b"\x91\xCD\x01", None),
            (b"\x91\xA2x", None),
            (b"\xC0", None),
            (b"", None),
        ] {
            assert_eq!(integers(bytes), expect, "{bytes:x?}");
        }
    }
}
