//! Several sources whose paths lead to one log: each line counts once, whatever is done to the log, the links and the
//! sections of the configuration.

use super::{
    super::{
        Start,
        book::Book,
        claims::Claims,
        follow::{Following, LogFollower, Progress},
    },
    any::histories,
    bed::{Bed, Ledger},
};
use proptest::prelude::*;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::PathBuf,
    sync::Arc,
};
use tallymark_core::Position;

/// The log, by its own path.
const LOG: &str = "logs/access.log";
/// Other ways to it, and what of them is a link.
const WAYS: [(&str, (&str, &str)); 3] = [
    ("link.log", ("link.log", LOG)),
    ("current/access.log", ("current", "logs")),
    ("deep/../access.log", ("deep", "logs/sub")),
];

/// A log with several sources, and a store.
pub(super) struct Shared {
    pub(super) bed: Bed,
    /// The sections of the configuration, in their order.
    pub(super) sections: Vec<String>,
    pub(super) followers: Vec<LogFollower>,
    claims: Claims,
    seen: Ledger,
    committed: (BTreeMap<String, u64>, BTreeMap<String, String>),
    pub(super) told: u64,
    lines: u64,
}

impl Shared {
    pub(super) fn new(sections: &[&str]) -> Shared {
        let bed = Bed::new();
        fs::create_dir_all(bed.path("logs/sub")).unwrap();
        let mut shared = Shared {
            bed,
            sections: Vec::new(),
            followers: Vec::new(),
            claims: Claims::default(),
            seen: Ledger::default(),
            committed: Default::default(),
            told: 0,
            lines: 0,
        };
        shared.begin(sections);
        shared
    }

    /// Starts with these sections, from what was committed. The first of them looks first.
    pub(super) fn begin(&mut self, sections: &[&str]) {
        self.told += self.lost();
        self.seen.lines = self.committed.0.clone();
        self.sections = sections.iter().map(|&section| section.to_owned()).collect();
        let position =
            |(source, state): (&String, &String)| Position { source: source.clone(), state: state.clone() };
        let positions: Vec<Position> = self.committed.1.iter().map(position).collect();
        self.claims = Claims::default();
        let logs: Vec<PathBuf> = self.sections.iter().map(|section| self.bed.path(section)).collect();
        logs.iter().for_each(|log| self.claims.register(log));
        self.claims.learn(&positions);
        let follower = |log: PathBuf| {
            let book = Book::read(&log, &positions).unwrap();
            let following = Following {
                path: log,
                claims: self.claims.clone(),
                start: Start::Beginning,
                max_line: 1000,
                format: 0,
                stop: self.bed.stop.clone(),
                progress: Arc::new(|_: &str| {}),
            };
            LogFollower::new(following, book)
        };
        self.followers = logs.into_iter().map(follower).collect();
        // Where a new one begins is committed before anything of it is read. It may have to wait for another.
        let mut full = Ledger { room: 1, taken: 1, ..Ledger::default() };
        let new = self.followers.iter_mut().filter(|follower| !follower.is_started());
        if new.map(|follower| follower.step(&mut full)).count() > 0 {
            while !self.followers.iter().all(LogFollower::is_started) {
                self.look();
            }
            self.commit();
        }
    }

    fn lost(&self) -> u64 {
        self.followers.iter().map(|follower| follower.events.lost).sum()
    }

    pub(super) fn restart(&mut self, sections: &[&str]) {
        self.commit();
        self.begin(sections);
    }

    pub(super) fn commit(&mut self) {
        let changes = self.followers.iter_mut().filter_map(LogFollower::book).flat_map(Book::take_changes);
        for Position { source, state } in changes.collect::<Vec<_>>() {
            match state.is_empty() {
                true => drop(self.committed.1.remove(&source)),
                false => drop(self.committed.1.insert(source, state)),
            }
        }
        self.committed.0 = self.seen.lines.clone();
    }

    /// One step of each, with what room there is. Answers whether there may be more.
    pub(super) fn step(&mut self, room: usize) -> bool {
        let mut more = false;
        for follower in &mut self.followers {
            (self.seen.room, self.seen.taken) = (room, 0);
            more |= follower.step(&mut self.seen) == Progress::More;
        }
        more
    }

    /// A look that reads nothing.
    pub(super) fn look(&mut self) {
        let mut full = Ledger { room: 1, taken: 1, ..Ledger::default() };
        for follower in &mut self.followers {
            follower.step(&mut full);
        }
    }

