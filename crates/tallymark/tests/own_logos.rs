//! Logos and digit themes of the operator's, from directories: drawn by name, read again on SIGHUP, and refused if they are none.

use crate::common::{PATIENCE, Place, run, run_with, stop};
use std::{fs, process::Command};
use tallymark_testbed::{http, wait_until};

const SVG: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 2 1\"><script>alert(1)</script>\
                   <path fill=\"red\" d=\"M0 0h2v1H0z\"/></svg>";

const SIZED: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"10\" height=\"20\"><script>alert(1)</script>\
                     <path d=\"M0 0h10v20H0z\"/></svg>";

#[test]
fn logos_of_a_directory_are_drawn_by_name() {
    let mut place = Place::new();
    place.configure("[badges]\nlogos = \"DIR/logos\"\n");
    let said = place.run(&["check-config", &place.config_path().display().to_string()]);
    assert_eq!(said.code, Some(78), "{said:?}");
    assert!(format!("{said:?}").contains("reading the logos of "), "{said:?}");
    let logos = place.dir().join("logos");
    fs::create_dir(&logos).expect("the test's own directory");
    fs::write(logos.join("Acme.svg"), SVG).expect("the test's own directory");
    for other in [".hidden", "README.md", "Thumbs.db", "LICENSE"] {
        fs::write(logos.join(other), "no logo").expect("the test's own directory");
    }

    let mut daemon = place.serve();
    let get = |query: &str| http::get(place.addr(), &format!("/badge/o/r.svg?count=false&{query}"));
    let drawn = get("logo=acme&logoSize=auto");
    assert_eq!(drawn.status, 200);
    assert!(
        drawn.text().contains("width=\"28\" height=\"14\" href=\"data:image/svg+xml;base64,"),
        "{}",
        drawn.text()
    );
    assert_eq!(get("logo=github").status, 200);
    assert_eq!(get("logo=other").status, 400);

    fs::write(logos.join("other.svg"), SVG).expect("the test's own directory");
    daemon.signal("HUP");
    wait_until("the new logo is there", PATIENCE, || get("logo=other").status == 200);
    // A broken one is refused, and those that were there stay.
    fs::write(logos.join("broken.svg"), "<svg").expect("the test's own directory");
    daemon.signal("HUP");
    wait_until("it is said", PATIENCE, || daemon.stderr().contains("broken.svg: the SVG cannot be read"));
    assert_eq!((get("logo=broken").status, get("logo=other").status), (400, 200));
    // So does each by itself, and the rest is reloaded.
    fs::write(logos.join("other.svg"), "<svg").expect("the test's own directory");
    fs::write(logos.join("third.svg"), SVG).expect("the test's own directory");
    daemon.signal("HUP");
    wait_until("the third is there", PATIENCE, || get("logo=third").status == 200);
    assert_eq!(get("logo=other").status, 200);
    stop(&mut daemon);
    let said = place.run(&["check-config", &place.config_path().display().to_string()]);
    assert_eq!(said.code, Some(78), "{said:?}");
    for file in ["broken.svg", "other.svg"] {
        assert!(said.stderr.contains(&format!("{file}: the SVG cannot be read")), "{said:?}");
    }
    // Beside a wrong variable too.
    let file = place.config_path().display().to_string();
    let said = run_with(&["check-config", &file], &[("PORT", "many")], b"");
    assert_eq!((said.code, said.stderr.lines().count()), (Some(78), 3), "{said:?}");
    for part in
        ["environment variable PORT: ", "line 2: ", "broken.svg: the SVG cannot", "other.svg: the SVG"]
    {
        assert!(said.stderr.contains(part), "{said:?}");
    }
    // A start says so, and only badges that ask for them do, too.
    let mut daemon = place.serve();
    assert!(daemon.stderr().contains("broken.svg: the SVG cannot be read"), "{}", daemon.stderr());
    assert_eq!((get("logo=third").status, get("logo=acme").status), (200, 200));
    let told = get("logo=Broken");
    assert_eq!(told.status, 400);
    assert!(told.text().contains("the file of this logo on the server is broken"), "{}", told.text());
    stop(&mut daemon);
}

