//! What the outbox promises, one fact a test.

use super::*;
use std::collections::{BTreeMap, BTreeSet};
use tallymark_core::{
    ClientClass, Day, DayVisitors, Entry, Event, Levels, Minute, Month, Name, Status, StatusCount, Visit,
    VisitorHash, Visits, When,
};

const MOST: usize = 8;

struct Box {
    dir: tempfile::TempDir,
    outbox: Option<Outbox>,
    identity: OutboxState,
    keep: Keep,
}

impl Box {
    fn new() -> Box {
        Box::keeping(Keep { held: 0, ..Keep::default() })
    }

    fn keeping(keep: Keep) -> Box {
        let dir = tempfile::tempdir().unwrap();
        let (outbox, identity) = Outbox::open(dir.path(), Uuid::new_v4(), keep).unwrap();
        Box { dir, outbox: Some(outbox), identity, keep }
    }

    fn reopen(&mut self) {
        self.outbox = None;
        let (outbox, identity) = Outbox::open(self.dir.path(), Uuid::new_v4(), self.keep).unwrap();
        (self.outbox, self.identity) = (Some(outbox), identity);
    }

    fn get(&self) -> &Outbox {
        self.outbox.as_ref().unwrap()
    }

    /// Looks into the file.
    fn file<T>(&self, look: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>) -> T {
        look(&rusqlite::Connection::open(self.dir.path().join("outbox.db")).unwrap()).unwrap()
    }

    /// Makes of the file what an earlier version has left, and opens it again.
    fn age_to(&mut self, version: i32) -> rusqlite::Connection {
        self.outbox = None;
        let file = rusqlite::Connection::open(self.dir.path().join("outbox.db")).unwrap();
        if version < 5 {
            file.execute_batch("ALTER TABLE batch DROP COLUMN levels").unwrap();
        }
        if version < 4 {
            file.execute_batch("ALTER TABLE batch DROP COLUMN positions; DROP TABLE unsent").unwrap();
        }
        file.pragma_update(None, "user_version", version).unwrap();
        self.reopen();
        file
    }

    /// For the clock, everything was applied years ago.
    fn move_clock(&self) {
        self.file(|file| file.execute("UPDATE batch SET applied_at = applied_at - 200000000", []));
    }

    async fn push(&self, counts: &[(&str, i32, u64)], direct: bool) {
        self.bring(counts, Vec::new(), direct).await;
    }

    async fn bring(&self, counts: &[(&str, i32, u64)], positions: Vec<Position>, direct: bool) {
        let counts = Counts { positions, ..Counts::from(entries(counts)) };
        self.get().push(Uuid::new_v4(), counts, Origin::Lines, direct).await.unwrap();
    }

    /// Takes everything that waits, as a sender would whose store takes it all.
    async fn drain(&self, mut after: u64) -> Vec<QueuedBatch> {
        let mut all = Vec::new();
        loop {
            let waiting = self.get().take(after, MOST).await.unwrap();
            let Some(last) = waiting.last() else { return all };
            after = last.batch.seq;
            all.extend(waiting);
        }
    }
}

fn entries(counts: &[(&str, i32, u64)]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = counts
        .iter()
        .map(|&(name, minute, count)| {
            let (name, when) = (Name::new(name).unwrap(), When::Minute(Minute(minute)));
            Entry { event: Event::HIT, name, when, count }
        })
        .collect();
    entries.sort();
    entries
}

fn sum(waiting: &[QueuedBatch]) -> BTreeMap<(String, When), u64> {
    let mut sum = BTreeMap::new();
    for entry in waiting.iter().flat_map(|waiting| waiting.batch.entries.iter()) {
        *sum.entry((entry.name.to_string(), entry.when)).or_default() += entry.count;
    }
    sum
}

fn numbers(waiting: &[QueuedBatch]) -> Vec<u64> {
    waiting.iter().map(|waiting| waiting.batch.seq).collect()
}

