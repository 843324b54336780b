//! Ids of the definitions in a picture, to which it refers by `url(#id)`.
//!
//! Pictures inlined into one page share their ids, so an id ends in a hash of what is drawn.

/// FNV-1a over bytes, as eight hexadecimal digits.
pub(crate) fn suffix(bytes: impl Iterator<Item = u8>) -> [u8; 8] {
    let hash = bytes.fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    std::array::from_fn(|i| b"0123456789abcdef"[(hash >> (28 - 4 * i) & 15) as usize])
}
