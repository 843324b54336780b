//! The operator's own pictures, read from directories when the look of badges is read: logos, and themes of image
//! digits.
//!
//! A picture that cannot be used is told with its file and reason, and badges that ask for it say so. The others are
//! used. A directory that cannot be read at all is an error.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};
use tallymark_badge::{
    digits::{DigitTheme, DigitThemes, MOST_IMAGE},
    shields::{MAX_LOGO, OwnLogos},
};
use tallymark_ingest::source::open_regular;

/// Every picture in a directory is a logo, by its name; other files in it are ignored.
pub(super) fn read_logos(dir: &Path) -> Result<(OwnLogos, Vec<String>), String> {
    let (mut logos, mut wrong) = (OwnLogos::default(), Vec::new());
    for (path, file) in entries(dir).map_err(|error| unread("logos", dir, &error))? {
        if path.is_dir() || OwnLogos::name_of(&file).is_none() {
            continue;
        }
        let added = match read(&path, MAX_LOGO) {
            Ok(content) => logos.add(&file, content).map_err(|why| why.to_string()),
            Err(error) => {
                logos.add_unread(&file);
                Err(error.to_string())
            }
        };
        wrong.extend(added.err().map(|why| format!("the logo {}: {why}", path.display())));
    }
    Ok((logos, wrong))
}

/// Every directory in a directory is a theme, if its name does not begin with a dot.
pub(super) fn read_digits(dir: &Path) -> Result<(DigitThemes, Vec<String>), String> {
    let (mut themes, mut wrong) = (DigitThemes::default(), Vec::new());
    let (mut has_themes, mut has_images) = (false, false);
    for (path, name) in entries(dir).map_err(|error| unread("digit themes", dir, &error))? {
        if !path.is_dir() {
            has_images |= DigitTheme::image_of(&name).is_some();
            continue;
        }
        has_themes = true;
        let added = match images_of(&path) {
            Ok(files) => themes.add(&name, files).map_err(|why| why.to_string()),
            Err(why) => {
                themes.add_unread(&name);
                Err(why)
            }
        };
        wrong.extend(added.err().map(|why| format!("the digit theme {}: {why}", path.display())));
    }
    // An empty directory is one that has no theme yet.
    if !has_themes && has_images {
        let dir = dir.display();
        return Err(format!(
            "the digit themes of {dir}: it has images, not themes: name the directory above it"
        ));
    }
    Ok((themes, wrong))
}

/// The images of a theme, by their names.
fn images_of(dir: &Path) -> Result<Vec<(String, Vec<u8>)>, String> {
    let mut files = Vec::new();
    for (path, file) in entries(dir).map_err(|error| error.to_string())? {
        if DigitTheme::image_of(&file).is_some() {
            let content = read(&path, MOST_IMAGE).map_err(|error| format!("{file}: {error}"))?;
            files.push((file, content));
        }
    }
    Ok(files)
}

fn unread(what: &str, dir: &Path, error: &io::Error) -> String {
    format!("reading the {what} of {}: {error}", dir.display())
}

/// What is in a directory, with its name, in the order of the names; what begins with a dot is not.
fn entries(dir: &Path) -> io::Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            found.push((entry.path(), name));
        }
    }
    found.sort();
    Ok(found)
}

/// One byte more than a picture may have tells that it is too large.
pub(super) fn read(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    open_regular(path)?.take(most as u64 + 1).read_to_end(&mut content)?;
    Ok(content)
}
