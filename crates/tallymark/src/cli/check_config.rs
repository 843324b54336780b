//! `tallymark check-config`: reads a configuration exactly as a daemon would, and starts nothing.

use super::{
    CommonFlags, USUAL_FILE,
    logs::{self, LogTrouble},
    out,
};
use crate::{
    config::{self, BadConfig, Config, DEFAULTS_OFF, Kind, Mistake, Overrides, shared_logs},
    home,
};
use anyhow::Result;
use clap::Args;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tallymark_core::Glob;
use tallymark_news::{NewsRule, Webhook};
use tallymark_store::{Retention, StoreUrl};

/// Check a configuration. Exits with 78 and shows every mistake, with its line, if there is one.
#[derive(Debug, Args)]
pub(super) struct CheckConfig {
    /// The file; the same as --config.
    file: Option<PathBuf>,
}

impl CheckConfig {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let file = self.file.as_ref().or(common.config.as_ref()).map(PathBuf::as_path);
        let checked = load(file, common.overrides()).and_then(|config| {
            // None hides the mistakes of the others.
            let files = config.open_files(file).and_then(|opened| match opened.flaws.is_empty() {
                true => Ok(()),
                false => Err(BadConfig { file: file.map(Path::to_owned), mistakes: opened.flaws }),
            });
            let wrong =
                not_what_they_should_be(&config).into_iter().map(|what| Err(BadConfig::one(file, what)));
            let bad = [files].into_iter().chain(wrong).filter_map(Result::err);
            let mistakes: Vec<Mistake> = bad.flat_map(|bad| bad.mistakes).collect();
            match mistakes.is_empty() {
                true => Ok(config),
                false => Err(BadConfig { file: file.map(Path::to_owned), mistakes }),
            }
        });
        match (&checked, common.json) {
            (Ok(config), true) => out::json(&json(config, file))?,
            (Ok(config), false) => out::print(&people(config, file))?,
            (Err(bad), true) => out::json(&mistakes(bad))?,
            // They are also the final message.
            (Err(_), false) => {}
        }
        Ok(checked.map(drop)?)
    }
}

/// The configuration of the file and of the environment, or the mistakes of both, and of the files that it names.
fn load(file: Option<&Path>, overrides: Result<Overrides, BadConfig>) -> Result<Config, BadConfig> {
    match overrides {
        Ok(overrides) => Config::load(file, &overrides),
        Err(mut wrong) => {
            let others = match Config::load(file, &Overrides::default()) {
                Ok(config) => config.open_files(file).map_or_else(|bad| bad.mistakes, |opened| opened.flaws),
                Err(bad) => bad.mistakes,
            };
            if !others.is_empty() {
                wrong.file = file.map(Path::to_owned);
            }
            wrong.mistakes.extend(others);
            Err(wrong)
        }
    }
}

/// What is in the place of a directory or of the store's file, so that `serve` would not start.
fn not_what_they_should_be(config: &Config) -> Vec<String> {
    let data_dir = &config.data_dir;
    let no_dir = std::fs::metadata(data_dir).is_ok_and(|found| !found.is_dir());
    let no_dir = no_dir.then(|| format!("data-dir: {} is not a directory", data_dir.display()));
    let no_file = match &config.store {
        StoreUrl::Sqlite(path) if path.is_dir() => Some(format!(
            "url: {} is a directory, and the store is a file: add a name, like {}",
            path.display(),
            path.join("tallymark.db").display()
        )),
        _ => None,
    };
    no_dir.into_iter().chain(no_file).collect()
}

/// Warnings, which do not prevent a start of `serve`.
fn warnings(config: &Config) -> Vec<String> {
    let logs = config.sources.iter().filter_map(|source| match &source.kind {
        Kind::File { path, .. } => Some(path),
        _ => None,
    });
    let warning = |path: &PathBuf| logs::trouble(path, &config.data_dir).map(LogTrouble::text);
    let shared = shared_logs(&config.sources).into_iter().map(|(log, other)| {
        format!(
            "{} and {} are one file at the moment: its lines count once, in the source that reads it first. Give each \
             source a file of its own",
            log.display(),
            other.display()
        )
    });
    let warnings = logs.filter_map(warning).chain(shared).chain(badges(&config.badges.dir));
    warnings.chain(too_short(&config.retention)).chain(home::of_snow_trace(config)).collect()
}

/// What is kept for less time than badges and charts look back.
fn too_short(retention: &Retention) -> Vec<String> {
    const DAY: Duration = Duration::from_secs(86_400);
    let hours = [("24h", 2), ("7d", 8), ("30d", 31)].map(|(period, days)| (period, days * DAY));
    let days = [("month", 31), ("year", 366)].map(|(period, days)| (period, days * DAY));
    let kept = [("hour", Some(retention.hour), &hours[..]), ("day", retention.day, &days)];
    let warning = |(key, kept, needed): (&str, Option<Duration>, &[(&str, Duration)])| {
        let short: Vec<_> =
            needed.iter().filter(|(_, least)| kept.is_some_and(|kept| kept < *least)).collect();
        let (_, least) = short.last()?;
        let periods: Vec<&str> = short.iter().map(|(period, _)| *period).collect();
        Some(format!(
            "[retention] {key} = \"{}\" is shorter than what is shown: badges with period={} count only what is kept. \
             They need {}",
            config::written(kept?),
            periods.join(" or "),
            config::written(*least)
        ))
    };
    kept.into_iter().filter_map(warning).collect()
}