/// Whatever is done to the files: the next start has what was pushed before and after, and numbers go on.
#[tokio::test]
async fn files_that_are_removed_or_replaced_while_open_are_written_anew() {
    for how in ["removed", "moved", "removed with its log", "without log", "without index", "replaced"] {
        let mut outbox = Box::new();
        let path = |end: &str| outbox.dir.path().join(format!("outbox.db{end}"));
        let remove = |ends: &[&str]| ends.iter().for_each(|end| std::fs::remove_file(path(end)).unwrap());
        outbox.push(&[("a", 1, 1)], true).await;
        outbox.push(&[("a", 1, 2)], false).await;
        match how {
            "removed" => remove(&[""]),
            "moved" => std::fs::rename(path(""), path(".away")).unwrap(),
            "removed with its log" => remove(&["", "-wal", "-shm"]),
            "without log" => remove(&["-wal"]),
            "without index" => remove(&["-shm"]),
            _ => {
                std::fs::write(path(".other"), "an operator's").unwrap();
                std::fs::rename(path(".other"), path("")).unwrap();
            }
        }
        outbox.push(&[("a", 1, 4)], false).await;
        // And a file that was removed after the last push is there again at the next read.
        remove(&[""]);
        assert_eq!(outbox.get().fill().await.unwrap().hits, 7, "{how}");
        if how == "replaced" {
            assert_eq!(std::fs::read_to_string(path(".replaced")).unwrap(), "an operator's");
        }
        let instance = outbox.identity.instance;
        outbox.reopen();
        assert_eq!((outbox.identity.instance, outbox.identity.last), (instance, 1), "{how}");
        let all = outbox.drain(0).await;
        assert_eq!(sum(&all).into_values().sum::<u64>(), 7, "{how}");
        assert_eq!(numbers(&all)[..2], [1, 2], "{how}");
    }
}

#[tokio::test]
async fn direct_counts_have_a_number_at_once_and_keep_it_over_a_restart() {
    let mut outbox = Box::new();
    outbox.push(&[("a", 1, 2)], true).await;
    outbox.push(&[("a", 1, 3)], true).await;
    let before = outbox.drain(0).await;
    assert_eq!(numbers(&before), [1, 2]);
    outbox.reopen();
    assert_eq!(outbox.identity.last, 2);
    assert_eq!(outbox.drain(0).await, before);
    assert_eq!(outbox.drain(1).await, before[1..]);
}

#[tokio::test]
async fn pooled_counts_are_merged_by_name_and_numbered_when_taken() {
    let outbox = Box::new();
    for tick in 0..500 {
        outbox.push(&[("a", tick / 60, 1), ("b", 0, 2)], false).await;
    }
    let waiting = outbox.drain(0).await;
    // 500 ticks fall together: two levels of merging leave a handful of blocks.
    assert!(waiting.len() < 80, "{}", waiting.len());
    assert_eq!(numbers(&waiting), (1..=waiting.len() as u64).collect::<Vec<_>>());
    let sum = sum(&waiting);
    assert_eq!(sum[&("b".to_owned(), When::Minute(Minute(0)))], 1000);
    assert_eq!(sum.iter().filter(|((name, _), _)| name == "a").map(|(_, count)| count).sum::<u64>(), 500);
}

/// Those who keep up get batches as they were pushed, others as they were read back.
#[tokio::test]
async fn batches_in_memory_are_those_of_the_file() {
    let mut outbox = Box::new();
    let names: Vec<String> = (0..3500).map(|n| format!("n{n:04}/é")).collect();
    for tick in 1..12 {
        let many = if tick == 7 { names.len() } else { tick as usize };
        let counts: Vec<(&str, i32, u64)> =
            names[..many].iter().map(|name| (name.as_str(), tick, tick as u64)).collect();
        outbox.push(&counts, true).await;
        outbox.push(&[("a", -tick, u64::MAX), ("a", tick, 1)], tick % 4 != 0).await;
    }
    let seen = outbox.drain(0).await;
    assert_eq!(outbox.drain(0).await, seen);
    for after in [0, 1, 5, 9] {
        let again = outbox.drain(after).await;
        assert_eq!(again, seen[after as usize..]);
    }
    outbox.reopen();
    assert_eq!(outbox.drain(0).await, seen);
    assert!(seen.windows(2).all(|pair| pair[0].batch.seq + 1 == pair[1].batch.seq));
}

#[tokio::test]
async fn tick_that_is_pushed_again_is_there_once() {
    let mut outbox = Box::new();
    for direct in [true, false, true] {
        let tick = Uuid::new_v4();
        for reopened in [false, false, true] {
            if reopened {
                outbox.reopen();
            }
            let push = outbox.get().push(tick, Counts::from(entries(&[("a", 1, 1)])), Origin::Lines, direct);
            push.await.unwrap();
        }
    }
    assert_eq!(sum(&outbox.drain(0).await), BTreeMap::from([(("a".to_owned(), When::Minute(Minute(1))), 3)]));
}

