//! A sum shows the total of many names and counts none, over both stores and behind a real nginx.

use crate::common::{Kind, PATIENCE, number, stop};
use tallymark_testbed::{http, wait_until};

#[test]
fn a_sum_shows_what_was_counted_and_counts_nothing() {
    for kind in Kind::both() {
        let mut place = kind.place();
        place.configure(
            "[compat]\nhits-sh = true\ndwyl = true\n[[group]]\nname = \"site\"\nmembers = [\"octo/*\", \"blog\"]\n",
        );
        let mut daemon = place.serve();
        let nginx = place.nginx(&[]);
        for name in ["octo/a", "octo/a", "octo/b", "blog", "other"] {
            place.hit(name);
        }
        for addr in [place.addr(), nginx.addr()] {
            for (query, expect) in
                [("of=octo/*", 3), ("of=octo/a&of=blog", 3), ("group=site", 4), ("of=nobody*", 0)]
            {
                let target = format!("/sum.svg?{query}");
                wait_until(&format!("{target} shows {expect}"), PATIENCE, || {
                    let answer = http::get(addr, &target);
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    number(answer.text()) == Some(expect)
                });
            }
            for (query, says) in [
                ("group=none", "there is no such [[group]]"),
                ("of=octo/a,blog", "write of=octo/a&amp;of=blog"),
                ("of=~all", "no name begins with ~"),
                ("of=%FF*", "not UTF-8"),
            ] {
                let answer = http::get(addr, &format!("/sum.svg?{query}"));
                assert!(answer.status == 400 && answer.text().contains(says), "{query}: {}", answer.text());
            }
        }
        stop(&mut daemon);
        for name in ["octo/*", "sum", "octo", "nobody*"] {
            assert_eq!(place.total(name), 0, "{name}");
        }
        assert_eq!((place.total("~all"), place.total("octo/a")), (5, 2));
    }
}
