//! A progress bar for long work, shown only on a terminal.

use indicatif::{ProgressBar, ProgressStyle};
use std::{io::IsTerminal, time::Duration};

/// A bar that is drawn on a terminal and silent elsewhere. `total` 0 means that it is not known.
pub(crate) fn bar(what: &'static str, total: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match total {
        0 => (ProgressBar::new_spinner(), "{spinner} {msg} {human_pos} ({per_sec})"),
        total => {
            (ProgressBar::new(total), "{msg} [{bar:30}] {human_pos}/{human_len} ({per_sec}, {eta} left)")
        }
    };
    // Only a template with a mistake is refused, and these are drawn by a test.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = bar.with_style(style).with_message(what);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_have_no_mistake() {
        for template in [
            "{spinner} {msg} {human_pos} ({per_sec})",
            "{msg} [{bar:30}] {human_pos}/{human_len} ({per_sec}, {eta} left)",
        ] {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
    }
}