/// 66 blocks of about a megabyte: 64 of them are too large to be merged at once.
#[tokio::test]
async fn large_blocks_are_merged_too_but_fewer_at_once() {
    let outbox = Box::new();
    let names: Vec<String> = (0..5000u64).map(|n| format!("{:x}-{:0>180}", n * 0x9e37_79b9, n)).collect();
    let counts: Vec<(&str, i32, u64)> = names.iter().map(|name| (name.as_str(), 7, 1)).collect();
    let counts = entries(&counts);
    for _ in 0..66 {
        let tick = Uuid::new_v4();
        outbox.get().push(tick, Counts::from(counts.clone()), Origin::Lines, false).await.unwrap();
    }
    let (blocks, hits, largest) = outbox.file(|file| {
        file.query_row("SELECT count(*), sum(hits), max(length(block)) FROM pool", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        })
    });
    assert!(64 * largest > 48 << 20, "{largest} bytes are no large block");
    assert!(blocks < 30, "{blocks} blocks");
    assert_eq!(hits, 66 * 5000);
    assert_eq!(sum(&outbox.drain(0).await).values().sum::<u64>(), 66 * 5000);
}

#[tokio::test]
async fn room_that_was_taken_is_given_back() {
    let outbox = Box::new();
    let names: Vec<String> = (0..5000).map(|n| format!("name-{n:05}")).collect();
    let counts: Vec<(&str, i32, u64)> = names.iter().map(|name| (name.as_str(), 7, 1)).collect();
    for _ in 0..4 {
        outbox.push(&counts, true).await;
    }
    outbox.get().applied(20).await.unwrap();
    let pages = |name| outbox.file(|file| file.pragma_query_value(None, name, |row| row.get::<_, i64>(0)));
    let before = pages("page_count");
    outbox.get().tidy(Durability::Committed).await.unwrap();
    assert_eq!(pages("freelist_count"), 0);
    assert!(pages("page_count") < before / 2, "{} of {before} pages", pages("page_count"));
}

#[tokio::test]
async fn large_block_is_cut_over_restarts_without_loss_or_repetition() {
    let mut outbox = Box::new();
    let names: Vec<String> = (0..20_000).map(|n| format!("n{n:05}")).collect();
    let counts: Vec<(&str, i32, u64)> = names.iter().map(|name| (name.as_str(), 7, 1)).collect();
    outbox.push(&counts, false).await;
    let mut taken = outbox.get().take(0, 5).await.unwrap();
    assert_eq!(taken.len(), 5);
    outbox.reopen();
    taken.extend(outbox.drain(5).await);
    assert_eq!(numbers(&taken), (1..=20).collect::<Vec<_>>());
    assert!(taken.iter().all(|waiting| waiting.batch.entries.len() == 1000));
    assert_eq!(sum(&taken).len(), 20_000);
}

fn position(source: &str, state: &str) -> Position {
    Position { source: source.to_owned(), state: state.to_owned() }
}

/// What of each source a sender has seen, and after how many hits.
fn sent(waiting: &[QueuedBatch]) -> Vec<(u64, Vec<Position>)> {
    let mut hits = 0;
    let of_batch = |waiting: &QueuedBatch| {
        hits += waiting.batch.hits();
        (hits, waiting.batch.positions.clone())
    };
    waiting.iter().map(of_batch).filter(|(_, positions)| !positions.is_empty()).collect()
}

#[tokio::test]
async fn counts_and_positions_are_one_commit() {
    for direct in [true, false] {
        let mut outbox = Box::new();
        outbox.bring(&[("a", 1, 1)], vec![position("x", "10"), position("y", "1")], direct).await;
        outbox.bring(&[], vec![position("x", "20"), position("y", "")], direct).await;
        outbox.reopen();
        assert_eq!(outbox.get().positions().await.unwrap(), [position("x", "20")]);
        let waiting = outbox.drain(0).await;
        let last = vec![position("x", "20"), position("y", "")];
        match direct {
            true => {
                assert_eq!(sent(&waiting), [(1, vec![position("x", "10"), position("y", "1")]), (1, last)])
            }
            // What was never sent is merged: the latest of each source.
            false => assert_eq!(sent(&waiting), [(1, last)]),
        }
        outbox.reopen();
        assert_eq!(outbox.drain(0).await, waiting, "a batch keeps its positions");
    }
}

