//! Badges into files.

use crate::{
    Bench,
    finding::Finding,
    median::{by_turns, median},
    peers,
    publishing::Published,
};
use std::cell::{Cell, RefCell};
use tallymark_store::StoreUrl;
use tallymark_testbed::Redis;

pub(super) fn all_changed(bench: &Bench) -> anyhow::Result<Vec<Finding>> {
    let names = bench.scaled(100_000) as u32;
    let published = RefCell::new(Published::new(bench, names, None)?);
    let pair = by_turns(
        bench.rounds,
        || published.borrow().bare(0..names),
        || published.borrow_mut().change_and_render(bench, 0..names),
    )?;
    let share = 1.0 / pair.ratio;
    let bare = Finding {
        work: format!("{names} changed badges, `render` from SQLite"),
        peer: format!("bare open/write/close/rename in C: {:.2} s", pair.peer),
        ours: format!("{:.2} s", pair.ours),
        ratio: format!("{share:.2} times the bare loop"),
        target: "at most 1.2 times, atomic".to_owned(),
        met: Some(share <= 1.2),
    };
    Ok(vec![bare, beside_cron(bench, names)?])
}

/// Both from the same Redis.
fn beside_cron(bench: &Bench, names: u32) -> anyhow::Result<Finding> {
    let redis = Redis::start();
    let mut published = Published::new(bench, names, Some(StoreUrl::Redis(redis.url())))?;
    let theirs = tallymark_testbed::temp_dir();
    // Its first run makes the files, as ours has.
    peers::cron(&redis, theirs.path())?;
    let pair = by_turns(
        bench.rounds,
        || peers::cron(&redis, theirs.path()),
        || published.change_and_render(bench, 0..names),
    )?;
    Ok(Finding {
        work: format!("{names} changed badges, `render` from Redis"),
        peer: format!("ghit.me's cron in Python, not atomic: {:.2} s", pair.peer),
        ours: format!("{:.2} s", pair.ours),
        ratio: format!("{:.1} times faster", pair.ratio),
        target: "-".to_owned(),
        met: None,
    })
}

pub(super) fn few_changed(bench: &Bench) -> anyhow::Result<Vec<Finding>> {
    let names = bench.scaled(1_000_000) as u32;
    let published = RefCell::new(Published::new(bench, names, None)?);
    let one_percent = names / 100;
    // Other names in every round, and the same for both in one.
    let first = Cell::new(0);
    let pair = by_turns(
        bench.rounds,
        || {
            first.set((first.get() + one_percent) % names);
            published.borrow().bare(first.get()..first.get() + one_percent)
        },
        || published.borrow_mut().change_and_render(bench, first.get()..first.get() + one_percent),
    )?;
    let most = 1.2 * pair.peer + 0.05;
    let mut findings = vec![Finding {
        work: format!("{names} names, {one_percent} changed, `render` from SQLite"),
        peer: format!("bare loop over {one_percent} files: {:.3} s", pair.peer),
        ours: format!("{:.3} s", pair.ours),
        ratio: format!("{:.2} times the bare loop", 1.0 / pair.ratio),
        target: format!("at most 1.2 times + 50 ms: {most:.3} s"),
        met: Some(pair.ours <= most),
    }];
    for count in [100, 0] {
        let times = (0..bench.rounds.max(5) as u32)
            .map(|round| published.borrow_mut().change_and_render(bench, round * count..(round + 1) * count));
        let time = median(&times.collect::<anyhow::Result<Vec<f64>>>()?) * 1e3;
        findings.push(Finding {
            work: format!("{names} names, {count} changed, `render` from its start to its end"),
            peer: "-".to_owned(),
            ours: format!("{time:.1} ms"),
            ratio: "-".to_owned(),
            target: "at most 30 ms".to_owned(),
            met: Some(time <= 30.0),
        });
    }
    Ok(findings)
}
