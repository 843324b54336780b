//! Logos of the operator's, from a directory: drawn by name, read again on SIGHUP, and refused if they are none.

use crate::common::{PATIENCE, Place, stop};
use std::fs;
use tallymark_testbed::{http, wait_until};

const SVG: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 2 1\"><script>alert(1)</script>\
                   <path fill=\"red\" d=\"M0 0h2v1H0z\"/></svg>";

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
    fs::write(logos.join(".hidden"), "no logo").expect("the test's own directory");

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
    stop(&mut daemon);
    let said = place.run(&["check-config", &place.config_path().display().to_string()]);
    assert!(format!("{said:?}").contains("broken.svg: the SVG cannot be read"), "{said:?}");
}