#[tokio::test]
async fn positions_are_never_ahead_of_their_counts() {
    let mut outbox = Box::new();
    let names: Vec<String> = (0..3000).map(|n| format!("n{n:04}")).collect();
    let many: Vec<(&str, i32, u64)> = names.iter().map(|name| (name.as_str(), 1, 1)).collect();
    let (mut read, mut taken) = (0, Vec::new());
    for tick in 0..200 {
        let counts = if tick % 50 == 7 { &many[..] } else { &many[..1] };
        read += counts.len() as u64;
        outbox.bring(counts, vec![position("x", &read.to_string())], tick > 150).await;
        if tick % 20 == 19 {
            let after = taken.last().map_or(0, |waiting: &QueuedBatch| waiting.batch.seq);
            taken.extend(outbox.get().take(after, 2).await.unwrap());
        }
        if tick % 70 == 69 {
            let after = taken.last().map_or(0, |waiting: &QueuedBatch| waiting.batch.seq);
            taken.extend(outbox.drain(after).await);
        }
        if tick % 60 == 59 {
            outbox.reopen();
        }
    }
    let after = taken.last().map_or(0, |waiting| waiting.batch.seq);
    taken.extend(outbox.drain(after).await);
    let sent = sent(&taken);
    assert!(sent.len() > 2, "{sent:?}");
    for (hits, positions) in &sent {
        assert!(positions[0].state.parse::<u64>().unwrap() <= *hits, "{sent:?}");
    }
    assert_eq!(sent.last(), Some(&(read, vec![position("x", &read.to_string())])));
}

#[tokio::test]
async fn thousands_of_positions_go_in_pieces() {
    let outbox = Box::new();
    let many: Vec<Position> = (0..5000).map(|n| position(&format!("file:{n}"), "1")).collect();
    outbox.bring(&[("a", 1, 1)], many, false).await;
    let waiting = outbox.drain(0).await;
    let sizes: Vec<usize> = waiting.iter().map(|waiting| waiting.batch.positions.len()).collect();
    assert_eq!(sizes, [2000, 2000, 1000]);
}

#[tokio::test]
async fn counts_of_an_earlier_process_are_not_the_http_counters_any_more() {
    let mut outbox = Box::new();
    outbox
        .get()
        .push(Uuid::new_v4(), Counts::from(entries(&[("a", 1, 1)])), Origin::Live, true)
        .await
        .unwrap();
    outbox
        .get()
        .push(Uuid::new_v4(), Counts::from(entries(&[("b", 1, 1)])), Origin::Live, false)
        .await
        .unwrap();
    assert!(outbox.drain(0).await.iter().all(|waiting| waiting.origin == Origin::Live));
    outbox.reopen();
    assert!(outbox.drain(0).await.iter().all(|waiting| waiting.origin == Origin::Lines));
}

#[tokio::test]
async fn applied_batches_are_kept_as_long_as_the_store_may_lose_them() {
    let mut outbox = Box::new();
    for n in 1..=4 {
        outbox.push(&[("a", n, 1)], true).await;
    }
    outbox.get().applied(3).await.unwrap();
    let fill = outbox.get().tidy(Durability::Logged).await.unwrap();
    assert_eq!((fill.waiting, fill.hits, fill.room), (1, 1, true));
    assert_eq!(outbox.get().identity().await.unwrap().last, 4);
    // A snapshot has them; a replica that takes over may be older than it.
    outbox.get().tidy(Durability::Saved(3)).await.unwrap();
    assert_eq!(numbers(&outbox.drain(0).await), [1, 2, 3, 4]);
    outbox.move_clock();
    outbox.get().tidy(Durability::Saved(3)).await.unwrap();
    assert_eq!(numbers(&outbox.drain(0).await), [1, 2, 3, 4]);
    // Everything is old now.
    outbox.keep.applied = Duration::ZERO;
    outbox.reopen();
    outbox.get().tidy(Durability::Saved(0)).await.unwrap();
    outbox.get().fill().await.unwrap();
    assert_eq!(numbers(&outbox.drain(0).await), [1, 2, 3, 4]);
    outbox.get().tidy(Durability::Saved(2)).await.unwrap();
    assert_eq!(numbers(&outbox.drain(0).await), [3, 4]);
    // What was never applied stays, whatever is saved.
    outbox.get().tidy(Durability::Saved(4)).await.unwrap();
    assert_eq!(numbers(&outbox.drain(0).await), [4]);
    assert_eq!(outbox.get().roll_back(0).await.unwrap(), RolledBack { first: 4, undone: 0 });
}

#[tokio::test]
async fn full_outbox_lets_applied_batches_go_first_and_says_that_there_is_no_room() {
    let outbox = Box::keeping(Keep { bytes: 200_000, held: 0, ..Keep::default() });
    let names: Vec<String> = (0..5000).map(|n| format!("name-{n:05}")).collect();
    let counts: Vec<(&str, i32, u64)> = names.iter().map(|name| (name.as_str(), 7, 1)).collect();
    for _ in 0..4 {
        outbox.push(&counts, true).await;
    }
    let full = outbox.get().tidy(Durability::Logged).await.unwrap();
    assert!(!full.room && full.bytes > 200_000 && full.waiting == 20);
    outbox.get().applied(18).await.unwrap();
    let fill = outbox.get().tidy(Durability::Logged).await.unwrap();
    assert!(fill.room, "{fill:?}");
    assert_eq!(fill.waiting, 2);
    assert!(outbox.get().roll_back(0).await.unwrap().first > 1);
}

