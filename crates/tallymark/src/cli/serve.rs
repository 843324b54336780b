//! `tallymark serve`: everything in one process.

use super::{CommonFlags, Retired, bootic::Bootic, daemon, lines::FollowedFormat, out};
use crate::run::{DaemonStart, Role};
use anyhow::Result;
use clap::{Args, builder::FalseyValueParser};
use tallymark_core::Name;
use tallymark_web::{Visibility, badge_path, page_path};

/// HTTP, syslog, counts and badges in one process. Prints the addresses of a badge, a page, a panel and a card, and the
/// Markdown.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Leave publishing to a timer that runs `tallymark render`.
    #[arg(long, env = "TALLYMARK_NO_RENDER", value_parser = FalseyValueParser::new())]
    no_render: bool,
    #[command(flatten)]
    followed: FollowedFormat,
    #[command(flatten)]
    retired: Retired,
    #[command(flatten)]
    bootic: Bootic,
}

impl Serve {
    pub(super) fn run(self, common: CommonFlags) -> Result<()> {
        let common = self.followed.translate(self.bootic.translate(common))?;
        let config = common.load()?;
        let has_cards = config.github.api.is_some();
        let start = DaemonStart {
            config,
            file: common.config.clone(),
            overrides: common.overrides()?,
            role: Role::Serve { render: !self.no_render },
            ends_with_terminal: false,
        };
        let has_pages = start.config.http.visibility != Visibility::Off;
        daemon(start, |base_url| {
            // If standard output is closed, no one wants to read this.
            let _ = greet(base_url, has_pages, has_cards);
        })
    }
}

fn greet(base_url: &str, has_pages: bool, has_cards: bool) -> Result<()> {
    let example = Name::new("you/repo")?;
    let badge = format!("{base_url}{}", badge_path(example.as_ref()));
    let page = format!("{base_url}{}", page_path(example.as_ref()));
    let panel = format!("{base_url}/v1/badge/{example}");
    // With visibility = "off", pages are not found.
    let (page, markdown) = match has_pages {
        true => (format!("Page      {page}\n"), format!("[![hits]({badge})]({page})")),
        false => (String::new(), format!("![hits]({badge})")),
    };
    let card = if has_cards { format!("Card      {base_url}/api?username=you\n") } else { String::new() };
    out::print(&format!("Badge     {badge}\n{page}Panel     {panel}\n{card}Markdown  {markdown}\n"))
}