#[test]
fn digit_themes_of_a_directory_are_drawn_and_count() {
    let mut place = Place::new();
    place.configure("[badges]\ndigits = \"DIR/digits\"\n[compat]\nmoe-counter = true\n");
    let theme = place.dir().join("digits/Neon");
    fs::create_dir_all(&theme).expect("the test's own directory");
    let digit = |digit: &str, content: &str| {
        fs::write(theme.join(digit), content).expect("the test's own directory");
    };
    (0..9).for_each(|one| digit(&format!("{one}.svg"), SIZED));
    digit("licence.txt", "ours");
    let check = || format!("{:?}", place.run(&["check-config", &place.config_path().display().to_string()]));
    assert!(check().contains("digits/Neon: it has no image called 9"), "{}", check());
    digit("9.svg", "<svg");
    assert!(check().contains("digits/Neon: 9.svg: the SVG cannot be read"), "{}", check());
    digit("9.svg", SIZED);

    let mut daemon = place.serve();
    for (at, target) in (1..).zip(["/badge/o%2Fr.svg?digits=neon&padding=3", "/@o%2Fr?theme=neon&padding=3"])
    {
        let drawn = http::get(place.addr(), target);
        assert_eq!(drawn.status, 200, "{target}");
        let svg = drawn.text();
        assert!(svg.contains(&format!("<title>hits: {at}</title>")), "{svg}");
        assert!(svg.contains("width=\"30\" height=\"20\"") && !svg.contains("script"), "{svg}");
    }
    digit("_end.svg", "<svg");
    daemon.signal("HUP");
    wait_until("it is said", PATIENCE, || daemon.stderr().contains("_end.svg: the SVG cannot be read"));
    assert_eq!(http::get(place.addr(), "/badge/o/r.svg?digits=neon&count=false").status, 200);
    stop(&mut daemon);
    assert_eq!(place.total("o/r"), 2);
    let mut daemon = place.serve();
    assert!(daemon.stderr().contains("digits/Neon: _end.svg: the SVG cannot be read"), "{}", daemon.stderr());
    for target in ["/badge/o/r.svg?digits=neon&count=false", "/@o%2Fr?theme=neon"] {
        let told = http::get(place.addr(), target);
        assert!(
            told.status == 400 && told.text().contains("an image of this theme on the server is broken"),
            "{target}"
        );
    }
    assert_eq!(http::get(place.addr(), "/badge/o/r.svg?digits=nixie&count=false").status, 200);
    stop(&mut daemon);
}

/// Opening a pipe waits for whoever writes to it.
#[test]
fn a_pipe_among_pictures_stops_nothing() {
    let place = Place::new();
    for name in ["logos/fifo.svg", "digits/own/0.svg", "template.svg", "geo.mmdb"] {
        let path = place.dir().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    }
    let dir = place.dir().display();
    for (config, what) in [
        (format!("[badges]\nlogos = \"{dir}/logos\"\n"), "fifo.svg"),
        (format!("[badges]\ndigits = \"{dir}/digits\"\n"), "0.svg"),
        (format!("[badges]\ntemplate = \"{dir}/template.svg\"\n"), "template.svg"),
        (format!("[visits]\ngeo-database = \"{dir}/geo.mmdb\"\n"), "geo.mmdb"),
    ] {
        let file = place.dir().join("tallymark.toml");
        fs::write(&file, config).unwrap();
        let ran = run(&["check-config", file.to_str().unwrap()]);
        assert!(ran.code != Some(0) && ran.stderr.contains(what), "{ran:?}");
        assert!(ran.stderr.contains("not a regular file"), "{ran:?}");
    }
}
