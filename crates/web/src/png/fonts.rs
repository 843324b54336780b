//! The fonts of PNG pictures: DejaVu Sans, which is compiled in, and behind it what is installed on this machine.
//!
//! So a picture in Latin, Greek or Cyrillic letters is the same everywhere, and others need a font of the system. Those are
//! looked through once, when the first letter is missing. None is kept in memory: a picture reads what it needs.

use resvg::usvg::{
    FontResolver,
    fontdb::{Database, FaceInfo, ID, Source, Stretch, Style, Weight},
};
use std::{
    fs,
    ops::RangeInclusive,
    path::Path,
    sync::{Arc, LazyLock},
};

/// More fonts are not looked through, nor larger ones.
const MOST_FONTS: usize = 1000;
const LARGEST: u64 = 64 * 1024 * 1024;
/// More fonts are not used in one picture.
const MOST_IN_PICTURE: usize = 6;

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

/// A face in a file, and the letters that it has.
struct InstalledFont {
    face: FaceInfo,
    letters: Vec<RangeInclusive<u32>>,
}

/// Which font draws a text, and which one a letter that it does not have.
pub(super) fn resolver() -> FontResolver<'static> {
    FontResolver {
        // Whatever a picture names: so it is the same on every machine.
        select_font: Box::new(|font, fonts| {
            let bold = font.weight() >= Weight::SEMIBOLD.0;
            fonts.faces().find(|face| (face.weight == Weight::BOLD) == bold).map(|face| face.id)
        }),
        select_fallback: Box::new(fallback),
    }
}

fn fallback(letter: char, used: &[ID], fonts: &mut Arc<Database>) -> Option<ID> {
    if used.len() >= MOST_IN_PICTURE {
        return None;
    }
    let font = INSTALLED.iter().find(|font| font.has(letter))?;
    let loaded = fonts.faces().find(|face| face.post_script_name == font.face.post_script_name);
    match loaded.map(|face| face.id) {
        Some(id) => (!used.contains(&id)).then_some(id),
        None => {
            let Source::File(path) = &font.face.source else { return None };
            let source = Source::Binary(Arc::new(read(path)?));
            let face = FaceInfo { source, ..font.face.clone() };
            Some(Arc::make_mut(fonts).push_face_info(face))
        }
    }
}

impl InstalledFont {
    fn read(face: FaceInfo) -> Option<InstalledFont> {
        let Source::File(path) = &face.source else { return None };
        let content = read(path)?;
        let parsed = ttf_parser::Face::parse(&content, face.index).ok()?;
        let mut all: Vec<u32> = Vec::new();
        for table in parsed.tables().cmap.into_iter().flat_map(|cmap| cmap.subtables) {
            if table.is_unicode() {
                table.codepoints(|letter| all.push(letter));
            }
        }
        all.sort_unstable();
        all.dedup();
        let runs = all.chunk_by(|a, b| a + 1 == *b);
        let letters = runs.filter_map(|run| Some(*run.first()?..=*run.last()?)).collect();
        Some(InstalledFont { face, letters })
    }

    fn has(&self, letter: char) -> bool {
        let letter = u32::from(letter);
        let at = self.letters.partition_point(|run| *run.end() < letter);
        self.letters.get(at).is_some_and(|run| run.contains(&letter))
    }

    /// Sans-serif letters look like the others on a badge.
    fn rank(&self) -> (bool, &str) {
        let is_sans = |(family, _): &(String, _)| family.contains("Sans");
        (!self.face.families.iter().any(is_sans), &self.face.post_script_name)
    }
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let size = fs::metadata(path).ok()?.len();
    if size <= LARGEST { fs::read(path).ok() } else { None }
}

/// Looks through the regular fonts of this machine.
fn installed() -> Vec<InstalledFont> {
    let mut fonts = Database::new();
    fonts.load_system_fonts();
    let regular = |face: &&FaceInfo| {
        face.weight == Weight::NORMAL
            && face.style == Style::Normal
            && face.stretch == Stretch::Normal
            && !face.monospaced
    };
    let faces = fonts.faces().filter(regular).take(MOST_FONTS).cloned();
    let mut found: Vec<InstalledFont> = faces.filter_map(InstalledFont::read).collect();
    found.sort_by(|a, b| a.rank().cmp(&b.rank()));
    found
}
