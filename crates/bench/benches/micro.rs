//! Micro-benchmarks of what a hit passes through: `cargo bench -p tallymark-bench`.

#![allow(missing_docs, reason = "criterion's macros write functions")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::{hint::black_box, sync::Arc};
use tallymark_badge::Look;
use tallymark_core::{
    Dating, Event, Hit, Minute, NameRef, Now, Route, Routes, Tally, When, batches, record::RecordReader,
    syslog,
};
use tallymark_ingest::{IngestMeters, Intake, LineFormat};

/// 2026-11-20, 12:00:30 UTC: the date in the lines.
const NOW: Now = Now { unix_ms: 1_795_176_030_000 };
const LINE: &[u8] = br#"<158>Nov 20 12:00:00 web1 badge: "2026-11-20","owner7%2Frepo-4711""#;

fn parse(c: &mut Criterion) {
    let mut group = c.benchmark_group("parse");
    group.throughput(Throughput::Elements(1));
    let routes = Routes::default();
    group.bench_function("header", |b| b.iter(|| syslog::parse(black_box(LINE), &routes)));
    let (route, mut reader) = (Route::default(), RecordReader::new(Dating::Live));
    let body = br#""2026-11-20","owner7%2Frepo-4711""#;
    group.bench_function("record", |b| {
        b.iter(|| reader.read(&route, black_box(body), NOW).map(|hit| hit.name.as_str().len()));
    });
    group.finish();
}

fn fold(c: &mut Criterion) {
    let names: Vec<String> = (0..10_000).map(|at| format!("owner{}/repo-{at}", at % 977)).collect();
    let when = When::Minute(Minute(29_900_000));
    let refs: Vec<NameRef<'_>> = names.iter().filter_map(|name| NameRef::new(name.as_bytes()).ok()).collect();
    let mut group = c.benchmark_group("fold");
    group.throughput(Throughput::Elements(1));
    let (mut tally, mut at) = (Tally::new(20_000), 0);
    group.bench_function("add, 10,000 names", |b| {
        b.iter(|| {
            at = (at + 7919) % refs.len();
            tally.add(&Hit::one(Event::HIT, refs[at], when))
        });
    });
    group.throughput(Throughput::Elements(refs.len() as u64));
    group.bench_function("seal and cut, 10,000 names", |b| {
        let filled = || {
            let mut tally = Tally::new(20_000);
            for &name in &refs {
                tally.add(&Hit::one(Event::HIT, name, when));
            }
            tally
        };
        let cut = |mut tally: Tally| batches(uuid::Uuid::nil(), 1, tally.seal());
        b.iter_batched(filled, cut, BatchSize::LargeInput);
    });
    group.finish();
}

fn line(c: &mut Criterion) {
    let mut group = c.benchmark_group("line");
    group.throughput(Throughput::Elements(1));
    let meters = IngestMeters::default().source("bench");
    let mut intake = Intake::new(Arc::default(), LineFormat::Syslog, Dating::Live, 1000, 65_536, meters);
    group.bench_function("datagram to tally", |b| b.iter(|| intake.datagram(black_box(LINE), false, NOW)));
    group.finish();
}

fn draw(c: &mut Criterion) {
    let (look, mut picture) = (Look::default(), String::new());
    let mut group = c.benchmark_group("draw");
    group.throughput(Throughput::Elements(1));
    group.bench_function("badge", |b| {
        b.iter(|| {
            picture.clear();
            look.draw("owner/repo", black_box(1_234_567), 0, &mut picture)
        });
    });
    group.finish();
}

criterion_group!(benches, parse, fold, line, draw);
criterion_main!(benches);
