//! Facility and severity in words, for people: `local3.info`. Parsing compares the numbers.

use crate::Route;
use std::fmt;

/// The facilities by code, as nginx and `logger` call them.
pub const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
    "local7",
];
/// The severities by code.
pub const SEVERITIES: [&str; 8] = ["emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"];

/// A facility and a severity, each of which may be any. Displayed as `local3.info`, with `any` for any.
///
/// ```
/// use tallymark_core::syslog::Priority;
///
/// assert_eq!(Priority { facility: Some(19), severity: None }.to_string(), "local3.any");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priority {
    /// 0 to 23.
    pub facility: Option<u8>,
    /// 0 to 7.
    pub severity: Option<u8>,
}

impl Priority {
    /// The keys that a `[[route]]` needs for it, in addition to its tag: `, facility = "local7"`.
    #[must_use]
    pub fn keys(&self) -> String {
        let usual = Route::default();
        let key = |key: &str, code: Option<u8>, usual: Option<u8>, names: &[&str]| {
            let name = code.filter(|_| code != usual).and_then(|code| names.get(usize::from(code)));
            name.map(|name| format!(", {key} = \"{name}\"")).unwrap_or_default()
        };
        key("facility", self.facility, usual.facility, &FACILITIES)
            + &key("severity", self.severity, usual.severity, &SEVERITIES)
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn word<'a>(code: Option<u8>, names: &[&'a str]) -> &'a str {
            code.map_or("any", |code| names.get(usize::from(code)).copied().unwrap_or("unknown"))
        }
        write!(f, "{}.{}", word(self.facility, &FACILITIES), word(self.severity, &SEVERITIES))
    }
}
