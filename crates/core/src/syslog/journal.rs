//! A line of `journalctl -o json`: an object with the logged text in `MESSAGE` and the sender's tag in
//! `SYSLOG_IDENTIFIER`. [`super::parse_journal`] calls this.

use serde::Deserialize;

#[derive(Deserialize)]
struct JournalEntry {
    #[serde(rename = "MESSAGE")]
    message: JournalText,
    #[serde(rename = "SYSLOG_IDENTIFIER")]
    tag: Option<String>,
}

/// Text that contains control characters, or is not UTF-8, is a list of bytes.
#[derive(Deserialize)]
#[serde(untagged)]
enum JournalText {
    Text(String),
    Bytes(Vec<u8>),
}

/// Writes `TAG: MESSAGE` into `text`, and returns where the message begins. `None` if the line is something else.
pub(super) fn read(line: &[u8], text: &mut Vec<u8>) -> Option<usize> {
    // Most JSON is an access log. This is cheaper than reading it all.
    if line.first() != Some(&b'{') || memchr::memmem::find(line, b"\"MESSAGE\"").is_none() {
        return None;
    }
    let JournalEntry { message, tag } = serde_json::from_slice(line).ok()?;
    text.clear();
    if let Some(tag) = tag {
        text.extend_from_slice(tag.as_bytes());
        text.extend_from_slice(b": ");
    }
    let at = text.len();
    text.extend_from_slice(match &message {
        JournalText::Text(message) => message.as_bytes(),
        JournalText::Bytes(message) => message,
    });
    Some(at)
}
