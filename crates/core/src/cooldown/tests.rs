use super::*;
use crate::Now;
use proptest::prelude::*;
use std::{collections::HashMap, net::IpAddr};

const KEY: [u8; 16] = *b"0123456789abcdef";
/// 2026-11-20T12:00:00Z.
const NOON: i64 = 1_795_176_000_000;

fn cooldowns() -> Cooldowns {
    Cooldowns::new(KEY, VisitRules::default())
}

fn ask(table: &mut Cooldowns, name: &str, address: &str, user_agent: &str, ms: i64) -> Visiting {
    let visitor = Visitor::new(address.parse().unwrap(), user_agent.as_bytes(), Now { unix_ms: NOON + ms });
    table.ask(Event::VISIT, NameRef::new(name.as_bytes()).unwrap(), &visitor, false)
}

use Visiting::{Collapsed, Cooled, Counts, Shown};

#[test]
fn cooldown_is_per_name_event_and_visitor_and_does_not_slide() {
    let mut table = cooldowns();
    for (ms, name, address, is) in [
        (0, "a", "192.0.2.1", Counts),
        (0, "a", "192.0.2.1", Cooled),
        (1, "a", "192.0.2.2", Counts),
        (2, "b", "192.0.2.1", Counts),
        (3, "a", "::ffff:192.0.2.1", Cooled),
        (29_999, "a", "192.0.2.1", Cooled),
        (30_000, "a", "192.0.2.1", Counts),
        (30_001, "a", "192.0.2.2", Counts),
        (30_001, "b", "192.0.2.1", Cooled),
        (59_999, "a", "192.0.2.1", Cooled),
        (59_999, "a", "2001:db8::1", Counts),
        (60_000, "a", "2001:db8::2", Cooled),
        (60_000, "a", "2001:db8:0:1::2", Counts),
    ] {
        assert_eq!(ask(&mut table, name, address, "curl/8", ms), is, "{name} {address} at {ms}");
    }
    let like = Visitor::new([192, 0, 2, 1].into(), b"", Now { unix_ms: NOON + 30_001 });
    let name = NameRef::new(b"a").unwrap();
    assert_eq!(table.ask(Event::LIKE, name, &like, false), Counts);
    assert_eq!(table.ask(Event::VISIT, name, &like, false), Cooled);
}

#[test]
fn camo_has_no_cooldown_and_is_collapsed_per_name_whatever_its_address() {
    let mut table = cooldowns();
    let camo = "github-camo (876de43e)";
    for (ms, name, address, user_agent, is) in [
        (0, "a", "140.82.115.7", camo, Shown),
        (10, "a", "140.82.115.8", camo, Collapsed),
        (10, "b", "140.82.115.8", camo, Shown),
        (999, "a", "192.30.252.9", camo, Collapsed),
        (1000, "a", "192.30.252.9", camo, Shown),
        // Who only says so is a visitor like others.
        (1001, "a", "192.0.2.1", camo, Counts),
        (3000, "a", "192.0.2.1", camo, Cooled),
        (3000, "a", "192.0.2.1", "curl/8", Cooled),
        // So is any other client from there.
        (3000, "a", "140.82.115.7", "curl/8", Counts),
        (5000, "a", "140.82.115.7", "curl/8", Cooled),
        (5000, "a", "140.82.115.7", camo, Shown),
    ] {
        assert_eq!(ask(&mut table, name, address, user_agent, ms), is, "{name} {address} at {ms}");
    }
}

#[test]
fn clock_that_was_set_back_cools_nobody_longer_than_once() {
    let mut table = cooldowns();
    assert_eq!(ask(&mut table, "a", "192.0.2.1", "", 3_600_000), Counts);
    // An hour back: the visit of then says nothing of now.
    assert_eq!(ask(&mut table, "a", "192.0.2.1", "", 0), Counts);
    assert_eq!(ask(&mut table, "a", "192.0.2.1", "", 20_000), Cooled);
    // Ten seconds back: cooled from the earlier time on.
    assert_eq!(ask(&mut table, "a", "192.0.2.1", "", -9_000), Cooled);
    assert_eq!(ask(&mut table, "a", "192.0.2.1", "", 20_999), Cooled);
    assert_eq!(ask(&mut table, "a", "192.0.2.1", "", 21_000), Counts);
    // The ends of time.
    for ms in [i64::MIN, i64::MAX - NOON] {
        assert_eq!(ask(&mut table, "a", "192.0.2.1", "", ms), Counts);
    }
}