#[tokio::test]
async fn starting_over_gives_what_no_store_has_new_numbers() {
    let mut outbox = Box::new();
    for n in 1..=5 {
        outbox.push(&[("a", n, 1)], true).await;
    }
    outbox.push(&[("pooled", 1, 1)], false).await;
    outbox.get().applied(4).await.unwrap();
    let before = outbox.identity.instance;
    let identity = outbox.get().start_over(2).await.unwrap();
    assert_ne!(identity.instance, before);
    assert_eq!(identity.last, 3);
    let waiting = outbox.drain(0).await;
    assert_eq!(numbers(&waiting), [1, 2, 3, 4]);
    assert!(waiting.iter().all(|waiting| waiting.batch.instance == identity.instance));
    let minutes: Vec<When> = waiting[..3].iter().map(|waiting| waiting.batch.entries[0].when).collect();
    assert_eq!(minutes, [3, 4, 5].map(|minute| When::Minute(Minute(minute))));
    outbox.reopen();
    assert_eq!(outbox.identity.instance, identity.instance);
}

#[tokio::test]
async fn rolled_back_batches_are_sent_again_and_are_not_the_http_counters_any_more() {
    let outbox = Box::new();
    for _ in 0..3 {
        outbox
            .get()
            .push(Uuid::new_v4(), Counts::from(entries(&[("a", 1, 1)])), Origin::Live, true)
            .await
            .unwrap();
    }
    outbox.get().applied(2).await.unwrap();
    assert_eq!(outbox.get().roll_back(1).await.unwrap(), RolledBack { first: 2, undone: 1 });
    let waiting = outbox.drain(1).await;
    assert_eq!(numbers(&waiting), [2, 3]);
    assert_eq!(
        waiting.iter().map(|waiting| waiting.origin).collect::<Vec<_>>(),
        [Origin::Lines, Origin::Live]
    );
    // They wait again, so nothing lets go of them.
    assert_eq!(outbox.get().tidy(Durability::Committed).await.unwrap().waiting, 2);
}

#[tokio::test]
async fn restored_directory_is_emptied_and_goes_on_from_the_positions_of_the_store() {
    let mut outbox = Box::new();
    outbox.bring(&[("a", 1, 1)], vec![position("old", "1"), position("gone", "1")], true).await;
    outbox.bring(&[("b", 1, 1)], vec![position("old", "2")], false).await;
    outbox.reopen();
    // Since the start: no store has it.
    outbox.bring(&[("d", 1, 8)], vec![position("new", "1"), position("old", "3")], false).await;
    let (identity, hits) = outbox.get().forget(vec![position("old", "100")]).await.unwrap();
    assert_eq!((identity.last, hits), (0, 1 + 1));
    let right = [position("new", "1"), position("old", "100")];
    let kept = outbox.drain(0).await;
    assert_eq!(sent(&kept), [(8, right.to_vec())]);
    outbox.reopen();
    assert_eq!(outbox.get().positions().await.unwrap(), right);
    assert_eq!(outbox.drain(0).await, kept);
}

#[tokio::test]
async fn fenced_copy_stays_so_until_it_goes_on_under_a_new_instance_with_what_no_store_has() {
    let mut outbox = Box::new();
    outbox.bring(&[("a", 1, 1)], vec![position("x", "1")], true).await;
    outbox.push(&[("b", 1, 2)], true).await;
    outbox.get().applied(1).await.unwrap();
    outbox.get().fence().await.unwrap();
    outbox.push(&[("c", 1, 4)], false).await;
    outbox.reopen();
    let OutboxState { instance, applied, fenced, .. } = outbox.identity.clone();
    assert_eq!((applied, fenced), (1, true));
    let identity = outbox.get().start_over(applied).await.unwrap();
    assert!(identity.instance != instance && !identity.fenced);
    let kept = outbox.drain(0).await;
    assert_eq!(numbers(&kept), [1, 2]);
    assert_eq!(
        sum(&kept).into_iter().map(|((name, _), count)| (name, count)).collect::<Vec<_>>(),
        [("b".to_owned(), 2), ("c".to_owned(), 4)]
    );
    assert_eq!(sent(&kept), [(6, vec![position("x", "1")])], "the store has none of the new instance");
}

