//! Drawing alone: our own look, and each style of shields.io, beside badge-maker.

use crate::{Bench, finding::Finding, median::by_turns, peers::BadgeMaker};
use std::{hint::black_box, time::Instant};
use tallymark_badge::{Look, shields::Style};

pub(super) fn run(bench: &Bench) -> anyhow::Result<Vec<Finding>> {
    let maker = BadgeMaker::install()?;
    let count = bench.scaled(1_000_000);
    // Our own look is compared with the style that is nearest to it.
    let own = [("our own look", None, Style::Flat)];
    let styles = Style::EVERY.map(|style| (style.name(), Some(style), style));
    own.into_iter()
        .chain(styles)
        .map(|(name, ours, theirs)| pair(bench, &maker, name, (ours, theirs), count))
        .collect()
}

fn pair(
    bench: &Bench,
    maker: &BadgeMaker,
    name: &str,
    (style, theirs): (Option<Style>, Style),
    count: u64,
) -> anyhow::Result<Finding> {
    // In the sense of the table: seconds a badge, so that a ratio above 1 is ours being faster.
    let there = || Ok(1.0 / maker.draw(count / 5, theirs.name())?);
    let pair = by_turns(bench.rounds, there, || ours(count, style))?;
    Ok(Finding {
        work: format!("badges drawn a second, one thread: {name}"),
        peer: format!("badge-maker: {:.0}", 1.0 / pair.peer),
        ours: format!("{:.0}", 1.0 / pair.ours),
        ratio: format!("{:.1} times", pair.ratio),
        target: "at least 25 times".to_owned(),
        met: Some(pair.ratio >= 25.0),
    })
}

/// Seconds a badge.
fn ours(count: u64, style: Option<Style>) -> anyhow::Result<f64> {
    let (look, mut picture) = (Look { style, ..Look::default() }, String::new());
    let begin = Instant::now();
    for n in 0..count {
        picture.clear();
        look.draw("owner/repo", (n * 37) as i64, 0, &mut picture)?;
        black_box(&picture);
    }
    Ok(begin.elapsed().as_secs_f64() / count as f64)
}