    /// Reads all there is. One source may wait for another, which has looked by the next round.
    pub(super) fn read(&mut self) {
        let mut idle = 0;
        for _ in 0..10_000 {
            idle = if self.step(0) { 0 } else { idle + 1 };
            if idle == 3 {
                return;
            }
        }
        panic!("it reads without end");
    }

    pub(super) fn write_to(&mut self, name: &str, lines: u64) {
        let text: String =
            (0..lines).map(|n| format!("a line as a web server writes it {}\n", self.lines + n)).collect();
        self.lines += lines;
        self.bed.append(name, &text);
    }

    pub(super) fn write(&mut self, lines: u64) {
        self.write_to(LOG, lines);
    }

    pub(super) fn link(&self, name: &str, to: &str) {
        let _ = fs::remove_file(self.bed.path("next"));
        std::os::unix::fs::symlink(self.bed.path(to), self.bed.path("next")).unwrap();
        self.bed.rename("next", name);
    }

    /// Makes room for a rotated file, and says its name.
    fn make_room(&self) -> String {
        for n in (1..30).rev() {
            for end in ["", ".gz"] {
                let name = |n: u32| format!("{LOG}.{n}{end}");
                if self.bed.path(&name(n)).exists() {
                    self.bed.rename(&name(n), &name(n + 1));
                }
            }
        }
        format!("{LOG}.1")
    }

    pub(super) fn happen(&mut self, what: What) {
        let text = |shared: &Shared| fs::read_to_string(shared.bed.path(LOG)).unwrap_or_default();
        if !self.bed.path(LOG).exists() {
            return;
        }
        match what {
            What::Rename | What::RenamePack | What::RenameAlone => {
                let name = self.make_room();
                self.bed.rename(LOG, &name);
                if what == What::RenamePack {
                    self.bed.gzip(&name);
                }
                if what != What::RenameAlone {
                    self.bed.append(LOG, "");
                }
            }
            What::CopyTruncate | What::CopyTruncatePack => {
                let name = self.make_room();
                fs::copy(self.bed.path(LOG), self.bed.path(&name)).unwrap();
                File::options().write(true).open(self.bed.path(LOG)).unwrap().set_len(0).unwrap();
                if what == What::CopyTruncatePack {
                    self.bed.gzip(&name);
                }
            }
            What::Pack => {
                let name = format!("{LOG}.1");
                if self.bed.path(&name).exists() {
                    self.bed.gzip(&name);
                }
            }
            What::EditBesideCopy => {
                fs::copy(self.bed.path(LOG), self.bed.path("logs/access.log.bak")).unwrap();
                fs::write(self.bed.path(LOG), without_first(&text(self))).unwrap();
            }
            What::EditAnew => {
                let left = without_first(&text(self));
                self.bed.rename(LOG, "logs/access.log.bak");
                fs::write(self.bed.path("logs/sedXXXX"), left).unwrap();
                self.bed.rename("logs/sedXXXX", LOG);
            }
        }
    }

    /// What was counted more or less than once.
    pub(super) fn wrong(&self) -> Vec<(String, u64)> {
        let line = |n: u64| format!("a line as a web server writes it {n}");
        let counted = |n: u64| (line(n), self.seen.lines.get(&line(n)).copied().unwrap_or(0));
        (0..self.lines).map(counted).filter(|(_, n)| *n != 1).collect()
    }

    #[track_caller]
    fn each_once(&mut self, case: &str) {
        self.read();
        let wrong = self.wrong();
        assert!(
            wrong.is_empty(),
            "{case}: {} of {}: {:?}",
            wrong.len(),
            self.lines,
            &wrong[..wrong.len().min(5)]
        );
    }
}

fn without_first(text: &str) -> String {
    text.split_inclusive('\n').skip(3).collect()
}

/// What may be done to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Rename,
    RenamePack,
    /// The web server has not made a new one yet.
    RenameAlone,
    CopyTruncate,
    CopyTruncatePack,
    /// logrotate's delaycompress.
    Pack,
    /// `cp -a log log.bak`, and lines removed in place.
    EditBesideCopy,
    /// `sed -i.bak 1,3d`.
    EditAnew,
}

const ALL: [What; 8] = [
    What::Rename,
    What::RenamePack,
    What::RenameAlone,
    What::CopyTruncate,
    What::CopyTruncatePack,
    What::Pack,
    What::EditBesideCopy,
    What::EditAnew,
];