#[tokio::test]
async fn adopting_is_said_from_another_process() {
    let outbox = Box::new();
    let store = Uuid::new_v4();
    outbox.get().belong_to(Uuid::new_v4()).await.unwrap();
    Outbox::adopt(outbox.dir.path(), store).unwrap();
    assert_eq!(outbox.get().identity().await.unwrap().adopt, Some(store));
    outbox.get().belong_to(store).await.unwrap();
    let identity = outbox.get().identity().await.unwrap();
    assert_eq!((identity.store, identity.adopt), (Some(store), None));
    let empty = tempfile::tempdir().unwrap();
    assert!(Outbox::adopt(empty.path(), store).unwrap_err().to_string().contains("there is none"));
}

/// Merging and cutting at random moments is the same as counting, for totals and for minutes.
#[tokio::test]
async fn any_mixture_of_pushes_takes_and_restarts_equals_a_plain_sum() {
    for held in [0, 1, 100, 1 << 20] {
        mixture(Box::keeping(Keep { held, ..Keep::default() })).await;
    }
}

async fn mixture(mut outbox: Box) {
    let (mut sums, mut taken, mut random) = (BTreeMap::new(), Vec::new(), 12_345u64);
    for step in 0..600 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let name = format!("n{}", random >> 60);
        let minute = (random >> 40) as i32 % 3;
        *sums.entry((name.clone(), When::Minute(Minute(minute)))).or_default() += step + 1;
        outbox.push(&[(&name, minute, step + 1)], random >> 33 & 3 == 0).await;
        let after = taken.last().map_or(0, |waiting: &QueuedBatch| waiting.batch.seq);
        match random >> 50 & 31 {
            0 => outbox.reopen(),
            1 => taken.extend(outbox.get().take(after, 3).await.unwrap()),
            2 => taken.extend(outbox.drain(after).await),
            _ => {}
        }
    }
    let after = taken.last().map_or(0, |waiting| waiting.batch.seq);
    taken.extend(outbox.drain(after).await);
    outbox.get().settle().await.unwrap();
    let after = taken.last().map_or(0, |waiting| waiting.batch.seq);
    taken.extend(outbox.drain(after).await);
    assert_eq!(numbers(&taken), (1..=taken.len() as u64).collect::<Vec<_>>());
    let some = |has: fn(Levels) -> bool| {
        let some = taken.iter().filter(|waiting| has(waiting.batch.levels));
        sum(&some.cloned().collect::<Vec<_>>())
    };
    assert_eq!(some(Levels::has_days), sums);
    assert_eq!(some(Levels::has_minutes), sums);
}

#[tokio::test]
async fn a_file_of_the_first_version_is_read_and_statuses_wait_beside_its_counts() {
    let mut outbox = Box::new();
    outbox.bring(&[("a", 1, 2)], vec![position("x", "1")], true).await;
    outbox.push(&[("b", 1, 3)], false).await;
    let file = outbox.age_to(1);
    let version: i32 = file.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 7, "what does not know of statuses has to refuse the file now");
    let status = |name: &str, month| StatusCount {
        event: Event::HIT,
        name: Name::new(name).unwrap(),
        month: Month(month),
        status: Status::new("closed").unwrap(),
        count: 1,
    };
    for direct in [true, false] {
        let counts = Counts::folded(entries(&[("b", 1, 1)]), vec![status("b", 7)]);
        outbox.get().push(Uuid::new_v4(), counts, Origin::Lines, direct).await.unwrap();
    }
    let waiting = outbox.drain(0).await;
    let minute = When::Minute(Minute(1));
    assert_eq!(sum(&waiting), BTreeMap::from([(("a".into(), minute), 2), (("b".into(), minute), 5)]));
    let statuses = |waiting: &[QueuedBatch]| -> Vec<StatusCount> {
        waiting.iter().flat_map(|waiting| waiting.batch.statuses.clone()).collect()
    };
    assert_eq!(statuses(&waiting), [status("b", 7), status("b", 7)]);
    // No store has a position of a file from before.
    assert_eq!(sent(&waiting), [(5, vec![position("x", "1")])]);
    outbox.reopen();
    assert_eq!(outbox.drain(0).await, waiting, "a batch that has a number keeps its statuses too");
}

fn visits(name: &str, minutes: std::ops::Range<i32>) -> Visits {
    let visit = |minute| Visit::new(Minute(minute), ClientClass::GithubCamo);
    Visits { event: Event::HIT, name: Name::new(name).unwrap(), last: minutes.map(visit).collect() }
}

