//! Badges are read while they are published, the publisher is killed, and the disk fills up: every picture that is read
//! is complete, and no number goes down.

use crate::{Bed, PATIENCE, Plan, Random, Traffic, bed, group, say, tmpfs::Tmpfs, traffic};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};
use tallymark_testbed::wait_until;

/// Reads per second.
const READS: u32 = 2000;
const NAMES: u64 = 400;

/// See the module.
pub fn run(plan: &Plan) {
    let kills = plan.rounds(25, 200);
    let bed = Bed::embedded(plan);
    // About twice what the badges need.
    let tmpfs = Tmpfs::mount(&bed.badges(), "4m");
    if tmpfs.is_none() {
        println!("    no right to mount: without the full disk");
    }
    let mut daemon = bed.start("ingest");
    let hits = Traffic::start(&bed, traffic::names(NAMES), plan.size(1500, 3000));
    let stop = AtomicBool::new(false);
    let (reads, updates) = thread::scope(|scope| {
        let reader = scope.spawn(|| read(&bed.badges(), &stop));
        // The reader ends with us, also when something here fails.
        let _end = SetOnDrop(&stop);
        let mut random = plan.random();
        for _ in 0..kills {
            trouble(&bed, tmpfs.as_ref(), &mut random);
        }
        stop.store(true, Relaxed);
        reader.join().expect("every badge that was read was whole")
    });
    let ledger = hits.finish(&bed);
    bed::stop(&mut daemon);
    let (good, text) = bed.run(&["render"]);
    assert!(good, "{text}");
    ledger.settle(&bed.counts());
    for name in ledger.names() {
        let path = bed.badges().join(format!("{}.svg", name.replace('/', "%2F")));
        assert_eq!(total(&fs::read(&path).expect("every name has a badge")), Some(ledger.of(name)), "{name}");
    }
    let left = fs::read_dir(bed.badges().join(".tmp")).expect("the directory is there").count();
    assert_eq!(left, 0, "files left over");
    let [reads, updates, hits] = [reads, updates, ledger.total()].map(group);
    let disk = if tmpfs.is_some() { "the disk full every other time" } else { "no full disk" };
    say(
        "badges",
        &format!(
            "{kills} kills, {disk}, {reads} reads, {updates} updates seen, {hits} hits, none incomplete or lower"
        ),
    );
}

/// Tells a thread to end, whatever happens to the waiting thread.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// One publisher, killed at some instant; every other one meets a full disk.
fn trouble(bed: &Bed, tmpfs: Option<&Tmpfs>, random: &mut Random) {
    let full = tmpfs.filter(|_| random.within(0, 2) == 0);
    if let Some(tmpfs) = full {
        tmpfs.fill();
    }
    let publisher = bed.launch("render", &[]);
    thread::sleep(Duration::from_millis(random.within(1, 120))); // the instant of the kill
    // It may have ended just now; then there is nothing to kill.
    drop(publisher);
    if let Some(tmpfs) = full {
        tmpfs.free();
        let (good, text) = bed.run(&["render"]);
        assert!(good, "with room again it goes on: {text}");
    }
}

/// Reads badges until it is told to stop; panics at the first that is not whole or has gone down. Returns how often it
/// has read one, and how often the number had changed.
fn read(dir: &Path, stop: &AtomicBool) -> (u64, u64) {
    let mut seen: BTreeMap<PathBuf, u64> = BTreeMap::new();
    let (mut reads, mut updates, started) = (0u32, 0, Instant::now());
    while !stop.load(Relaxed) {
        let files = fs::read_dir(dir).map(|files| files.filter_map(|file| Some(file.ok()?.path())).collect());
        let files: Vec<PathBuf> = files.unwrap_or_default();
        for path in files.iter().filter(|path| path.extension().is_some_and(|it| it == "svg")) {
            let bytes = fs::read(path).expect("a badge that is there stays there");
            let Some(total) = total(&bytes) else {
                panic!("{}: not whole: {:?}", path.display(), String::from_utf8_lossy(&bytes));
            };
            let last = seen.entry(path.clone()).or_default();
            assert!(total >= *last, "{}: {total} after {last}", path.display());
            updates += u64::from(total != *last);
            *last = total;
            reads += 1;
            let due = started + Duration::from_secs(1) * reads / READS;
            thread::sleep(due.saturating_duration_since(Instant::now())); // the rate itself
        }
        if files.is_empty() {
            thread::yield_now();
        }
    }
    (u64::from(reads), updates)
}

/// The number of a whole picture.
fn total(bytes: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(bytes).ok()?;
    let picture = text.trim_end().strip_prefix("<svg")?;
    let (picture, comment) = picture.rsplit_once("</svg>")?;
    let shown = picture.split_once("aria-label=\"hits: ")?.1.split_once('"')?.0.replace(',', "");
    let total: u64 =
        comment.trim().strip_prefix("<!-- tallymark total=")?.strip_suffix("-->")?.trim_end().parse().ok()?;
    (shown.parse() == Ok(total)).then_some(total)
}

/// Waits until a name's badge shows at least so much.
#[track_caller]
pub(crate) fn wait_shown(bed: &Bed, name: &str, least: u64) {
    let path = bed.badges().join(format!("{}.svg", name.replace('/', "%2F")));
    wait_until("the badge is published", PATIENCE, || {
        fs::read(&path).is_ok_and(|bytes| total(&bytes).is_some_and(|total| total >= least))
    });
}
