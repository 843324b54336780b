//! Drawing alone.

use crate::{Bench, finding::Finding, median::by_turns, peers::BadgeMaker};
use std::{hint::black_box, time::Instant};
use tallymark_badge::Look;

pub(super) fn run(bench: &Bench) -> anyhow::Result<Vec<Finding>> {
    let maker = BadgeMaker::install()?;
    let count = bench.scaled(1_000_000);
    // In the sense of the table: seconds a badge, so that a ratio above 1 is ours being faster.
    let pair = by_turns(bench.rounds, || Ok(1.0 / maker.draw(count / 5)?), || ours(count))?;
    Ok(vec![Finding {
        work: "badges drawn a second, one thread".to_owned(),
        peer: format!("badge-maker: {:.0}", 1.0 / pair.peer),
        ours: format!("{:.0}", 1.0 / pair.ours),
        ratio: format!("{:.1} times", pair.ratio),
        target: "at least 25 times".to_owned(),
        met: Some(pair.ratio >= 25.0),
    }])
}

/// Seconds a badge.
fn ours(count: u64) -> anyhow::Result<f64> {
    let (look, mut picture) = (Look::default(), String::new());
    let begin = Instant::now();
    for n in 0..count {
        picture.clear();
        look.draw("owner/repo", (n * 37) as i64, 0, &mut picture)?;
        black_box(&picture);
    }
    Ok(begin.elapsed().as_secs_f64() / count as f64)
}
