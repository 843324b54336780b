//! The little of MessagePack that `apply.lua` and we speak: Lua reads and writes it in C, so a thousand names cost Redis
//! one argument and one reply instead of two thousand and one thousand.

/// An array of texts, to be sent.
pub(super) struct Texts {
    bytes: Vec<u8>,
    count: u32,
}

impl Texts {
    pub(super) fn with_capacity(bytes: usize) -> Texts {
        let mut texts = Texts { bytes: Vec::with_capacity(bytes), count: 0 };
        // The count follows.
        texts.bytes.extend([0xDD, 0, 0, 0, 0]);
        texts
    }

    pub(super) fn push(&mut self, text: &str) {
        let length = text.len();
        match (u16::try_from(length), length) {
            (_, 0..32) => self.bytes.push(0xA0 | length as u8),
            (Ok(length), _) => {
                self.bytes.push(0xDA);
                self.bytes.extend(length.to_be_bytes());
            }
            (Err(_), _) => {
                self.bytes.push(0xDB);
                self.bytes.extend((length as u32).to_be_bytes());
            }
        }
        self.bytes.extend_from_slice(text.as_bytes());
        self.count += 1;
    }

    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        self.bytes[1..5].copy_from_slice(&self.count.to_be_bytes());
        self.bytes
    }
}

/// Reads an array of integers, each as a number or, past 2^53, as text. What is neither counts as 0. `None` if the bytes
/// are no such array.
pub(super) fn integers(bytes: &[u8]) -> Option<Vec<i64>> {
    let mut rest = bytes;
    let count = match byte(&mut rest)? {
        head @ 0x90..=0x9F => u64::from(head & 0x0F),
        0xDC => unsigned(&mut rest, 2)?,
        0xDD => unsigned(&mut rest, 4)?,
        _ => return None,
    };
    let numbers = (0..count).map(|_| integer(&mut rest)).collect::<Option<Vec<i64>>>()?;
    rest.is_empty().then_some(numbers)
}

fn integer(rest: &mut &[u8]) -> Option<i64> {
    let head = byte(rest)?;
    // Two's complement of fewer bytes is carried on to the left.
    let signed = |rest: &mut &[u8], bytes: u32| {
        let shift = 64 - 8 * bytes;
        Some(((unsigned(rest, bytes as usize)? << shift) as i64) >> shift)
    };
    match head {
        0..=0x7F => Some(i64::from(head)),
        0xE0..=0xFF => Some(i64::from(head as i8)),
        0xCC..=0xCF => i64::try_from(unsigned(rest, 1 << (head - 0xCC))?).ok(),
        0xD0..=0xD3 => signed(rest, 1 << (head - 0xD0)),
        0xA0..=0xBF => text(rest, usize::from(head & 0x1F)),
        0xD9..=0xDB => {
            let length = unsigned(rest, 1 << (head - 0xD9))?;
            text(rest, usize::try_from(length).ok()?)
        }
        _ => None,
    }
}

fn text(rest: &mut &[u8], length: usize) -> Option<i64> {
    let text = rest.split_off(..length)?;
    Some(std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(0))
}

fn byte(rest: &mut &[u8]) -> Option<u8> {
    rest.split_off_first().copied()
}

fn unsigned(rest: &mut &[u8], bytes: usize) -> Option<u64> {
    let number = rest.split_off(..bytes)?;
    Some(number.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
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
            [&b"\xDD\0\0\0\x03\xA0\xBF"[..], short.as_bytes(), b"\xDA\0\x20", long.as_bytes()].concat();
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
