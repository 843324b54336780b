//! The thread itself: what it sends, and when.

use super::super::*;
use crate::{IngestMeters, LineFormat};
use std::{
    fs::{self, OpenOptions},
    io::Write,
    sync::Arc,
    thread,
};
use tokio::sync::watch;

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[test]
fn new_log_has_its_position_before_the_store_is_known_and_is_read_from_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("badge.log");
    append(&path, "\"2026-11-20\",\"a\"\n");
    let lines = LineOptions {
        max_line: 1000,
        format: LineFormat::Auto,
        routes: Arc::default(),
        tick: Duration::from_millis(1),
        limit: 100,
        visits: tallymark_core::KeptVisits::default(),
        gate: None,
        refusals: Arc::default(),
    };
    let meters = IngestMeters::default();
    let options = FileOptions { path: path.clone(), start: Start::Beginning };
    let source = LogFile::new(options, Claims::default(), lines, meters.source("file")).unwrap();
    assert_eq!(meters.file_troubles().len(), 1, "it is not well before the first look");
    let (out, mut sealed) = mpsc::channel(8);
    let (places, hears) = watch::channel(Places::Kept(Arc::default()));
    let stop = Stop::new().unwrap();
    let running = thread::spawn({
        let stop = stop.clone();
        move || source.run(&out, &hears, &stop)
    });
    let first = sealed.blocking_recv().unwrap();
    assert!(!first.positions().is_empty());
    assert!(first.into_entries().is_empty(), "nothing is read before the store was claimed");
    fs::rename(&path, dir.path().join("badge.log.1")).unwrap();
    append(&path, "\"2026-11-20\",\"b\"\n");
    places.send_replace(Places::Good { own: Arc::default(), others: Arc::default() });
    let mut names = Vec::new();
    while names.len() < 2 {
        let entries = sealed.blocking_recv().unwrap().into_entries();
        names.extend(entries.into_iter().map(|entry| entry.name.to_string()));
    }
    assert_eq!(names, ["a", "b"]);
    stop.stop();
    running.join().unwrap().unwrap();
}

#[test]
fn log_that_cannot_be_read_is_told_with_the_reason_until_it_can() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log/badge.log");
    let lines = LineOptions {
        max_line: 1000,
        format: LineFormat::Auto,
        routes: Arc::default(),
        tick: Duration::from_millis(1),
        limit: 100,
        visits: tallymark_core::KeptVisits::default(),
        gate: None,
        refusals: Arc::default(),
    };
    let meters = IngestMeters::default();
    let options = FileOptions { path: path.clone(), start: Start::Beginning };
    let source = LogFile::new(options, Claims::default(), lines, meters.source("file")).unwrap();
    let (out, mut sealed) = mpsc::channel(8);
    let (_places, hears) = watch::channel(Places::Good { own: Arc::default(), others: Arc::default() });
    let stop = Stop::new().unwrap();
    let running = thread::spawn({
        let stop = stop.clone();
        move || source.run(&out, &hears, &stop)
    });
    let wait = |expect: &[&str]| {
        for _ in 0..3000 {
            let troubles = meters.file_troubles();
            let said = |(trouble, part): (&String, &&str)| trouble.ends_with(part);
            if troubles.len() == expect.len() && troubles.iter().zip(expect).all(said) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("not {expect:?} but {:?}", meters.file_troubles());
    };
    wait(&["badge.log: its directory is missing"]);
    fs::create_dir(dir.path().join("log")).unwrap();
    wait(&["badge.log: it does not exist yet"]);
    fs::create_dir(&path).unwrap();
    wait(&["badge.log: not a regular file"]);
    fs::remove_dir(&path).unwrap();
    append(&path, "\"2026-11-20\",\"a\"\n");
    wait(&[]);
    while sealed.blocking_recv().unwrap().into_entries().is_empty() {}
    stop.stop();
    running.join().unwrap().unwrap();
}