/// Two sources, the rotation, whether the daemon is down meanwhile, and which of them looks first.
fn cases() -> Vec<(Shared, [&'static str; 2], What, bool, String)> {
    let mut cases = Vec::new();
    for (other, link) in WAYS {
        for what in ALL {
            for is_down in [true, false] {
                for sections in [[LOG, other], [other, LOG]] {
                    let shared = Shared::new(&[]);
                    shared.link(link.0, link.1);
                    let case = format!("{sections:?}, {what:?}, down: {is_down}");
                    cases.push((shared, sections, what, is_down, case));
                }
            }
        }
    }
    cases
}

impl Shared {
    /// Something happens, while the daemon is down, or to the running one before it is started anew.
    fn happen_and_restart(&mut self, what: What, is_down: bool, sections: &[&str]) {
        if is_down {
            self.commit();
            self.followers.clear();
        }
        self.happen(what);
        self.write(5);
        if !is_down {
            self.read();
            self.commit();
        }
        self.begin(sections);
        self.read();
    }
}

#[test]
fn log_of_two_sources_is_counted_once() {
    for (mut shared, sections, what, is_down, case) in cases() {
        shared.write(20);
        shared.begin(&sections);
        shared.read();
        for turned in [false, true] {
            let [one, other] = sections;
            let now = if turned { [other, one] } else { [one, other] };
            shared.happen_and_restart(what, is_down, &now);
            shared.write(5);
            shared.each_once(&case);
        }
        // A kill, and rotations of the running one.
        shared.restart(&sections);
        shared.read();
        shared.happen(what);
        shared.write(5);
        shared.each_once(&case);
    }
}

#[test]
fn source_that_is_added_for_a_log_that_another_reads_counts_nothing_twice() {
    for (mut shared, sections, what, is_down, case) in cases() {
        for first in sections {
            shared.write(20);
            shared.restart(&[first]);
            shared.read();
            shared.happen_and_restart(what, is_down, &sections);
            shared.each_once(&case);
            shared.happen_and_restart(what, is_down, &sections);
            shared.each_once(&case);
        }
    }
}

#[test]
fn source_goes_on_where_one_was_whose_section_was_removed() {
    for (mut shared, sections, what, is_down, case) in cases() {
        for both in [true, false] {
            shared.write(20);
            if both {
                shared.restart(&sections);
                shared.read();
            }
            for left in [sections[0], sections[1], sections[0]] {
                shared.happen_and_restart(what, is_down, &[left]);
                shared.each_once(&case);
                shared.write(5);
                shared.happen_and_restart(what, is_down, &[left]);
                shared.each_once(&case);
            }
        }
    }
}

/// The link leads to another file from then on, and back. What either has is counted.
#[test]
fn log_whose_link_is_switched_away_is_counted_once() {
    for (mut shared, sections, what, is_down, case) in cases() {
        let Some(link) = sections.into_iter().find(|&section| section == "link.log") else { continue };
        for (first, switched_first) in [(LOG, true), (link, true), (LOG, false), (link, false)] {
            let case = format!("{case}, first: {first}, switched first: {switched_first}");
            shared.link(link, LOG);
            shared.write(20);
            shared.restart(&[first]);
            shared.read();
            shared.restart(&sections);
            shared.read();
            if is_down {
                shared.commit();
                shared.followers.clear();
            }
            shared.bed.append("other.txt", "");
            if switched_first {
                shared.link(link, "other.txt");
            }
            shared.happen(what);
            shared.write(5);
            if !switched_first {
                shared.link(link, "other.txt");
            }
            shared.write_to("other.txt", 5);
            if !is_down {
                shared.each_once(&case);
                shared.commit();
            }
            shared.begin(&sections);
            shared.each_once(&case);
            shared.happen_and_restart(what, is_down, &sections);
            shared.write_to("other.txt", 5);
            shared.each_once(&case);
        }
    }
}

/// What may happen to a log of three sources, one of which is a link that may lead elsewhere.
#[derive(Clone, Copy, Debug)]
enum Happens {
    Write(u8),
    /// Into the file to which the link leads at times.
    WriteOther(u8),
    Read,
    ReadSome,
    Commit,
    /// kill -9.
    Kill {
        turned: bool,
    },
    /// A stop; what follows happens while the daemon is down.
    Stop,
    /// A start with these of the sections.
    Start {
        sections: u8,
        turned: bool,
    },
    Done(What),
    /// The link leads elsewhere, or back.
    Switch,
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        6 => (1u8..20).prop_map(Happens::Write),
        2 => (1u8..20).prop_map(Happens::WriteOther),
        4 => Just(Happens::Read),
        2 => Just(Happens::ReadSome),
        2 => Just(Happens::Commit),
        1 => any::<bool>().prop_map(|turned| Happens::Kill { turned }),
        2 => Just(Happens::Stop),
        3 => (1u8..8, any::<bool>()).prop_map(|(sections, turned)| Happens::Start { sections, turned }),
        5 => prop::sample::select(ALL.to_vec()).prop_map(Happens::Done),
        2 => Just(Happens::Switch),
    ]
}

