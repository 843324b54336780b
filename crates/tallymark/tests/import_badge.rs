//! `import badge`: the number of an old badge counts once, however often it is imported, over both stores.

use crate::common::{Kind, Place, stop};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tallymark_testbed::{FakeWeb, WebReply, http};

const SVG: &str = "image/svg+xml";

fn svg(text: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" aria-label=\"hits: {text}\"><title>hits: {text}</title></svg>"
    )
}

fn the_same_number_counts_once(kind: &Kind) {
    let mut place = kind.place();
    place.configure("");
    let file = place.dir().join("old.svg");
    let path = file.display().to_string();
    std::fs::write(&file, svg("1,234")).unwrap();
    let import = |place: &Place, more: &[&str]| {
        place.run(&[&["import", "badge", &path, "--name", "o/r", "--json"], more].concat())
    };
    let dry = import(&place, &["--dry-run"]).json();
    assert_eq!((&dry["added"], &dry["dry_run"]), (&1234.into(), &true.into()), "{dry}");
    let first = import(&place, &["--date", "2020-02-29"]).json();
    assert_eq!(
        (&first["number"], &first["before"], &first["added"]),
        (&1234.into(), &0.into(), &1234.into())
    );
    assert_eq!(import(&place, &[]).json()["added"], 0);
    assert_eq!(place.total("o/r"), 1234);

    // A daemon may run, and the old counter may have counted meanwhile.
    let mut daemon = place.serve();
    assert_eq!(place.hit("o/r"), 1235);
    std::fs::write(&file, svg("2 / 1 240")).unwrap();
    let next = import(&place, &[]).json();
    assert_eq!((&next["before"], &next["added"]), (&1234.into(), &6.into()), "{next}");
    assert_eq!(import(&place, &[]).json()["added"], 0);
    stop(&mut daemon);
    assert_eq!(place.total("o/r"), 1241);
    let shown = place.run(&["show", "o/r", "--days", "3660", "--json"]).json();
    let days = shown["days"].as_array().unwrap();
    let old = days.iter().find(|day| day["date"] == "2020-02-29").unwrap();
    assert_eq!((&old["count"], &shown["today"]), (&1234.into(), &1.into()), "{shown}");

    // The number itself, in both ways.
    let base = |more: &[&str]| place.run(&[&["set", "o/r", "1242", "--base", "--json"], more].concat());
    assert_eq!(base(&["--dry-run"]).json()["added"], 2);
    assert_eq!((&base(&[]).json()["added"], &base(&[]).json()["added"]), (&2.into(), &0.into()));
    let same = place.run(&["import", "badge", "1242", "--name", "o/r", "--json"]).json();
    assert_eq!((&same["number"], &same["added"]), (&1242.into(), &0.into()));
    assert_eq!(place.total("o/r"), 1243);

    // As much as the sum over all names has room for.
    place
        .run(&["set", "o/r", "1000000000000001", "--base"])
        .refused(1, &["1,000,000,000,000", "nothing was counted"]);

    // Less is a mistake, and another name or event is another number.
    std::fs::write(&file, svg("12")).unwrap();
    import(&place, &[])
        .refused(1, &["12 is less than the 1,242 that came from an old badge before: nothing was counted"]);
    let liked = place.run(&["import", "badge", &path, "--name", "o/r", "--event", "like"]).good();
    assert!(liked.starts_with("o/r: counted 12 likes on "), "{liked}");
    assert_eq!(place.total("o/r"), 1243);
}

#[test]
fn the_same_number_counts_once_in_both_stores() {
    for kind in Kind::both() {
        the_same_number_counts_once(&kind);
    }
}

