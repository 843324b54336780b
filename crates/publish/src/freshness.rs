//! The age of the badges on disk, at most, for `/metrics`. It is computed on request, so it grows while nothing is
//! published, and is right whichever process publishes.
//!
//! It is based on the mtime of the cursor, which a publisher sets after a complete pass to the time when the pass
//! began. A daemon that leaves publishing to a timer reads the same mtime.

use crate::cursor;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, gauge::ConstGauge},
    registry::Registry,
};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// How often the mtime is renewed while nothing changes. Shorter than any alert threshold.
const RENEW: Duration = Duration::from_secs(5);

/// When the last completed pass began. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Freshness(Arc<Mutex<Freshest>>);

#[derive(Debug, Default)]
struct Freshest {
    began: Option<SystemTime>,
    on_disk: Option<Instant>,
}

impl Freshness {
    /// A pass that began then is complete, and its cursor is on disk.
    pub(crate) fn passed(&self, dir: &Path, began: SystemTime) {
        let mut mark = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        mark.began = Some(began);
        if mark.on_disk.is_none_or(|at| at.elapsed() >= RENEW) {
            mark.on_disk = Some(Instant::now());
            if let Err(error) = cursor::mark(dir, began) {
                tracing::debug!(%error, "setting the time of the cursor");
            }
        }
    }

    /// Registers the metric for a directory: based on what this process has published, or else on its cursor.
    pub fn register(&self, registry: &mut Registry, dir: &Path) {
        registry.register_collector(Box::new(AgeCollector { freshness: self.clone(), dir: dir.to_owned() }));
    }
}

#[derive(Debug)]
struct AgeCollector {
    freshness: Freshness,
    dir: PathBuf,
}

impl AgeCollector {
    fn began(&self) -> Option<SystemTime> {
        let here = self.freshness.0.lock().unwrap_or_else(PoisonError::into_inner).began;
        here.or_else(|| cursor::marked(&self.dir))
    }
}

impl Collector for AgeCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        // Nothing was ever published, so there is no true value.
        let Some(began) = self.began() else { return Ok(()) };
        let age = began.elapsed().unwrap_or_default();
        let at = began.duration_since(UNIX_EPOCH).unwrap_or_default();
        for (name, help, value) in [
            (
                "publish_lag_seconds",
                "The oldest change that is not on disk is at most so old: since the last pass that went through began.",
                age,
            ),
            (
                "last_publish_timestamp_seconds",
                "When the last pass of the publisher began that went through.",
                at,
            ),
        ] {
            let encoder = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(value.as_secs_f64()).encode(encoder)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::encoding::text::encode;

    fn shown(freshness: &Freshness, dir: &Path) -> String {
        let (mut registry, mut text) = (Registry::default(), String::new());
        freshness.register(&mut registry, dir);
        encode(&mut text, &registry).unwrap();
        text
    }

    #[test]
    fn another_process_sees_when_the_last_pass_went_through_and_nothing_before_that() {
        let dir = tempfile::tempdir().unwrap();
        let (here, elsewhere) = (Freshness::default(), Freshness::default());
        assert_eq!(shown(&elsewhere, dir.path()), "# EOF\n");
        std::fs::write(dir.path().join(cursor::FILE), "").unwrap();
        here.passed(dir.path(), UNIX_EPOCH + Duration::from_secs(1_000_000));
        for freshness in [&here, &elsewhere] {
            let text = shown(freshness, dir.path());
            assert!(text.contains("\nlast_publish_timestamp_seconds 1000000.0\n"), "{text}");
            let lag = text.lines().find_map(|line| line.strip_prefix("publish_lag_seconds ")).unwrap();
            assert!(lag.parse::<f64>().unwrap() > 1e9, "{text}");
        }
    }
}
