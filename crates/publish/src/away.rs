//! Panels for nginx to show while the daemon is away and has not drawn them as files: `.away/VARIANT.svg` below the badges,
//! one for every picture in every language, theme and layout. They have the size of each picture, and neither name nor
//! numbers.
//!
//! The publisher writes them when it begins; what `nginx-conf --panels` prints names them.

use crate::files::{DirError, Files, Lock, PlainFile, TMP, create_dir};
use tallymark_badge::panel::{Panel, Variant};
use tallymark_core::Name;

/// Below the badges.
const DIR: &str = ".away";

/// Writes those that are missing, or look otherwise.
pub(crate) fn write(lock: &Lock) -> Result<(), DirError> {
    let dir = lock.dir.join(DIR);
    create_dir(&dir).map_err(|error| DirError::new("creating", &dir, error))?;
    let mut files = Files::at(dir.clone(), lock.dir.join(TMP).join("away"));
    for variant in Variant::every() {
        let word = variant.word();
        let name = PlainFile(&word);
        let mut svg = Panel::away(Name::all().as_ref(), variant.options).render(variant.picture);
        let old = files.read(&name);
        let written = old.and_then(|old| files.replace(&name, &mut svg, 0, old));
        written.map_err(|error| DirError::new("writing the panels of an outage to", &dir, error))?;
    }
    Ok(())
}
