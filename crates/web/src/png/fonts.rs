//! The fonts of PNG pictures: DejaVu Sans, which is compiled in, then the fonts that are installed on this machine.
//!
//! So a picture in Latin, Greek or Cyrillic letters is the same everywhere, and other letters need a font of the
//! system. System fonts are searched once, by [`load`] or when the first letter is missing. None is kept in memory: a
//! picture reads what it needs.

use resvg::usvg::{
    FontFamily, FontResolver,
    fontdb::{Database, FaceInfo, ID, Source, Stretch, Style, Weight},
};
use std::{
    env,
    fs::{self, File},
    io::{self, Read},
    ops::RangeInclusive,
    path::{Path, PathBuf},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, Ordering},
    },
};

/// More fonts are not looked through, nor larger ones.
const MOST_FONTS: usize = 1000;
const LARGEST: u64 = 64 * 1024 * 1024;
/// Below a directory of fonts; a link may lead back up.
const DEEPEST: u32 = 6;
const ENDINGS: [&str; 4] = ["ttf", "ttc", "otf", "otc"];
/// More fonts are not used in one picture.
const MOST_IN_PICTURE: usize = 6;

/// Begins the name of a family that is a letter.
const LETTER: &str = "tallymark-letter-";

/// The fonts that are compiled in.
pub(super) static SHIPPED: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    for font in [dejavu::sans::regular(), dejavu::sans::bold()] {
        fonts.load_font_source(Source::Binary(Arc::new(font)));
    }
    Arc::new(fonts)
});

/// The fonts of this machine, the best first.
static INSTALLED: LazyLock<Vec<InstalledFont>> = LazyLock::new(installed);
static LOADED: AtomicBool = AtomicBool::new(false);

/// A face in a file, and the letters that it has.
struct InstalledFont {
    path: PathBuf,
    /// Without its source.
    face: FaceInfo,
    letters: Vec<RangeInclusive<u32>>,
}

/// Looks through the fonts of this machine. That takes longer than a request may.
pub(super) fn load() {
    LazyLock::force(&INSTALLED);
    LOADED.store(true, Ordering::Release);
}

/// Whether they have been looked through.
pub(super) fn are_loaded() -> bool {
    LOADED.load(Ordering::Acquire)
}

/// Which font draws a text, and which one a letter that it does not have.
pub(super) fn resolver() -> FontResolver<'static> {
    FontResolver {
        // Whatever a picture names: so it is the same on every machine. Only `scripts` names others.
        select_font: Box::new(|font, fonts| {
            let bold = font.weight() >= Weight::SEMIBOLD.0;
            let named = font.families().iter().find_map(letter_of);
            let own = named.and_then(|letter| font_of(letter, bold)).and_then(|font| loaded(font, fonts));
            own.or_else(|| {
                fonts.faces().find(|face| (face.weight == Weight::BOLD) == bold).map(|face| face.id)
            })
        }),
        select_fallback: Box::new(fallback),
    }
}

/// The name of a family that has this letter.
pub(super) fn family_of(letter: char) -> String {
    format!("{LETTER}{:x}", u32::from(letter))
}

fn letter_of(family: &FontFamily) -> Option<char> {
    let FontFamily::Named(name) = family else { return None };
    u32::from_str_radix(name.strip_prefix(LETTER)?, 16).ok().and_then(char::from_u32)
}

/// Whether the font that is compiled in has a letter.
pub(super) fn is_shipped(letter: char) -> bool {
    static FACE: LazyLock<Option<ttf_parser::Face<'static>>> =
        LazyLock::new(|| ttf_parser::Face::parse(dejavu::sans::regular(), 0).ok());
    letter.is_ascii() || FACE.as_ref().is_some_and(|face| face.glyph_index(letter).is_some())
}

/// Whether one font of this machine draws both letters.
pub(super) fn are_of_one(one: char, other: char) -> bool {
    match [one, other].map(|letter| font_of(letter, false)) {
        [Some(one), Some(other)] => std::ptr::eq(one, other),
        [one, other] => one.is_none() && other.is_none(),
    }
}

/// A letter that is missing in a font of this machine. What the shipped font lacks has a font of its own already.
fn fallback(letter: char, used: &[ID], fonts: &mut Arc<Database>) -> Option<ID> {
    // The first is the one that lacks the letter.
    let first = used.first().and_then(|id| fonts.face(*id))?;
    if SHIPPED.faces().any(|face| face.post_script_name == first.post_script_name) {
        return None;
    }
    let font = font_of(letter, first.weight == Weight::BOLD)?;
    loaded(font, fonts).filter(|id| !used.contains(id))
}

/// A font in the database of a picture.
fn loaded(font: &InstalledFont, fonts: &mut Arc<Database>) -> Option<ID> {
    let loaded = fonts.faces().find(|face| face.post_script_name == font.face.post_script_name);
    if let Some(face) = loaded {
        return Some(face.id);
    }
    if fonts.len() >= SHIPPED.len() + MOST_IN_PICTURE {
        return None;
    }
    let mut content = Vec::new();
    read(&font.path, &mut content).ok()?;
    let face = FaceInfo { source: Source::Binary(Arc::new(content)), ..font.face.clone() };
    Some(Arc::make_mut(fonts).push_face_info(face))
}

/// The best font for a letter: of bold text, the bold face of its family, where that is installed.
fn font_of(letter: char, is_bold: bool) -> Option<&'static InstalledFont> {
    let mut fonts = INSTALLED.iter().filter(|font| font.has(letter));
    let regular = fonts.find(|font| !font.is_bold())?;
    let mut fonts = INSTALLED.iter().filter(|font| font.has(letter));
    let bold = fonts.find(|font| is_bold && font.is_bold() && font.family() == regular.family());
    Some(bold.unwrap_or(regular))
}

