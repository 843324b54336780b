//! `import badge`: the number of an old badge counts once, however often it is imported, over both stores.

use crate::common::{Kind, Place, stop};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tallymark_testbed::{FakeWeb, WebReply};

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
    assert_eq!(base(&["--reason", "moved"]).code, Some(2), "it is no correction");
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
    place.run(&["import", "badge", "/no/such/file", "--name", "x"]).refused(1, &["/no/such/file"]);
}