/// Badges of this program that show another number than the total.
#[test]
fn a_part_and_another_event_are_refused_with_what_to_ask_for() {
    let place = Place::new();
    let mut daemon = place.serve();
    assert_eq!(place.hit("o/r"), 1);
    let old = format!("http://{}", place.addr());
    let import = |from: &str| place.run(&["import", "badge", from, "--name", "o/r"]);
    for (path, says) in [
        ("/badge/o/r.svg?period=30d", "period=30d is a part of the total: leave it out"),
        ("/badge/o/r.svg?show=visits&count=false", "show=visits does not show the total of hits"),
        ("/graph/o/r.svg", "address of a chart: the badge of the total is at /badge/NAME.svg"),
    ] {
        import(&format!("{old}{path}")).refused(2, &[says, "nothing was counted"]);
    }
    let file = place.dir().join("old.svg");
    for (path, says) in [
        ("/badge/o/r.svg?period=30d&count=false", "hits in 30d: 1"),
        ("/badge/o/r.svg?show=visits&count=false", "and hits are asked for: add --event visit"),
        ("/graph/o/r.svg", "it is a chart, whose numbers are no total"),
    ] {
        std::fs::write(&file, http::get(place.addr(), path).text()).unwrap();
        import(&file.display().to_string()).refused(1, &[says]);
    }
    stop(&mut daemon);
    assert_eq!(place.total("o/r"), 1);
}

/// As any other correction: in the log, with who and why, and `undo` takes it back.
fn a_base_is_taken_back(kind: &Kind) {
    let mut place = kind.place();
    place.configure("");
    place.run(&["set", "a/b", "5", "--base"]).good();
    place.run(&["set", "a/b", "7"]).good();
    // Mistyped: a zero too many.
    let said = place.run(&["set", "o/r", "20000", "--base", "--reason", "moved"]).good();
    let id = said.rsplit(' ').next().unwrap().trim().to_owned();
    assert!(said.starts_with("o/r: counted 20,000 hits on ") && said.contains("to take it back"), "{said}");
    let less = place.run(&["set", "o/r", "2000", "--base"]);
    less.refused(
        1,
        &["2,000 is less than the 20,000", "nothing was counted", &format!("`tallymark undo {id}`")],
    );
    let log = place.run(&["corrections", "--json"]).json();
    let record = &log[0]["parts"][0];
    assert_eq!((&record["action"], &record["reason"]), (&"base".into(), &"moved".into()), "{log}");
    let listed = place.run(&["corrections"]).good();
    assert!(listed.contains("base o/r 20000") && listed.contains("o/r: 20,000 hits, new"), "{listed}");

    let planned = place.run(&["undo", "--dry-run"]).good();
    assert_eq!(planned, "o/r: gone\nnothing was written\n".replace("gone", "gone, before 20,000 hits"));
    assert_eq!(place.total("o/r"), 20_000);
    let mut daemon = place.serve();
    assert_eq!(place.hit("o/r"), 20_001);
    tallymark_testbed::wait_until("the hit is in the store", crate::common::PATIENCE, || {
        place.total("o/r") == 20_001
    });
    // The last one, and no other name's.
    assert_eq!(place.run(&["undo"]).good(), "o/r: 1 hit, before 20,001\n");
    assert_eq!(place.total("a/b"), 7);
    place.run(&["undo", &id]).refused(1, &["was undone already"]);
    let again = place.run(&["set", "o/r", "2000", "--base", "--json"]).json();
    assert_eq!((&again["before"], &again["added"], &again["total"]), (&0.into(), &2000.into(), &2001.into()));
    // Of two, either may be taken back, and what the other has brought is still known.
    let second = place.run(&["set", "o/r", "2500", "--base", "--json"]).json();
    assert_eq!(second["added"], 500);
    place.run(&["undo", again["id"].as_str().unwrap()]).good();
    assert_eq!(place.total("o/r"), 501);
    let third = place.run(&["set", "o/r", "600", "--base", "--json"]).json();
    assert_eq!((&third["before"], &third["added"]), (&500.into(), &100.into()));
    stop(&mut daemon);
    assert_eq!(place.total("o/r"), 601);

    // What was brought is known, and what has become of it is said.
    place.run(&["set", "o/r", "3"]).good();
    let none = place.run(&["set", "o/r", "600", "--base"]).good();
    assert!(none.contains("600 from the old badge were counted before") && none.contains("only 3"), "{none}");
}

