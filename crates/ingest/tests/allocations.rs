//! The hot path allocates nothing: a datagram on a name that is already in the tally.

#![allow(
    unsafe_code,
    reason = "GlobalAlloc is an unsafe trait, and counting calls needs an allocator of our own"
)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::Arc,
};
use tallymark_core::{
    Column, Dating, Event, Hit, KeptVisits, NameRef, Now, Route, Routes, StatusRef, Tally, When,
};
use tallymark_ingest::{IngestMeters, Intake, LineFormat};

thread_local! {
    /// Per thread, so that the test harness's own threads do not count. It needs no drop and no lazy start, so that
    /// the allocator may look at it at any time.
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counting.
struct Counting;

// SAFETY: every call goes to the system's allocator as it came; only a number is added to.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.set(CALLS.get() + 1);
        // SAFETY: the caller's promises are handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        CALLS.set(CALLS.get() + 1);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// 2026-11-20, 12:00:30 UTC.
const NOW: Now = Now { unix_ms: 1_795_176_030_000 };

/// The cache of known lines stores a line when it recurs, in some later round.
const WARM: usize = 50;

fn intake() -> Intake {
    let meters = IngestMeters::default().source("test");
    Intake::new(Arc::default(), LineFormat::Syslog, Dating::Live, 10_000, 65_536, meters)
}

/// How often the allocator is called while these lines are taken in `rounds` times, after they were [`WARM`] times: new
/// names take memory, and buffers grow to the longest line.
fn calls(intake: &mut Intake, lines: &[String], rounds: usize) -> u64 {
    let mut all = || lines.iter().for_each(|line| intake.datagram(line.as_bytes(), false, NOW));
    (0..WARM).for_each(|_| all());
    let before = CALLS.get();
    (0..rounds).for_each(|_| all());
    CALLS.get() - before
}

/// No calls, and every line counted.
#[track_caller]
fn check(lines: &[String], rounds: usize) {
    let mut intake = intake();
    assert_eq!(calls(&mut intake, lines, rounds), 0);
    assert_eq!(intake.seal().hits(), (lines.len() * (rounds + WARM)) as u64);
}

fn line(body: &str) -> String {
    format!("<158>Nov 20 12:00:00 web1 badge: {body}")
}

#[test]
fn the_counter_counts() {
    let before = CALLS.get();
    drop(std::hint::black_box(vec![1u8; 100]));
    assert_eq!(CALLS.get() - before, 1);
}

#[test]
fn nginx_line_on_a_known_name_allocates_nothing() {
    let body = |at: u32| line(&format!(r#""2026-11-20","owner{at}%2Frepo-{at}""#));
    check(&(0..1000).map(body).collect::<Vec<_>>(), 50);
}

#[test]
fn names_that_have_to_be_decoded_allocate_nothing_either() {
    let bodies = [
        r#""2026-11-20","a%252Fb""#,
        r#""2026-11-20","%E6%97%A5%E6%9C%AC%2Frepo""#,
        r#""2026-11-20","a%20b%26c%3Dd""#,
        "2026-11-20,plain",
        r#""2026-11-20","quote""d""#,
    ];
    check(&bodies.map(line), 200);
}

#[test]
fn known_status_allocates_nothing_either() {
    let mut tally = Tally::new(10_000);
    let event = Event::new(b"order").unwrap();
    let names: Vec<String> = (0..100).map(|n| format!("shop{n}")).collect();
    let all = |tally: &mut Tally| {
        for (at, name) in names.iter().enumerate() {
            let status = [None, Some("draft"), Some("closed")][at % 3];
            let status = status.map(|status| StatusRef::new(status.as_bytes()).unwrap());
            let name = NameRef::new(name.as_bytes()).unwrap();
            tally.add(&Hit { status, ..Hit::one(event, name, When::Minute(NOW.minute())) });
        }
    };
    // Statuses keep their numbers over a seal, and the table its room.
    for _ in 0..WARM {
        all(&mut tally);
        tally.seal();
    }
    let before = CALLS.get();
    (0..WARM).for_each(|_| all(&mut tally));
    assert_eq!(CALLS.get() - before, 0);
    let sealed = tally.seal();
    assert_eq!(sealed.statuses.iter().map(|status| status.count).sum::<u64>(), 66 * WARM as u64);
}

/// Lines with a column for the text of the client, which differs from line to line.
fn visiting(keep: usize) -> (Intake, Vec<String>) {
    let route = Route { columns: vec![Column::Date, Column::Name, Column::UserAgent], ..Route::default() };
    let meters = IngestMeters::default().source("test");
    let routes = Arc::new(Routes::new(vec![route]));
    let intake = Intake::new(routes, LineFormat::Syslog, Dating::Live, 10_000, 65_536, meters);
    let agents =
        ["curl/8.5.0", "github-camo (876de43e)", "Mozilla/5.0 (X11; rv:128.0) Gecko/20100101 Firefox/128.0"];
    let body = |at: usize| line(&format!("\"2026-11-20\",\"owner{at}%2Frepo\",\"{}\"", agents[at % 3]));
    (intake.keeping_visits(KeptVisits::of_every_event(keep)), (0..300).map(body).collect())
}

#[test]
fn the_text_of_a_client_allocates_nothing_whether_visits_are_kept_or_not() {
    for (keep, last) in [(0, 0), (3, 900)] {
        let (mut intake, lines) = visiting(keep);
        // The row of visits keeps its room over a seal.
        calls(&mut intake, &lines, 60);
        intake.seal();
        assert_eq!(calls(&mut intake, &lines, 50), 0, "{keep}");
        let sealed = intake.seal();
        assert_eq!(sealed.hits(), (lines.len() * (50 + WARM)) as u64);
        assert_eq!(sealed.visits.iter().map(|of_name| of_name.last.len()).sum::<usize>(), last);
    }
}

#[test]
fn rejected_lines_allocate_nothing() {
    let bad =
        [line(r#""2026-11-20""#), line(r#""yesterday","a""#), "<158>Nov 20 12:00:00 vm other: x".to_owned()];
    assert_eq!(calls(&mut intake(), &bad, 100), 0);
}