/// What is wrong with the directory of badges, as far as it shows.
fn badges(dir: &Path) -> Option<String> {
    let found = std::fs::metadata(dir).ok()?;
    let shown = dir.display();
    if !found.is_dir() {
        return Some(format!(
            "{shown} is not a directory, so no badge is published: name another badges-dir"
        ));
    }
    let names = std::fs::read_dir(dir).ok()?.filter_map(|entry| Some(entry.ok()?.file_name()));
    // A directory of a million badges is not read to its end for this.
    let names = names.take(1000).map(|name| name.to_string_lossy().into_owned());
    // What begins with a dot is the publisher's, or a mark that keeps an empty directory.
    let foreign = names.filter(|name| !name.starts_with('.') && !name.ends_with(".svg")).min()?;
    Some(format!(
        "{shown} also has files that are not badges, like {foreign}: everything in it is public once nginx serves it. \
         Name a badges-dir that has nothing else"
    ))
}

fn mistakes(bad: &BadConfig) -> serde_json::Value {
    let mistakes: Vec<_> = bad
        .mistakes
        .iter()
        .map(|Mistake { line, key, what }| serde_json::json!({"line": line, "key": key, "what": what}))
        .collect();
    serde_json::json!({ "ok": false, "mistakes": mistakes })
}

fn json(config: &Config, file: Option<&Path>) -> serde_json::Value {
    serde_json::json!({
        "ok": true,
        "file": file,
        "warnings": warnings(config),
        "store": config.store.to_string(),
        "data-dir": config.data_dir,
        "badges-dir": config.badges.dir,
        "listen": config.http.listen.to_string(),
        "sources": config.sources.iter().map(|source| source.kind.to_string()).collect::<Vec<_>>(),
        "notify": config.news.iter().map(|rule| serde_json::json!({
            "names": rule.names.iter().map(Glob::as_str).collect::<Vec<_>>(),
            "webhook": rule.hook.as_ref().map(Webhook::host),
        })).collect::<Vec<_>>(),
        "default-tags-off": config.default_tags_off(),
        "routes": config.routes.as_slice().iter().map(|route| route.tag.clone()).collect::<Vec<_>>(),
    })
}

/// Whose news are told, and to whom: of a webhook only the host, because the rest of its address may be a secret.
fn told(rule: &NewsRule) -> String {
    let names: Vec<&str> = rule.names.iter().map(Glob::as_str).collect();
    let to = rule
        .hook
        .as_ref()
        .map_or_else(|| "the feed".to_owned(), |hook| format!("the feed and {}", hook.host()));
    format!("{} to {to}", names.join(", "))
}

fn people(config: &Config, file: Option<&Path>) -> String {
    let file = file.map_or_else(
        || format!("none: there is no --config and no {USUAL_FILE}"),
        |file| file.display().to_string(),
    );
    let warnings: String = warnings(config).iter().map(|what| format!("warning: {what}\n")).collect();
    let sources: Vec<String> = config.sources.iter().map(|source| source.kind.to_string()).collect();
    let routes: Vec<&str> = config.routes.as_slice().iter().map(|route| route.tag.as_str()).collect();
    let off = match config.default_tags_off() {
        off if off.is_empty() => String::new(),
        off => format!("  off       {}: {DEFAULTS_OFF}\n", off.join(", ")),
    };
    let news = match &config.news[..] {
        [] => String::new(),
        rules => {
            let rules: Vec<String> = rules.iter().map(told).collect();
            format!("  notify    {} (a change needs a restart)\n", rules.join("; "))
        }
    };
    let or_none = |list: String| if list.is_empty() { "none".to_owned() } else { list };
    format!(
        "{warnings}The configuration is good.\n  file      {file}\n  store     {}\n  data      {}\n  badges    {}\n  HTTP      {}\n  sources   {}\n  tags      {}\n{off}{news}",
        config.store,
        config.data_dir.display(),
        config.badges.dir.display(),
        config.http.listen,
        or_none(sources.join(", ")),
        or_none(routes.join(", ")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_that_are_not_kept_are_told() {
        let days = |days: u64| Duration::from_secs(86_400 * days);
        assert_eq!(too_short(&Retention::default()), [""; 0]);
        let short = Retention { hour: days(9), day: Some(days(32)), ..Retention::default() };
        let [hours, year] = <[String; 2]>::try_from(too_short(&short)).unwrap();
        assert!(hours.contains("hour = \"9d\"") && hours.contains("period=30d count"), "{hours}");
        assert!(year.contains("period=year count") && year.ends_with("They need 366d"), "{year}");
    }
}