/// Corrections move and remove what is known of old badges, as they do with the counts.
fn the_memory_of_old_badges_follows_the_counts(kind: &Kind) {
    let mut place = kind.place();
    place.configure("");
    let base = |name: &str, number: &str| place.run(&["set", name, number, "--base"]);
    let last = || place.run(&["corrections", "--json"]).json()[0]["id"].as_str().unwrap()[..8].to_owned();
    base("be/a", "1000").good();
    let first = last();
    place.run(&["rename", "be/a", "be/b"]).good();
    let rename = last();
    assert!(base("be/b", "1000").good().contains("nothing to add"));
    assert_eq!(place.total("be/b"), 1000);
    base("be/b", "900").refused(1, &["less than the 1,000", "`tallymark add be/b -100`"]);
    place
        .run(&["undo", &first])
        .refused(1, &["removed them since", &format!("first: `tallymark undo {rename}`")]);
    place.run(&["undo", &rename]).good();
    assert!(base("be/a", "1000").good().contains("nothing to add"));
    assert_eq!((place.total("be/a"), place.total("be/b")), (1000, 0));

    base("bf/a", "1000").good();
    base("bf/b", "500").good();
    place.run(&["merge", "bf/a", "bf/b"]).good();
    assert!(base("bf/b", "1500").good().contains("nothing to add"));
    base("bf/b", "1000").refused(1, &["less than the 1,500", "`tallymark add bf/b -500`"]);
    assert_eq!(place.total("bf/b"), 1500);
    place.run(&["undo"]).good();
    assert!(base("bf/b", "500").good().contains("nothing to add"));

    for gone in [["delete", "ca/a"], ["reset", "ca/a"]] {
        base("ca/a", "1000").good();
        place.run(&gone).good();
        assert!(base("ca/a", "900").good().starts_with("ca/a: counted 900 hits on "));
        place.run(&["delete", "ca/a"]).good();
    }
    base("ca/b", "1000").good();
    let first = last();
    place.run(&["set", "ca/b", "10"]).good();
    let lower = last();
    let both = format!("`tallymark undo {lower}` and then `tallymark undo {first}` takes back");
    base("ca/b", "900").refused(1, &["less than the 1,000", &both]);
    place.run(&["undo", &lower]).good();
    place.run(&["undo", &first]).good();
    assert!(base("ca/b", "900").good().starts_with("ca/b: counted 900 hits on "));
}

#[test]
fn the_memory_of_old_badges_follows_the_counts_in_both_stores() {
    for kind in Kind::both() {
        the_memory_of_old_badges_follows_the_counts(&kind);
    }
}

#[test]
fn a_base_is_taken_back_in_both_stores() {
    for kind in Kind::both() {
        a_base_is_taken_back(&kind);
    }
}

