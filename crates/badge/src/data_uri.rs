//! Pictures within a picture, as `data:` URIs, and the files that they come from.

const EXTENSIONS: [&str; 6] = ["svg", "png", "gif", "webp", "jpg", "jpeg"];

/// The part of a file's name before the extension of a picture. `None` for other files.
pub(crate) fn stem(file: &str) -> Option<&str> {
    let (stem, extension) = file.rsplit_once('.')?;
    EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known)).then_some(stem)
}

/// Whether a text is exactly the `data:` URI of a picture of one of these kinds (`png`), in base64, up to a maximum
/// size. A text that passes can be written into an attribute as it is.
pub(crate) fn is_picture(uri: &str, kinds: &[&str], most: usize) -> bool {
    let Some((kind, data)) = uri.strip_prefix("data:image/").and_then(|rest| rest.split_once(";base64,"))
    else {
        return false;
    };
    let digits = data.strip_suffix("==").or_else(|| data.strip_suffix('=')).unwrap_or(data);
    kinds.contains(&kind)
        && !digits.is_empty()
        && data.len().is_multiple_of(4)
        && digits.len() / 4 * 3 <= most
        && digits.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
}
