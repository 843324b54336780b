//! `tallymark render`: the publisher alone, once or repeatedly. The systemd timer runs it.

use super::{CommonFlags, block_on, out};
use crate::{
    config::{BadConfig, Badges, Config},
    progress,
    publishing::{NextPass, Publishing},
    run,
    signals::{Signals, outlive_others},
    user,
};
use anyhow::{Result, bail};
use arc_swap::ArcSwap;
use clap::Args;
use std::{io::IsTerminal, sync::Arc, time::Duration};
use tallymark_badge::Look;
use tallymark_github::AvatarMeters;
use tallymark_ingest::source::now;
use tallymark_publish::{Pace, Pass, PassReport, PublishMeters, Publisher};
use tokio_util::sync::CancellationToken;

/// Publish the badges that changed since the last time.
#[derive(Debug, Args)]
pub(super) struct Render {
    /// Look at every badge.
    #[arg(long)]
    all: bool,
    /// With --all: write totals that are lower than what a badge shows, too.
    #[arg(long, requires = "all")]
    allow_lower: bool,
    /// Do not stop; publish again and again at this interval, 1s or longer.
    #[arg(long, value_name = "DURATION", conflicts_with = "all", value_parser = every)]
    every: Option<Duration>,
}

fn every(text: &str) -> Result<Duration, String> {
    crate::config::duration_within(text, Duration::from_secs(1), Duration::from_secs(86_400))
}

impl Render {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let config = common.load()?;
        user::may_write(&config.badges.dir)?;
        block_on(async {
            match self.every {
                Some(every) => repeat(common, &config, every).await,
                None => self.once(common, &config).await,
            }
        })
    }

    async fn once(&self, common: &CommonFlags, config: &Config) -> Result<()> {
        let look = look(common, config)?;
        let store = common.existing_store(config).await?;
        // Those that a daemon has found.
        let faces = run::faces(config, store.clone(), AvatarMeters::default());
        let Some(publisher) = Publisher::open(&config.badges.dir, store, PublishMeters::default())? else {
            if common.json {
                return out::json(&serde_json::json!({ "busy": true, "badges_dir": config.badges.dir }));
            }
            return out::print(&format!(
                "another publisher is at work in {}, a daemon or a timer; to draw them with this command, stop it first\n",
                config.badges.dir.display()
            ));
        };
        let publisher = publisher.with_charts(&config.badges.charts, Pace::Whole)?;
        let publisher = publisher.with_panels(&config.badges.panels, Pace::Whole)?.showing(faces);
        let publisher = publisher.with_banners(config.badges.banners, Pace::Whole)?;
        let mut publisher = publisher.with_cards(config.badges.cards, Pace::Whole)?;
        let pass = if self.all { Pass::All { allow_lower: self.allow_lower } } else { Pass::Changed };
        let bar = progress::bar("badges", 0);
        let report = publisher.pass(&look, pass, now(), |report| bar.set_position(report.names)).await?;
        bar.finish_and_clear();
        tell(common, &report)?;
        if report.failed > 0 {
            bail!(
                "{} badges could not be written to {}; the next run tries again",
                report.failed,
                config.badges.dir.display()
            );
        }
        Ok(())
    }
}

fn look(common: &CommonFlags, config: &Config) -> Result<Look, BadConfig> {
    // Files have no logo and no image digits, so one that is broken changes none.
    let look = config.look().map(|(look, _)| look);
    look.map_err(|mistakes| BadConfig { file: common.config.clone(), mistakes })
}

fn tell(common: &CommonFlags, report: &PassReport) -> Result<()> {
    if common.json {
        return out::json(&serde_json::json!({
            "names": report.names, "written": report.written, "unchanged": report.unchanged,
            "held": report.held, "failed": report.failed, "plain": report.plain, "full": report.full,
        }));
    }
    let PassReport { names, written, unchanged, held, failed, plain, full } = report;
    if !full && *written + *held + *failed == 0 && !std::io::stdout().is_terminal() {
        // A timer every few seconds would fill the journal with empty reports.
        return Ok(());
    }
    let (looked, what) = if *full { ("looked at all ", "name") } else { ("", "changed name") };
    let mut line = format!(
        "{looked}{}: {} written, {unchanged} right already",
        out::counted(*names, what),
        out::counted(*written, "badge")
    );
    if *held > 0 {
        line += &format!(", {held} kept because the store has less (--all --allow-lower writes them)");
    }
    if *plain > 0 {
        line += &format!(", {plain} in the built-in look because the template failed on their names");
    }
    if *failed > 0 {
        line += &format!(", {failed} failed");
    }
    out::print(&(line + "\n"))
}

async fn repeat(common: &CommonFlags, config: &Config, every: Duration) -> Result<()> {
    outlive_others()?;
    let look = Arc::new(ArcSwap::from_pointee(look(common, config)?));
    let store = common.existing_store(config).await?;
    let (stop, signals) = (CancellationToken::new(), Signals::listen(false)?);
    tokio::spawn({
        let stop = stop.clone();
        async move {
            let hurry = signals.wait(&stop).await;
            stop.cancel();
            hurry.cancelled().await;
            // Nothing is lost: the next pass draws what this one has not.
            std::process::exit(1);
        }
    });
    let reload = crate::reload::Reload {
        file: common.config.clone(),
        overrides: common.overrides()?,
        template: config.badges.template.clone(),
        look: look.clone(),
        gate: None,
        refusals: None,
        geo_database: None,
        places: None,
    };
    tokio::spawn(reload.run());
    let badges = Badges { every, ..config.badges.clone() };
    let faces = run::faces(config, store.clone(), AvatarMeters::default());
    Publishing::of(&badges).showing(faces).repeat(store, look, NextPass::Pause, stop).await;
    Ok(())
}
