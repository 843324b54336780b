//! Redis is killed, and its append-only file ends where it ended some seconds before: with `everysec` and a power cut,
//! what Redis had answered is gone. The marker went with it, so the outbox sends again exactly what is missing.

use crate::{Bed, Plan, Traffic, bed, group, say, traffic};
use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};
use tallymark_testbed::Redis;

/// The file that Redis appends to, how large it was, and when.
struct History {
    file: PathBuf,
    /// What was there when the watch began stays: with less, Redis may have forgotten which store it is, and that is
    /// another scenario.
    least: u64,
    sizes: Vec<(Instant, u64)>,
}

impl History {
    /// Watches the file grow for a while: how far apart the kills are, not a wait for something.
    fn watch(redis: &Redis, time: Duration) -> History {
        let file = last_file(&redis.dir().join("appendonlydir"));
        let size = || fs::metadata(&file).expect("the append-only file is there").len();
        let (least, end) = (size(), Instant::now() + time);
        let mut sizes = Vec::new();
        while Instant::now() < end {
            sizes.push((Instant::now(), size()));
            thread::sleep(Duration::from_millis(10));
        }
        History { file, least, sizes }
    }

    /// Cuts off what came in the last `time`, and up to `more` bytes, in the middle of whatever is there.
    fn cut(&self, time: Duration, more: u64) {
        let then = Instant::now().checked_sub(time);
        let size = self.sizes.iter().rev().find(|(at, _)| then.is_some_and(|then| *at <= then));
        let size = size.map_or(0, |(_, size)| *size).saturating_sub(more).max(self.least);
        let file = fs::File::options().write(true).open(&self.file).expect("the file is ours");
        file.set_len(size).expect("a file can be cut");
    }
}

/// Redis begins another file whenever it rewrites everything.
pub(crate) fn last_file(dir: &Path) -> PathBuf {
    let number = |path: &PathBuf| -> Option<u64> {
        path.to_str()?.strip_suffix(".incr.aof")?.rsplit_once('.')?.1.parse().ok()
    };
    let files = fs::read_dir(dir).expect("the directory of the append-only files");
    let files = files.filter_map(|file| Some(file.ok()?.path())).filter(|path| number(path).is_some());
    files.max_by_key(number).expect("an append-only file")
}

/// See the module.
pub fn run(plan: &Plan) {
    let rounds = plan.rounds(5, 50);
    let mut random = plan.random();
    // Redis rewrites the file only on command, so that there is always something to cut.
    let mut redis = Redis::builder().appendonly().config("auto-aof-rewrite-percentage 0").start();
    let bed = Bed::remote(plan, redis.url());
    let mut daemon = bed.start("serve");
    bed.wait_ready();
    let hits = Traffic::start(&bed, traffic::names(200), 2000).with_http(&bed, "over/http");
    bed.wait_batches(3);
    for _ in 0..rounds {
        let lost = Duration::from_millis(random.within(plan.size(50, 1000), plan.size(900, 20_000)));
        let history = History::watch(&redis, lost + Duration::from_millis(random.within(0, 500)));
        redis.kill9();
        history.cut(lost, random.within(0, 400));
        redis.restart();
        bed.wait_batches(3);
    }
    let ledger = hits.finish(&bed);
    bed.wait_ready();
    let metrics = bed.metrics();
    bed::stop(&mut daemon);
    ledger.settle(&bed.counts());
    let (rollbacks, lost) = (metrics.get("store_rollbacks_total"), metrics.get("batches_lost_total"));
    assert!(rollbacks > 0 && lost == 0, "{rollbacks} rollbacks, {lost} batches lost");
    let result =
        format!("{rounds} rounds, {rollbacks} rollbacks, {} hits, difference 0", group(ledger.total()));
    say("redis-tail", &result);
}
