//! Replaces label, colours, template, the definition of a visit, the deny list and the database of places at run time:
//! on SIGHUP, and when the configuration, the template or the database of places changes on disk. A broken one is
//! refused with file, line and reason, and the old one stays; so does each logo and digit theme by itself.

use crate::config::{BadConfig, Config, Overrides};
use arc_swap::ArcSwap;
use notify::{EventKind, RecursiveMode, Watcher, event::AccessKind, event::AccessMode};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tallymark_badge::Look;
use tallymark_ingest::{Atlas, GeoDatabase, Refusals, VisitGate};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};
use tracing::{error, info, warn};

/// An editor writes a file in several steps; the last one counts.
const SETTLE: Duration = Duration::from_millis(200);

/// What is watched, and what it changes.
pub(crate) struct Reload {
    pub(crate) file: Option<PathBuf>,
    pub(crate) overrides: Overrides,
    pub(crate) template: Option<PathBuf>,
    pub(crate) look: Arc<ArcSwap<Look>>,
    /// `None` where nothing is counted.
    pub(crate) gate: Option<Arc<VisitGate>>,
    /// `None` where nothing is counted.
    pub(crate) refusals: Option<Arc<Refusals>>,
    pub(crate) geo_database: Option<PathBuf>,
    /// `None` where nothing is counted.
    pub(crate) places: Option<Arc<Atlas>>,
}

impl Reload {
    /// Reloads whenever needed, forever.
    pub(crate) async fn run(self) {
        let (wake, mut woken) = mpsc::channel(1);
        // Kept for as long as this runs: dropping it ends the watch.
        let _watcher = self.watch(wake);
        let mut hangup = match signal(SignalKind::hangup()) {
            Ok(hangup) => hangup,
            Err(error) => return warn!(%error, "SIGHUP will not reload anything"),
        };
        loop {
            tokio::select! {
                Some(()) = woken.recv() => {
                    tokio::time::sleep(SETTLE).await;
                    while woken.try_recv().is_ok() {}
                }
                _ = hangup.recv() => {}
            }
            self.load();
            self.load_places().await;
        }
    }

    /// Reads the database of places in the background, because it may be large.
    async fn load_places(&self) {
        let (Some(places), Some(path)) = (self.places.clone(), self.geo_database.clone()) else { return };
        let open = move || GeoDatabase::open(&path).map_err(|why| format!("{}: {why}", path.display()));
        match tokio::task::spawn_blocking(open).await {
            Ok(Ok(database)) => {
                places.use_database(Some(database));
                info!("reloaded: the database of places is the one on disk");
            }
            Ok(Err(why)) => error!("the database of places is not reloaded, the old one stays: {why}"),
            Err(error) => error!(%error, "the database of places is not reloaded, the old one stays"),
        }
    }

    fn load(&self) {
        let read = Config::load(self.file.as_deref(), &self.overrides)
            .map_err(|error| error.to_string())
            .and_then(|config| {
                let file = self.file.clone();
                let look = config.look().map_err(|mistakes| BadConfig { file, mistakes }.to_string())?;
                Ok((look, config.visits, config.deny))
            });
        match read {
            Ok(((mut look, flaws), visits, deny)) => {
                // One that is broken now is the one of before.
                let before = self.look.load();
                look.logos.keep(&before.logos);
                look.digits.keep(&before.digits);
                for flaw in flaws {
                    error!("not reloaded: {}; if it could be used before, it stays as it was", flaw.what);
                }
                self.look.store(Arc::new(look));
                if let Some(gate) = &self.gate {
                    gate.follow(visits);
                }
                if let Some(refusals) = &self.refusals {
                    refusals.deny(deny);
                }
                info!(
                    "reloaded: label, colours, style, template, logos, digits, cooldown, collapse, camo-networks and [deny] \
                     are as written now; other keys, [[notify]] too, need a restart"
                );
            }
            Err(why) => error!("not reloaded, the old configuration stays: {why}"),
        }
    }

    /// Watches the directories, because editors and configuration tools replace files by renaming.
    fn watch(&self, wake: mpsc::Sender<()>) -> Option<notify::RecommendedWatcher> {
        let files: Vec<PathBuf> =
            [&self.file, &self.template, &self.geo_database].into_iter().flatten().cloned().collect();
        if files.is_empty() {
            return None;
        }
        let names: Vec<_> = files.iter().filter_map(|file| file.file_name().map(ToOwned::to_owned)).collect();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            let ours = event
                .paths
                .iter()
                .any(|path| path.file_name().is_some_and(|name| names.iter().any(|n| n == name)));
            if (ours && is_change(&event.kind)) || event.need_rescan() {
                // A pending wake-up covers this one too.
                let _ = wake.try_send(());
            }
        });
        let mut watcher = watcher
            .map_err(|error| warn!(%error, "changes of files are not noticed; reload with SIGHUP"))
            .ok()?;
        for file in &files {
            let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
            if let Err(error) = watcher.watch(dir, RecursiveMode::NonRecursive) {
                warn!(dir = %dir.display(), %error, "not watched; SIGHUP reloads");
            }
        }
        Some(watcher)
    }
}

/// Opening a file to read it is an event too; reacting to it would be an endless loop.
fn is_change(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::Create(_)
            | EventKind::Modify(_)
            | EventKind::Remove(_)
            | EventKind::Access(AccessKind::Close(AccessMode::Write))
    )
}