#[test]
fn nothing_cools_where_the_cooldown_is_zero() {
    let rules = VisitRules { cooldown: Duration::ZERO, collapse: Duration::ZERO, ..VisitRules::default() };
    let mut table = Cooldowns::new(KEY, rules);
    for (user_agent, is) in [("curl/8", Counts), ("github-camo", Shown)] {
        assert_eq!(ask(&mut table, "a", "140.82.115.7", user_agent, 0), is);
        assert_eq!(ask(&mut table, "a", "140.82.115.7", user_agent, 0), is);
    }
    table.follow(VisitRules::default());
    assert_eq!(ask(&mut table, "a", "140.82.115.7", "", 0), Counts);
    assert_eq!(ask(&mut table, "a", "140.82.115.7", "", 0), Cooled);
}

#[test]
fn full_table_forgets_what_has_expired_and_then_the_oldest() {
    let address = |n: i64| format!("192.0.2.{n}");
    let mut table = Cooldowns::holding(KEY, VisitRules::default(), 3);
    for n in 0..3 {
        assert_eq!(ask(&mut table, "a", &address(n), "", n * 1000), Counts);
    }
    // The first has expired: no visitor is forgotten too early.
    assert_eq!(ask(&mut table, "a", &address(3), "", 30_500), Counts);
    assert_eq!(table.forgotten(), 0);
    // None has: the oldest, the second, goes.
    assert_eq!(ask(&mut table, "a", &address(4), "", 30_600), Counts);
    assert_eq!(table.forgotten(), 1);
    assert_eq!(ask(&mut table, "a", &address(2), "", 30_700), Cooled);
    assert_eq!(ask(&mut table, "a", &address(3), "", 30_700), Cooled);
    // The clock is set back by an hour: what lies ahead goes first, and those of now are kept.
    for n in 5..8 {
        assert_eq!(ask(&mut table, "a", &address(n), "", n - 3_600_000), Counts);
    }
    assert_eq!(table.forgotten(), 1);
    for n in 5..8 {
        assert_eq!(ask(&mut table, "a", &address(n), "", n - 3_590_000), Cooled);
    }
    assert_eq!(table.visitors.live(NOON - 3_600_000, Duration::from_secs(30)).count(), 3);
}

/// The simple model: everything is remembered, by what it is.
#[derive(Default)]
struct Model(HashMap<(bool, String, Option<IpAddr>), i64>);

impl Model {
    fn ask(&mut self, name: &str, address: IpAddr, says_camo: bool, at: i64) -> Visiting {
        let is_camo = says_camo && address.to_string().starts_with("140.82.11");
        let window = if is_camo { 1000 } else { 30_000 };
        let key = (is_camo, name.to_owned(), (!is_camo).then_some(address));
        match self.0.get_mut(&key) {
            Some(time) if (at - *time).abs() < window => {
                *time = at.min(*time);
                if is_camo { Collapsed } else { Cooled }
            }
            _ => {
                self.0.insert(key, at);
                if is_camo { Shown } else { Counts }
            }
        }
    }
}

fn request() -> impl Strategy<Value = (usize, usize, bool, i64)> {
    // Mostly forwards, now and then a clock that is set.
    let step = prop_oneof![
        8 => 0i64..2_000, 4 => 0i64..40_000, 1 => -60_000i64..60_000, 1 => Just(-3_600_000i64)
    ];
    (0usize..3, 0usize..4, any::<bool>(), step)
}

const ADDRESSES: [&str; 4] = ["192.0.2.1", "192.0.2.2", "140.82.115.7", "140.82.114.1"];

