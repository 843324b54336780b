//! The manual as man pages: tallymark(1) from `tallymark help`, and a page of section 7 for each topic.
//!
//! lowdown turns Markdown into man pages. The topics are the files that `tallymark help TOPIC` shows.

use crate::run;
use anyhow::Context;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Writes the pages, packed as `man` reads them.
pub(super) fn pages(root: &Path, program: &Path, made: &Path) -> anyhow::Result<()> {
    let dir = made.join("man");
    fs::create_dir_all(&dir)?;
    let mut topics = Vec::new();
    for entry in fs::read_dir(root.join("crates/tallymark/src/help"))? {
        let path = entry?.path();
        let text = fs::read_to_string(&path)?;
        let name = path.file_stem().context("a topic has a name")?.to_string_lossy().into_owned();
        topics.push((name, text));
    }
    topics.sort();
    for (name, text) in &topics {
        let (title, body) = text.split_once('\n').context("a topic has a heading")?;
        let title = title.trim_start_matches("# ");
        let body = format!("# Description\n\n{body}");
        let page = page(&format!("tallymark-{name}"), "7", title, &body)?;
        fs::write(dir.join(format!("tallymark-{name}.7")), page)?;
    }
    let names: Vec<String> = topics.iter().map(|(name, _)| format!("tallymark-{name}(7)")).collect();
    let help = run::output(Command::new(program).arg("help"))?;
    let command = page("tallymark", "1", "a self-hosted hit counter", &command(&help, &names))?;
    fs::write(dir.join("tallymark.1"), command)?;
    for entry in fs::read_dir(&dir)? {
        // Without name and time of the file.
        run::output(Command::new("gzip").arg("-9n").arg(entry?.path()))?;
    }
    Ok(())
}

/// The page of the command: what the program says of itself, as it says it.
fn command(help: &str, topics: &[String]) -> String {
    let shown: String = help.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "# Synopsis\n\n`tallymark` COMMAND [OPTIONS]\n\n# Commands\n\n{shown}\n# See also\n\n{}\n",
        topics.join(", ")
    )
}

/// One page. `man -k` and the index of pages read the line under NAME.
fn page(name: &str, section: &str, title: &str, body: &str) -> anyhow::Result<String> {
    let markdown = format!("# Name\n\n{name} - {title}\n\n{body}");
    let mut lowdown = Command::new("lowdown");
    lowdown
        .args(["-s", "-Tman", "--parse-no-metadata", "--out-no-smarty", "-M"])
        .arg(format!("title={name}"));
    lowdown.arg("-M").arg(format!("section={section}"));
    let mut running =
        lowdown.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("cannot start lowdown")?;
    // The pipe is closed with the value, or lowdown waits for more.
    running.stdin.take().context("a pipe")?.write_all(markdown.as_bytes())?;
    let output = running.wait_with_output()?;
    anyhow::ensure!(output.status.success(), "lowdown {name}: {}", output.status);
    String::from_utf8(output.stdout).context("a page is text")
}
