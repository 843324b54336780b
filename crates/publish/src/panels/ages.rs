//! When the times on pictures change: `.ages/MINUTE` has the names of the pictures that change in that minute, one per
//! line.
//!
//! A file per minute, because then a pass reads exactly what is due, and so does a publisher that a timer starts each
//! time. Times change within a day at most, so there are few files. A name can be in several files, and several times
//! in one: an entry only causes a check.

use crate::files::{DirError, create_dir};
use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};
use tallymark_core::{Minute, Name, NameRef, decode_percent};

const DIR: &str = ".ages";
/// The latest minute in which a pass has looked.
const LOOKED: &str = "looked";

/// What is due.
pub(super) enum Over {
    /// Pictures of these names.
    Names(Vec<Name>),
    /// All: too many names are due, or the clock was set back, and what was drawn since shows a wrong time.
    Everything,
}

pub(super) struct PanelAges {
    dir: PathBuf,
    minutes: BTreeSet<i32>,
    /// Those that are being drawn.
    taken: BTreeSet<i32>,
    looked: Option<i32>,
}

impl PanelAges {
    pub(super) fn open(below: &Path) -> Result<PanelAges, DirError> {
        let dir = below.join(DIR);
        create_dir(&dir).map_err(|error| DirError::new("creating", &dir, error))?;
        let failed = |error| DirError::new("looking into", &dir, error);
        let mut minutes = BTreeSet::new();
        for entry in fs::read_dir(&dir).map_err(failed)? {
            minutes.extend(
                entry.map_err(failed)?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()),
            );
        }
        // One that cannot be read is as none: nothing says that the clock was set back.
        let looked = fs::read_to_string(dir.join(LOOKED)).ok().and_then(|text| text.trim().parse().ok());
        Ok(PanelAges { dir, minutes, taken: BTreeSet::new(), looked })
    }

    /// Pictures of these names change in a minute to come.
    pub(super) fn note(&mut self, minute: Minute, names: &[&Name]) -> io::Result<()> {
        // A line that a full disk has cut must not run into the next.
        let mut lines = "\n".to_owned();
        for name in names {
            lines.push_str(&name.escaped().to_string());
            lines.push('\n');
        }
        let path = self.dir.join(minute.0.to_string());
        fs::OpenOptions::new().create(true).append(true).open(path)?.write_all(lines.as_bytes())?;
        self.minutes.insert(minute.0);
        self.taken.remove(&minute.0);
        Ok(())
    }

    /// What has changed up to now, once. A later process hears of it again, unless it was [`PanelAges::drawn`].
    pub(super) fn over(&mut self, now: Minute, most: usize) -> io::Result<Over> {
        let mut names = BTreeSet::new();
        for &minute in self.minutes.range(..=now.0) {
            let text = match fs::read(self.dir.join(minute.to_string())) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                read => read?,
            };
            names.extend(text.split(|&b| b == b'\n').filter_map(name_of));
            if names.len() > most {
                break;
            }
        }
        let later = self.minutes.split_off(&now.0.saturating_add(1));
        self.taken.append(&mut std::mem::replace(&mut self.minutes, later));
        let set_back = self.looked.is_some_and(|looked| now.0 < looked);
        if set_back {
            self.looked = None;
        }
        Ok(if set_back || names.len() > most {
            Over::Everything
        } else {
            Over::Names(names.into_iter().collect())
        })
    }

    /// All that was due is on disk.
    pub(super) fn drawn(&mut self, now: Minute) -> io::Result<()> {
        while let Some(&minute) = self.taken.first() {
            match fs::remove_file(self.dir.join(minute.to_string())) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => self.taken.pop_first(),
            };
        }
        if self.looked != Some(now.0) {
            fs::write(self.dir.join(LOOKED), format!("{}\n", now.0))?;
            self.looked = Some(now.0);
        }
        Ok(())
    }
}

/// The name in a line, if it is one of ours.
fn name_of(line: &[u8]) -> Option<Name> {
    let mut scratch = Vec::new();
    NameRef::new(decode_percent(line, 1, &mut scratch)).ok().map(Name::from)
}