proptest! {
    #[test]
    fn table_with_room_is_the_model_also_over_restarts(
        requests in prop::collection::vec((request(), 0u8..20), 1..300),
    ) {
        let (mut table, mut model, mut at) = (cooldowns(), Model::default(), 0);
        for ((name, address, says_camo, step), restart) in requests {
            at += step;
            if restart == 0 {
                let bytes = table.to_bytes(NOON + at);
                let again = bytes.map(|bytes| Cooldowns::from_bytes(&bytes, VisitRules::default()).unwrap());
                table = again.unwrap_or_else(cooldowns);
                // What is out of its window then is gone.
                let window = |camo: bool| if camo { 1000 } else { 30_000 };
                model.0.retain(|(camo, ..), time| (at - *time).abs() < window(*camo));
            }
            let (name, address) = (["a", "b", "c/d"][name], ADDRESSES[address]);
            let user_agent = if says_camo { "github-camo (1)" } else { "curl/8" };
            let is = ask(&mut table, name, address, user_agent, at);
            prop_assert_eq!(is, model.ask(name, address.parse().unwrap(), says_camo, at));
        }
        prop_assert_eq!(table.forgotten(), 0);
    }

    /// However small the table: it stays within its bound, it never rejects a visit that the model counts, and every
    /// visit that counts too often is one that was reported as forgotten.
    #[test]
    fn small_table_only_ever_counts_too_much_and_says_so(
        limit in 1usize..4, requests in prop::collection::vec((0usize..6, 0i64..20_000), 1..200),
    ) {
        let mut table = Cooldowns::holding(KEY, VisitRules::default(), limit);
        let (mut counted, mut at, mut too_much) = (HashMap::new(), 0, 0);
        for (who, step) in requests {
            at += step;
            let is = ask(&mut table, "a", &format!("192.0.2.{who}"), "", at);
            let before = counted.get(&who).copied();
            let cooled = before.is_some_and(|before| at - before < 30_000);
            if is == Counts {
                too_much += u64::from(cooled);
                counted.insert(who, at);
            } else {
                prop_assert!(cooled);
            }
            prop_assert!(table.visitors.live(NOON + at, Duration::MAX).count() <= limit);
        }
        prop_assert!(too_much <= table.forgotten());
    }

    #[test]
    fn other_bytes_are_no_table(at in 0usize..200, bit in 0u8..8, cut in 0usize..200) {
        let mut table = cooldowns();
        for n in 0..5 {
            ask(&mut table, "a", &format!("192.0.2.{n}"), "", n);
        }
        ask(&mut table, "a", "140.82.115.7", "github-camo", 5);
        let bytes = table.to_bytes(NOON + 6).unwrap();
        prop_assert!(Cooldowns::from_bytes(&bytes, VisitRules::default()).is_ok());
        let mut other = bytes.clone();
        let at = at % other.len();
        other[at] ^= 1 << bit;
        prop_assert_eq!(Cooldowns::from_bytes(&other, VisitRules::default()).err(), Some(BadCooldowns));
        let cut = &bytes[..cut % bytes.len()];
        prop_assert_eq!(Cooldowns::from_bytes(cut, VisitRules::default()).err(), Some(BadCooldowns));
    }

    #[test]
    fn any_bytes_are_a_table_or_none(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let magic = [&b"TMCOOL1\n"[..], &bytes].concat();
        prop_assert!(Cooldowns::from_bytes(&magic, VisitRules::default()).is_err());
    }
}

#[test]
fn nothing_is_kept_of_who_has_cooled_down() {
    let mut table = cooldowns();
    assert_eq!(table.to_bytes(NOON), None);
    ask(&mut table, "a", "192.0.2.1", "", 0);
    assert_eq!(table.to_bytes(NOON + 29_999).map(|bytes| bytes.len()), Some(8 + 16 + 16 + 16 + 8));
    assert_eq!(table.to_bytes(NOON + 30_000), None);
}

#[test]
fn a_visitor_that_opts_out_cools_down_and_is_in_no_file() {
    let mut table = cooldowns();
    let mut ask = |at| {
        let visitor = Visitor::new([192, 0, 2, 1].into(), b"", Now { unix_ms: NOON + at });
        let visiting = table.ask(Event::VISIT, NameRef::new(b"a").unwrap(), &visitor, true);
        (visiting, table.to_bytes(NOON + at))
    };
    for (at, is) in [(0, Counts), (29_999, Cooled), (30_000, Counts)] {
        assert_eq!(ask(at), (is, None), "{at}");
    }
}