#[tokio::test]
async fn a_file_from_before_visits_is_read_and_an_outage_keeps_the_last_of_them() {
    let mut outbox = Box::keeping(Keep { visits: 3, held: 0, ..Keep::default() });
    outbox.push(&[("a", 1, 2)], true).await;
    outbox.push(&[("a", 1, 3)], false).await;
    let file = outbox.age_to(2);
    let version: i32 = file.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 7, "what does not know of visits has to refuse the file now");
    // Enough ticks for two merges, in which older visits go.
    let ticks = 130;
    for tick in 0..ticks {
        let of_names = vec![visits("a", tick * 2..tick * 2 + 2), visits("b", tick..tick + 1)];
        let counts = Counts { visits: of_names, ..Counts::from(entries(&[("a", 1, 2), ("b", 1, 1)])) };
        outbox.get().push(Uuid::new_v4(), counts, Origin::Lines, true).await.unwrap();
    }
    let waiting = outbox.drain(0).await;
    let minute = When::Minute(Minute(1));
    let (a, b) = (5 + 2 * ticks as u64, ticks as u64);
    assert_eq!(sum(&waiting), BTreeMap::from([(("a".into(), minute), a), (("b".into(), minute), b)]));
    let of = |name: &str| -> Vec<i32> {
        let visits = waiting.iter().flat_map(|waiting| &waiting.batch.visits);
        let of_name = visits.filter(|visits| visits.name.as_str() == name);
        of_name.flat_map(|visits| visits.last.iter().map(|visit| visit.minute.0)).collect()
    };
    for (name, last) in [("a", ticks * 2 - 3..ticks * 2), ("b", ticks - 3..ticks)] {
        let minutes = of(name);
        assert!(minutes.ends_with(&last.collect::<Vec<_>>()), "{name}: {minutes:?}");
        assert!(minutes.is_sorted() && minutes.len() < 20, "{name}: {minutes:?}");
    }
    outbox.reopen();
    assert_eq!(outbox.drain(0).await, waiting, "a batch that has a number keeps its visits too");
}

#[tokio::test]
async fn a_file_from_before_visitors_is_read_and_an_outage_keeps_every_one_of_their_days() {
    let mut outbox = Box::keeping(Keep { held: 0, ..Keep::default() });
    outbox.push(&[("a", 1, 2)], true).await;
    let file = outbox.age_to(5);
    let version: i32 = file.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 7, "what does not know of visitors has to refuse the file now");
    // Enough ticks for two merges, over midnight. Everybody comes twice.
    for tick in 0..130 {
        let of_day = |day| DayVisitors {
            event: Event::HIT,
            name: Name::new("a").unwrap(),
            day: Day(day),
            hashes: vec![VisitorHash(tick / 2)],
        };
        let visitors = if tick < 65 { vec![of_day(1)] } else { vec![of_day(1), of_day(2)] };
        let counts = Counts { visitors, ..Counts::from(entries(&[("a", 1, 1)])) };
        outbox.get().push(Uuid::new_v4(), counts, Origin::Lines, true).await.unwrap();
    }
    let waiting = outbox.drain(0).await;
    let of = |day| -> BTreeSet<u64> {
        let visitors = waiting.iter().flat_map(|waiting| &waiting.batch.visitors);
        let of_day = visitors.filter(|of_day| of_day.day == Day(day));
        of_day.flat_map(|of_day| of_day.hashes.iter().map(|hash| hash.0)).collect()
    };
    assert_eq!((of(1), of(2)), ((0..65).collect(), (32..65).collect()));
    outbox.reopen();
    assert_eq!(outbox.drain(0).await, waiting, "a batch that has a number keeps its visitors too");
}

/// Sends what waits, and says so.
async fn send(outbox: &Box, after: u64) -> Vec<QueuedBatch> {
    let sent = outbox.drain(after).await;
    if let Some(last) = sent.last() {
        outbox.get().applied(last.batch.seq).await.unwrap();
    }
    sent
}

fn levels(waiting: &[QueuedBatch]) -> Vec<Levels> {
    waiting.iter().map(|waiting| waiting.batch.levels).collect()
}

