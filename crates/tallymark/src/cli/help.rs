//! `tallymark help [TOPIC]`: the manual. Its pages are Markdown files in `help/`, which are readable on a terminal as
//! they are, except for tables: their rows are longer than a line, so a terminal gets them wrapped.
//!
//! For the name of a command, it shows that command's flags, as `COMMAND --help` does.

use super::{Misuse, environment, out};
use anyhow::Result;
use clap::{Args, Command};
use comfy_table::{ContentArrangement, Table, presets};
use tallymark_core::nearest;

/// Read the manual: a topic, or a command's flags. Without either, lists them.
#[derive(Debug, Args)]
pub(super) struct Help {
    /// A topic or a command, like `import log`.
    topic: Vec<String>,
}

/// One page of the manual.
struct Topic {
    name: &'static str,
    text: &'static str,
}

macro_rules! topics {
    ($($name:literal)*) => {
        &[$(Topic { name: $name, text: include_str!(concat!("../help/", $name, ".md")) }),*]
    };
}

/// In the order in which a new user needs them.
const TOPICS: &[Topic] = topics!(
    "start" "nginx" "proxies" "badges" "panels" "banners" "cards" "names" "numbers" "camo" "privacy" "promises" "files" "syslog" "redis" "config" "service"
    "correct" "deny" "backups" "transfer" "upgrade" "api" "notify" "metrics" "alerts" "troubleshooting" "moving" "ghit-me" "hitme" "bootic"
);

/// Words that people bring, and the topic that has them.
const ALIASES: [(&str, &str); 20] = [
    ("webhook", "notify"),
    ("webhooks", "notify"),
    ("feed", "notify"),
    ("atom", "notify"),
    ("milestones", "notify"),
    ("snow-trace", "panels"),
    ("likes", "panels"),
    ("like", "panels"),
    ("visits", "numbers"),
    ("visitors", "numbers"),
    ("badge", "badges"),
    ("shields", "badges"),
    ("charts", "badges"),
    ("sums", "badges"),
    ("komarev", "moving"),
    ("hits-sh", "moving"),
    ("goatcounter", "moving"),
    ("github", "camo"),
    ("logs", "files"),
    ("github-banners", "banners"),
];

/// The help of a command, with the topic of the manual that says how it is used.
pub(super) fn with_topic(command: Command) -> Command {
    let topic = OF_COMMANDS.iter().find(|(name, _)| *name == command.get_name());
    match topic {
        Some((_, topic)) => command.after_help(format!("Manual: tallymark help {topic}")),
        None => command,
    }
}

/// Commands, and the topic that says how they are used.
const OF_COMMANDS: [(&str, &str); 19] = [
    ("serve", "start"),
    ("ingest", "service"),
    ("render", "service"),
    ("doctor", "troubleshooting"),
    ("health", "metrics"),
    ("github", "cards"),
    ("store", "transfer"),
    ("import", "moving"),
    ("export", "transfer"),
    ("backup", "backups"),
    ("restore", "backups"),
    ("set", "correct"),
    ("add", "correct"),
    ("reset", "correct"),
    ("rename", "correct"),
    ("merge", "correct"),
    ("undo", "correct"),
    ("pause", "deny"),
    ("nginx-conf", "nginx"),
];

impl Topic {
    /// Its heading.
    fn title(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default().trim_start_matches("# ")
    }
}

impl Help {
    pub(super) fn run(&self) -> Result<()> {
        let mut command = environment::command();
        let Some((word, below)) = self.topic.split_first() else {
            return out::print(&format!("{}\n{}", command.render_long_help(), topics()));
        };
        if !below.is_empty() {
            return of_command(&mut command, &self.topic);
        }
        let word = ALIASES
            .iter()
            .find(|(alias, _)| alias.eq_ignore_ascii_case(word))
            .map_or(word.as_str(), |(_, topic)| topic);
        if let Some(topic) = TOPICS.iter().find(|topic| topic.name == word) {
            return out::print(&laid_out(topic.text, out::terminal_width()));
        }
        match command.find_subcommand_mut(word) {
            Some(subcommand) => out::print(&subcommand.render_long_help().to_string()),
            None => {
                let names: Vec<&str> = TOPICS.iter().map(|topic| topic.name).collect();
                let meant = nearest(word, &names).map(|meant| format!("did you mean {meant}? "));
                let meant = meant.unwrap_or_default();
                Err(Misuse::because(format!(
                    "there is no topic and no command {word:?}; {meant}`tallymark help` lists them"
                )))
            }
        }
    }
}

/// The flags of a command below another one.
fn of_command(command: &mut Command, words: &[String]) -> Result<()> {
    let found = words.iter().try_fold(command, |command, word| command.find_subcommand_mut(word));
    let found =
        found.ok_or_else(|| Misuse::because(format!("there is no command `tallymark {}`", words.join(" "))));
    out::print(&found?.render_long_help().to_string())
}