#[test]
fn a_number_that_is_not_written_as_one_says_how() {
    let mut place = Place::new();
    place.configure("");
    for (from, says) in [
        ("1,234", "write the number in digits alone: `tallymark import badge 1234 --name 'a b'`"),
        ("1 234", "tallymark import badge 1234 --name"),
        ("12k", "12k is shortened: write the whole number"),
        ("1.2M", "1.2M is shortened: write the whole number"),
    ] {
        place.run(&["import", "badge", from, "--name", "a b"]).refused(2, &[says]);
    }
    let (dir, empty) = (place.dir().join("a-directory"), place.dir().join("empty.svg"));
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(&empty, " \n").unwrap();
    let pixels = place.dir().join("old.png");
    std::fs::write(&pixels, b"\x89PNG\r\n\x1a\n\xff").unwrap();
    for (from, code, says) in [
        ("", 2, "the first argument is empty: give the address"),
        (" ", 2, "the first argument is empty"),
        ("https://", 2, "https:// is not an address: empty host"),
        ("HTTP://:80/x.svg", 2, "is not an address: empty host"),
        ("https://a b/x.svg", 2, "is not an address"),
        ("ftp://h/x.svg", 2, "only addresses that begin with"),
        (dir.to_str().unwrap(), 1, "it is a directory: name a file in it"),
        (empty.to_str().unwrap(), 1, "the file is empty"),
        (pixels.to_str().unwrap(), 1, "it is not text"),
        ("99999999999999999999999", 1, "99999999999999999999999 is more than 1,000,000,000,000,000"),
    ] {
        place.run(&["import", "badge", from, "--name", "x"]).refused(code, &[says]);
    }
    place.run(&["import", "badge", ""]).refused(2, &["the first argument is empty"]);
    place
        .run(&["import", "badge", "old-badge2.svg", "--name", "x"])
        .refused(1, &["old-badge2.svg", "there is no such file"]);
    let none = place.run(&["import", "badge", "0", "--name", "x"]).good();
    assert!(none.contains("nothing to add: the number of the old badge is 0"), "{none}");
    assert_eq!(
        place.run(&["import", "badge", "007", "--name", "x", "--dry-run", "--json"]).json()["number"],
        7
    );
    let failed = place.dir().join("failed.svg");
    std::fs::write(&failed, "<svg><text>quota 1000 exceeded</text></svg>").unwrap();
    let failed = place.run(&["import", "badge", failed.to_str().unwrap(), "--name", "o/r"]);
    failed.refused(1, &["an error message", "`tallymark import badge 1234 --name o/r`"]);
    // Moe-Counter's digits are pictures.
    let file = place.dir().join("moe.svg");
    std::fs::write(&file, r#"<svg xmlns="http://www.w3.org/2000/svg"><title>Moe Counter!</title></svg>"#)
        .unwrap();
    let moe = place.run(&["import", "badge", file.to_str().unwrap(), "--name", "o/r"]);
    moe.refused(1, &["there is no number in it", "`tallymark import badge 1234 --name o/r`"]);
}

#[test]
fn an_address_is_fetched_and_names_its_counter_s_name() {
    let number = Arc::new(AtomicU64::new(7));
    let shown = number.clone();
    let private = FakeWeb::start(|_| WebReply::of(SVG, svg("5")));
    let hidden = format!("{}/x.svg", private.url());
    let server = FakeWeb::start(move |request| match request.target.split('?').next().unwrap() {
        "/ghpvc/" => WebReply::of(SVG, svg(&shown.fetch_add(1, Ordering::SeqCst).to_string())),
        "/o/r.json" => {
            WebReply::of("application/json", r#"{"schemaVersion":1,"label":"hits","message":"99"}"#)
        }
        "/short.svg" => WebReply::of(SVG, svg("12k")),
        "/large.svg" => WebReply::of(SVG, vec![b' '; 300 * 1024]),
        "/private.svg" => WebReply::redirect(&hidden),
        "/moved.svg" => WebReply::redirect("/ghpvc/"),
        _ => WebReply::status(404, "text/html", "<html>nothing 404 here</html>"),
    });
    let mut place = Place::new();
    place.configure("");
    let url = |path: &str| format!("{}{path}", server.url());
    let named = url("/ghpvc/?username=Octocat");
    let said = place.run(&["import", "badge", &named]).good();
    assert!(said.starts_with("octocat: counted 7 hits on "), "{said}");
    assert_eq!(place.total("octocat"), 7);
    let said = place.run(&["import", "badge", &url("/moved.svg"), "--name", "octocat"]).good();
    assert!(said.starts_with("octocat: counted 1 hit on "), "{said}");
    let said = place.run(&["import", "badge", &url("/o/r.json"), "--name", "o/r"]).good();
    assert!(said.starts_with("o/r: counted 99 hits on "), "{said}");
    for (path, says) in [
        ("/short.svg", "it shows 12k, which is shortened"),
        ("/large.svg", "nothing was counted"),
        ("/none.svg", "the answer is 404"),
        // The operator wrote the first address, and not where it leads.
        ("/private.svg", "not a public address"),
    ] {
        place.run(&["import", "badge", &url(path), "--name", "x"]).refused(1, &[says]);
    }
    assert_eq!((place.total("x"), private.requests().len()), (0, 0));
    place.run(&["import", "badge", &url("/x.svg")]).refused(2, &["--name"]);
    // Its own badge would count its own hits again; an old counter that had its address does not.
    place.configure(&format!("[http]\nbase-url = \"http://{}\"\n", place.addr()));
    let mut daemon = place.serve();
    for path in ["/badge/octocat.svg", "/badge/octocat.svg?style=flat", "/badge/octocat.json"] {
        let own = format!("http://{}{path}", place.addr());
        place.run(&["import", "badge", &own]).refused(1, &["is drawn by this Tallymark", "give the number"]);
    }
    stop(&mut daemon);
    assert_eq!(place.total("octocat"), 8, "nothing was counted");
    place.configure(&format!("[http]\nbase-url = \"{}\"\n", server.url()));
    place.run(&["import", "badge", &url("/o/r.json"), "--name", "kept"]).good();
    place.run(&["import", "badge", "/no/such/file", "--name", "x"]).refused(1, &["/no/such/file"]);
}