/// Whether a font of this machine has a bold face for a letter.
#[cfg(test)]
pub(super) fn has_bold(letter: char) -> bool {
    font_of(letter, true).is_some_and(InstalledFont::is_bold)
}

impl InstalledFont {
    fn read(path: &Path, face: &FaceInfo, content: &[u8]) -> Option<InstalledFont> {
        let parsed = ttf_parser::Face::parse(content, face.index).ok()?;
        // A table has its letters in order, so they are joined as they come: fonts have tens of thousands.
        let mut runs: Vec<RangeInclusive<u32>> = Vec::new();
        for table in parsed.tables().cmap.into_iter().flat_map(|cmap| cmap.subtables) {
            if table.is_unicode() {
                table.codepoints(|letter| match runs.last_mut() {
                    Some(run) if run.end().checked_add(1) == Some(letter) => *run = *run.start()..=letter,
                    _ => runs.push(letter..=letter),
                });
            }
        }
        let letters = joined(runs);
        // What it was read from makes room for the next file.
        let source = Source::Binary(Arc::new([0; 0]));
        Some(InstalledFont { path: path.to_owned(), face: FaceInfo { source, ..face.clone() }, letters })
    }

    fn has(&self, letter: char) -> bool {
        let letter = u32::from(letter);
        let at = self.letters.partition_point(|run| *run.end() < letter);
        self.letters.get(at).is_some_and(|run| run.contains(&letter))
    }

    fn is_bold(&self) -> bool {
        self.face.weight == Weight::BOLD
    }

    fn family(&self) -> &str {
        self.face.families.first().map_or("", |(family, _)| family)
    }

    /// Sans-serif letters look like the others on a badge. Of Chinese ones, our texts are in the simplified.
    fn rank(&self) -> (bool, bool, &str) {
        let lacks = |word: &str| !self.face.families.iter().any(|(family, _)| family.contains(word));
        (lacks("Sans"), lacks("CJK SC"), &self.face.post_script_name)
    }
}

/// The same letters, in order and each once.
fn joined(mut runs: Vec<RangeInclusive<u32>>) -> Vec<RangeInclusive<u32>> {
    runs.sort_unstable_by_key(|run| *run.start());
    let mut all: Vec<RangeInclusive<u32>> = Vec::new();
    for run in runs {
        match all.last_mut() {
            Some(last) if *run.start() <= last.end().saturating_add(1) => {
                *last = *last.start()..=*last.end().max(run.end());
            }
            _ => all.push(run),
        }
    }
    all
}

/// A file, in place of what was read before.
fn read(path: &Path, content: &mut Vec<u8>) -> io::Result<()> {
    content.clear();
    let file = File::open(path)?;
    if file.metadata()?.len() > LARGEST {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    file.take(LARGEST).read_to_end(content).map(drop)
}

fn installed() -> Vec<InstalledFont> {
    let is_plain = |face: &&FaceInfo| {
        matches!(face.weight, Weight::NORMAL | Weight::BOLD)
            && face.style == Style::Normal
            && face.stretch == Stretch::Normal
            && !face.monospaced
    };
    let mut found = Vec::new();
    // One file after the other, in the same memory: they have megabytes, and an allocator keeps what it was given often.
    let mut content = Arc::new(Vec::new());
    for path in font_files() {
        let Some(memory) = Arc::get_mut(&mut content) else { break };
        if read(&path, memory).is_err() {
            continue;
        }
        let mut fonts = Database::new();
        fonts.load_font_source(Source::Binary(content.clone()));
        for face in fonts.faces().filter(is_plain).take(MOST_FONTS - found.len()) {
            found.extend(InstalledFont::read(&path, face, &content));
        }
    }
    found.sort_by(|a, b| a.rank().cmp(&b.rank()));
    found
}

/// Where Linux has fonts, and where a user has more.
fn font_files() -> Vec<PathBuf> {
    let home = env::home_dir().unwrap_or_default();
    let mut dirs: Vec<(PathBuf, u32)> =
        ["/usr/share/fonts", "/usr/local/share/fonts"].map(PathBuf::from).map(|dir| (dir, 0)).into();
    dirs.extend([".fonts", ".local/share/fonts"].map(|dir| (home.join(dir), 0)));
    let mut files = Vec::new();
    while let Some((dir, depth)) = dirs.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let path = entry.path();
            let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            if ENDINGS.iter().any(|known| known.eq_ignore_ascii_case(ending)) {
                files.push(path);
            } else if depth < DEEPEST && path.is_dir() {
                dirs.push((path, depth + 1));
            }
        }
    }
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_letters_are_joined() {
        assert_eq!(joined(vec![]), []);
        assert_eq!(
            joined(vec![7..=9, 1..=2, 3..=3, 8..=12, 1..=1, 20..=20, 13..=13]),
            [1..=3, 7..=13, 20..=20]
        );
    }

    /// Where no font of this machine has a bold face for it, there is none to take.
    #[test]
    fn bold_text_takes_the_bold_face_of_the_same_family() {
        for letter in ['访', 'か', 'ก'] {
            let Some(regular) = font_of(letter, false) else { continue };
            let has_bold = INSTALLED
                .iter()
                .any(|font| font.is_bold() && font.has(letter) && font.family() == regular.family());
            let taken = font_of(letter, true).unwrap();
            assert!(!regular.is_bold());
            assert_eq!((taken.is_bold(), taken.family()), (has_bold, regular.family()), "{letter}");
        }
    }
}