/// A page whose tables fit the terminal; unchanged if there is none.
fn laid_out(page: &str, terminal: Option<u16>) -> String {
    let Some(width) = terminal else { return page.to_owned() };
    let is_row = |line: &str| line.starts_with('|');
    let lines: Vec<&str> = page.lines().collect();
    let mut out = String::with_capacity(page.len());
    for block in lines.chunk_by(|a, b| is_row(a) == is_row(b)) {
        match block {
            [header, _, rows @ ..] if is_row(header) => out += &wrapped(header, rows, width),
            lines => lines.iter().for_each(|line| out.extend([line, "\n"])),
        }
    }
    out
}

fn wrapped(header: &str, rows: &[&str], width: u16) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header(cells(header));
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    table.add_rows(rows.iter().map(|row| cells(row)));
    format!("{}\n", table.trim_fmt())
}

/// The cells of a row. A `|` in one of them is written `\\|`.
fn cells(row: &str) -> Vec<String> {
    let row = row.trim().trim_start_matches('|').trim_end_matches('|').replace("\\|", "\0");
    row.split('|').map(|cell| cell.trim().replace('\0', "|")).collect()
}

fn topics() -> String {
    let line = |topic: &Topic| format!("  {:<17}{}\n", topic.name, topic.title());
    format!("Topics of the manual:\n{}", TOPICS.iter().map(line).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::CommandFactory;
    use std::{collections::BTreeSet, fs, path::Path};

    #[test]
    fn every_page_is_a_topic_and_none_hides_a_command() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/help");
        let page = |file: fs::DirEntry| file.path().file_stem().unwrap().to_str().unwrap().to_owned();
        let pages: BTreeSet<_> = fs::read_dir(dir).unwrap().map(|file| page(file.unwrap())).collect();
        let names: BTreeSet<_> = TOPICS.iter().map(|topic| topic.name.to_owned()).collect();
        assert_eq!(pages, names);
        for topic in TOPICS {
            assert!(topic.text.starts_with("# ") && topic.text.ends_with('\n'), "{}", topic.name);
            assert!(Cli::command().find_subcommand(topic.name).is_none(), "{}", topic.name);
        }
    }

    #[test]
    fn pages_refer_to_pages_that_exist() {
        for (command, topic) in OF_COMMANDS {
            assert!(Cli::command().find_subcommand(command).is_some(), "{command}");
            assert!(TOPICS.iter().any(|it| it.name == topic), "{topic}");
        }
        for topic in TOPICS {
            for rest in topic.text.split("tallymark help ").skip(1) {
                let word: String = rest.chars().take_while(|&c| c.is_ascii_lowercase() || c == '-').collect();
                let known = TOPICS.iter().any(|topic| topic.name == word);
                assert!(known || word.is_empty(), "{} refers to {word:?}", topic.name);
            }
        }
    }

    #[test]
    fn tables_fit_the_terminal_and_lose_no_word() {
        let is_word = |c: char| c.is_alphanumeric();
        let letters = |text: &str| {
            let mut letters: Vec<char> = text.chars().filter(|&c| is_word(c)).collect();
            letters.sort_unstable();
            letters
        };
        for topic in TOPICS {
            assert_eq!(laid_out(topic.text, None), topic.text);
            let rows = topic.text.lines().filter(|line| line.starts_with('|')).count();
            for width in [40, 80, 132] {
                let page = laid_out(topic.text, Some(width));
                assert_eq!(letters(&page), letters(topic.text), "{} at {width}", topic.name);
                let kept: BTreeSet<&str> = topic.text.lines().collect();
                let made: Vec<&str> = page.lines().filter(|line| !kept.contains(line)).collect();
                assert!(made.is_empty() == (rows == 0), "{}", topic.name);
                let longest = made.iter().map(|line| line.chars().count()).max().unwrap_or_default();
                assert!(longest <= width.into(), "{} at {width}: {longest}", topic.name);
            }
        }
        assert_eq!(cells("| a | `b\\|c` |"), ["a", "`b|c`"]);
    }

    /// Commands in the text that no test runs are at least well-formed.
    #[test]
    fn commands_of_the_pages_are_understood() {
        let mut seen = 0;
        for line in TOPICS.iter().flat_map(|topic| topic.text.lines()) {
            let line = line.trim_start();
            if !line.starts_with("tallymark ") || line.contains(". ") {
                continue;
            }
            // The rest belongs to another program, or is a comment.
            let end = ["  ", " >", " |", " &&"].iter().filter_map(|end| line.find(end)).min();
            let words = shlex::split(&line[..end.unwrap_or(line.len())]).unwrap();
            let parsed = Cli::command().try_get_matches_from(words);
            assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
            seen += 1;
        }
        assert!(seen > 10, "{seen}");
    }
}
