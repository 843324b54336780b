//! Whether the backups that tallymark-backup.timer makes are still being made: a timer that fails tells nobody.

use super::finding::Findings;
use crate::{cli::backup::backups_in, config::Config};
use anyhow::Result;
use chrono::{TimeDelta, Utc};

const CHECK: &str = "backup";
/// The timer makes one a day.
const MISSED: TimeDelta = TimeDelta::days(2);
const FIX: &str = "systemctl status tallymark-backup.timer; journalctl -u tallymark-backup; by hand: systemctl start tallymark-backup";

/// Backups are beside the data directory, where the timer puts them. A set-up without that directory has others, or none.
pub(super) fn check(config: &Config, findings: &mut Findings) -> Result<()> {
    let dir = config.data_dir.parent().map(|parent| parent.join("backups"));
    let Some(dir) = dir.filter(|dir| dir.is_dir()) else { return Ok(()) };
    let shown = dir.display();
    let backups = match backups_in(&dir) {
        Ok(backups) => backups,
        Err(error) => {
            return findings.warn(CHECK, format!("{shown} cannot be read: {error}"), "run doctor as root");
        }
    };
    let Some((_, newest)) = backups.last() else {
        return findings.warn(CHECK, format!("there is no backup in {shown}"), FIX);
    };
    let newest = newest.and_utc();
    let text = format!("the newest backup in {shown} is of {}", newest.format("%Y-%m-%dT%H:%M:%SZ"));
    match Utc::now() - newest > MISSED {
        true => findings.warn(CHECK, text, FIX),
        false => findings.pass(CHECK, text),
    }
}