#[tokio::test]
async fn minutes_are_held_until_they_are_merged_and_survive_everything() {
    let hold = Keep { applied: Duration::ZERO, held: 1 << 20, ..Keep::default() };
    let mut outbox = Box::keeping(hold);
    for n in 0..3 {
        outbox.bring(&[("a", 7, 1), ("b", 7 + n, 2)], vec![position("x", &n.to_string())], true).await;
    }
    let day = vec![Entry { when: When::Day(Day(1)), ..entries(&[("d", 1, 5)]).remove(0) }];
    outbox.get().push(Uuid::new_v4(), Counts::from(day), Origin::Live, true).await.unwrap();
    let days = send(&outbox, 0).await;
    assert_eq!(levels(&days), [Levels::Days; 4]);
    // They are old and in the store, but owed for.
    let fill = outbox.get().tidy(Durability::Logged).await.unwrap();
    assert_eq!((fill.waiting, fill.hits), (0, 0));
    assert_eq!(outbox.drain(0).await.len(), 4);
    outbox.reopen();
    let minutes = send(&outbox, 4).await;
    assert_eq!((levels(&minutes), numbers(&minutes)), (vec![Levels::Minutes], vec![5]));
    assert_eq!((minutes[0].batch.hits(), sent(&minutes)), (0, vec![]));
    let at = |name: &str, minute, count| ((name.to_owned(), When::Minute(Minute(minute))), count);
    let all = BTreeMap::from([at("a", 7, 3), at("b", 7, 2), at("b", 8, 2), at("b", 9, 2)]);
    assert_eq!(sum(&minutes), all, "a day has no minute");
    // A store that has lost everything gets both again.
    outbox.get().roll_back(0).await.unwrap();
    outbox.reopen();
    let again = outbox.drain(0).await;
    assert_eq!(levels(&again), [levels(&days), levels(&minutes)].concat());
    assert_eq!((sum(&again[4..]), numbers(&again)), (all, vec![1, 2, 3, 4, 5]));
    outbox.get().applied(5).await.unwrap();
    outbox.get().tidy(Durability::Committed).await.unwrap();
    assert_eq!(outbox.drain(0).await, []);
}

#[tokio::test]
async fn a_copy_that_starts_over_takes_the_minutes_that_are_owed_with_it() {
    let outbox = Box::keeping(Keep { held: 1 << 20, ..Keep::default() });
    for n in 1..=4 {
        outbox.push(&[("a", n, 1)], true).await;
    }
    outbox.get().applied(3).await.unwrap();
    assert_eq!(outbox.get().start_over(3).await.unwrap().last, 1);
    outbox.push(&[("b", 9, 1)], true).await;
    outbox.get().settle().await.unwrap();
    let waiting = outbox.drain(0).await;
    assert_eq!(levels(&waiting), [Levels::Days, Levels::Days, Levels::Minutes, Levels::Minutes]);
    let of = |levels: Levels| {
        let some = waiting.iter().filter(|waiting| waiting.batch.levels == levels);
        some.flat_map(|waiting| waiting.batch.entries.iter().map(|entry| entry.count)).sum::<u64>()
    };
    assert_eq!((of(Levels::Days), of(Levels::Minutes)), (2, 5), "three of them are in the store's totals");
}

/// Another process has the whole file when ours has to be done.
#[tokio::test]
async fn a_file_that_is_opened_again_at_the_end_is_not_waited_for() {
    let mut bed = Box::new();
    bed.outbox = None;
    let path = bed.dir.path().join("outbox.db");
    let lock = rusqlite::Connection::open(&path).unwrap();
    lock.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE").unwrap();
    let deadline = Deadline::default();
    deadline.set(Instant::now());
    let free = thread::spawn(move || {
        // Shorter than a call waits that has all the time.
        thread::sleep(Duration::from_secs(3));
        drop(lock);
    });
    let err = file::open(&path, Uuid::nil(), &deadline).unwrap_err();
    assert_eq!(err.class(), Class::Unavailable, "{err}");
    free.join().unwrap();
    file::open(&path, Uuid::nil(), &deadline).unwrap();
}

/// A number that cannot be read is not 0: batches would get numbers that the store has seen.
#[tokio::test]
async fn damage_is_an_error_and_not_an_empty_outbox() {
    for (key, value) in [("last", "x"), ("instance", "x"), ("store", "x"), ("owed", "-1")] {
        let mut bed = Box::new();
        bed.push(&[("a", 1, 1)], true).await;
        bed.file(|file| file::put(file, key, value));
        bed.outbox = None;
        let err = Outbox::open(bed.dir.path(), Uuid::new_v4(), bed.keep).err().unwrap();
        assert_eq!(err.class(), Class::Data, "{key}: {err}");
        if ["last", "instance"].contains(&key) {
            Outbox::known(bed.dir.path()).unwrap_err();
        }
    }
    let bed = Box::new();
    bed.push(&[("a", 1, 7)], true).await;
    assert_eq!(bed.get().fill().await.unwrap().hits, 7);
    bed.file(|file| file.execute_batch("ALTER TABLE pool RENAME TO gone"));
    bed.get().fill().await.unwrap_err();
    Outbox::waiting(bed.dir.path()).unwrap_err();
}