struct Model {
    shared: Shared,
    /// Where the link leads.
    is_away: bool,
    /// It has led there.
    was_away: bool,
}

const OTHER: &str = "other.txt";
const LINK: &str = "link.log";
const SECTIONS: [&str; 3] = [LOG, LINK, "current/access.log"];

impl Model {
    fn start(&mut self, sections: u8, turned: bool) {
        let chosen = SECTIONS.into_iter().enumerate().filter(|(at, _)| sections & 1 << at != 0);
        let mut chosen: Vec<&str> = chosen.map(|(_, section)| section).collect();
        if turned {
            chosen.reverse();
        }
        self.shared.restart(&chosen);
    }

    /// Whether a source leads to the log. What happens to it otherwise belongs to no source.
    fn is_followed(&self) -> bool {
        self.shared.sections.iter().any(|section| section != LINK || !self.is_away)
    }

    fn happen(&mut self, what: Happens) {
        let is_up = !self.shared.followers.is_empty();
        match what {
            Happens::Write(lines) if self.is_followed() => self.shared.write(lines.into()),
            Happens::WriteOther(lines) if self.was_away => self.shared.write_to(OTHER, lines.into()),
            Happens::Read => self.shared.read(),
            Happens::ReadSome => drop(self.shared.step(5)),
            Happens::Commit => self.shared.commit(),
            Happens::Kill { turned } if is_up => {
                let sections = self.shared.sections.clone();
                let mut sections: Vec<&str> = sections.iter().map(String::as_str).collect();
                if turned {
                    sections.reverse();
                }
                self.shared.begin(&sections);
            }
            Happens::Stop => {
                self.shared.commit();
                self.shared.told += self.shared.lost();
                self.shared.followers.clear();
            }
            Happens::Start { sections, turned } => self.start(sections, turned),
            Happens::Done(what @ (What::EditAnew | What::EditBesideCopy)) => {
                // What is removed was counted, and the last lines that were counted are left.
                let lines = fs::read_to_string(self.shared.bed.path(LOG)).unwrap_or_default().lines().count();
                if is_up && self.is_followed() && lines > 10 {
                    self.shared.read();
                    self.shared.commit();
                    self.shared.happen(what);
                }
            }
            Happens::Done(what) if self.is_followed() => self.shared.happen(what),
            Happens::Switch if is_up && self.shared.sections.iter().any(|section| section == LINK) => {
                self.shared.look();
                self.is_away = !self.is_away;
                self.shared.bed.append(OTHER, "");
                self.shared.link(LINK, if self.is_away { OTHER } else { LOG });
                // One that leads on unseen is told, not counted.
                self.shared.look();
                self.shared.commit();
                self.was_away |= self.is_away;
            }
            _ => {}
        }
    }
}

fn survives(what: Vec<Happens>) -> Result<(), TestCaseError> {
    let shared = Shared::new(&[]);
    shared.link(LINK, LOG);
    shared.link("current", "logs");
    shared.bed.append(LOG, "");
    let mut model = Model { shared, is_away: false, was_away: false };
    model.start(1, false);
    for what in what {
        model.happen(what);
    }
    for turned in [true, false, true] {
        model.start(7, turned);
        model.shared.read();
    }
    let wrong = model.shared.wrong();
    prop_assert!(
        wrong.is_empty(),
        "{} of {}: {:?}",
        wrong.len(),
        model.shared.lines,
        &wrong[..wrong.len().min(5)]
    );
    Ok(())
}

proptest! {
    #![proptest_config(histories(200))]

    #[test]
    fn any_history_of_a_log_of_several_sources_counts_what_was_written(
        what in prop::collection::vec(happens(), 1..40),
    ) {
        survives(what)?;
    }
}
