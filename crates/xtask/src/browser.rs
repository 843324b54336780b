//! What tests of the pages run in node: npm packages, fetched once into a directory below the target
//! directory. They are tools of the test, not part of the build.

use crate::run;
use anyhow::Context;
use std::{fs, path::PathBuf, process::Command};

/// Chromium's remote control (without a browser of its own), the accessibility checker, and the AsciiDoc converter.
const MODULES: [&str; 3] = ["playwright-core@1.65.1", "axe-core@4.14.1", "@asciidoctor/core@4.1.0"];

/// Fetches them, unless they are there.
pub(crate) fn ensure() -> anyhow::Result<()> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(run::root()?.join("target"), PathBuf::from);
    let dir = target.join("browser");
    // Written last, so that half a download is none.
    let (wanted, mark) = (MODULES.join("\n"), dir.join("fetched"));
    if fs::read_to_string(&mark).is_ok_and(|fetched| fetched == wanted) {
        return Ok(());
    }
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(&dir).args(MODULES);
    let by_hand =
        format!("by hand: npm install --ignore-scripts --prefix {} {}", dir.display(), MODULES.join(" "));
    run::check(&mut npm).context(by_hand)?;
    fs::write(&mark, wanted).with_context(|| format!("cannot write {}", mark.display()))
}
