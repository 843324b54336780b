//! GitHub Banners' tables, as its PostgreSQL writes them, with a header and without.

use crate::common::{Kind, PATIENCE, Place};
use std::{fs, path::PathBuf};
use tallymark_testbed::{FakeGithub, FakeRepository, http, wait_until};

fn tables(header: bool) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/banner_tables");
    if header { dir.join("header") } else { dir }
}

#[test]
fn accounts_and_banners_are_taken_over_once() {
    for (kind, header) in Kind::both().into_iter().zip([false, true]) {
        let mut place = kind.place();
        // GitHub cannot be reached.
        place.configure("[visits]\navatars = \"off\"\n[github]\napi-url = \"http://127.0.0.1:1\"\nsoft-ttl = \"90d\"\nhard-ttl = \"90d\"\n");
        let dir = tables(header);
        let dir = dir.to_str().unwrap();
        let dry = place.run(&["import", "github-banners", dir, "--dry-run"]).good();
        assert_eq!(dry, "2 accounts and 1 banner in the tables, 1 switched off there; nothing is written\n");
        let said = place.run(&["import", "github-banners", dir]).good();
        assert_eq!(said, "2 accounts: statistics of 2 taken over, 1 banner tracked, 1 switched off there\n");
        let again = place.run(&["import", "github-banners", dir, "--json"]).json();
        assert_eq!((again["accounts"].as_u64(), again["statistics"].as_u64()), (Some(2), Some(0)));
        let list = place.run(&["github", "list"]).good();
        assert_eq!(list, "octo-cat: repositories 3, stars 12, as of 2026-03-01 12:34, banners: dark\n");
        let _daemon = place.serve();
        wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
        let banner = http::get(place.addr(), "/banners/Octo-Cat-dark").text().to_owned();
        for part in [
            ">Octo-Cat</text>",
            "ORIGINAL 2 / FORKED 1 / FOLLOWERS 20",
            "C++ 50.0%",
            "Jupyter Notebook 50.0%",
        ] {
            assert!(banner.contains(part), "{part} is missing in {banner}");
        }
        assert!(http::get(place.addr(), "/banners/nobody-default").text().contains("No such banner"));
    }
}

#[test]
fn what_is_no_table_is_refused_and_what_is_no_row_is_skipped() {
    let place = Place::new();
    let dir = tempfile::tempdir().unwrap();
    let import = || place.run(&["import", "github-banners", dir.path().to_str().unwrap()]);
    import().refused(
        1,
        &["has no users.csv, no repositories.csv, no banners.csv", "psql -c 'COPY github_data.users"],
    );
    for table in ["users.csv", "repositories.csv", "banners.csv"] {
        fs::copy(tables(false).join(table), dir.path().join(table)).unwrap();
    }
    fs::write(dir.path().join("banners.csv"), "dark,Octo-Cat-dark,t\n").unwrap();
    import().refused(1, &["banners.csv, line 1: 3 columns, and this table has 6"]);
    let rows = "dark,../x-dark,t,a,b,../x\ndark,Other-dark,t,a,b,octo-cat\nneon,Octo-Cat-neon,t,a,b,octo-cat\n\
                dark,Octo-Cat-dark,maybe,a,b,octo-cat\n";
    fs::write(dir.path().join("banners.csv"), rows).unwrap();
    let said = import().good();
    assert!(said.contains("0 banners tracked") && said.contains("; 4 rows could not be read"), "{said}");
    for (line, why) in [
        (1, "github_username_normalized \"../x\": "),
        (2, "storage_path \"Other-dark\" is not octo-cat-dark, in any case: skipped"),
        (3, "banner_type \"neon\" is neither default nor dark: skipped"),
        (4, "is_active \"maybe\" is neither t nor f: skipped"),
    ] {
        assert!(said.contains(&format!("  banners.csv, line {line}: {why}")), "{said}");
    }
    // What the tables say of one account does not agree, and another one has no repositories at all.
    let users = "Octo-Cat,,,,,9,20,,2026-03-01 12:34:56.789,octo-cat\nother,,,,,2,0,0,2026-03-01 12:34:56,other\n\
                 late,,,,,0,0,0,yesterday,late\n";
    fs::write(dir.path().join("users.csv"), users).unwrap();
    let said = place.run(&["import", "github-banners", dir.path().to_str().unwrap(), "--dry-run"]).good();
    for part in [
        "1 account and 0 banners in the tables",
        "; 6 rows could not be read",
        "  users.csv, line 1: octo-cat has 9 repositories, and 3 in repositories.csv: taken as they are\n",
        "  users.csv, line 2: other has 2 repositories, and none in repositories.csv: skipped\n",
        "  users.csv, line 3: fetched_at \"yesterday\" is no time: skipped\n",
    ] {
        assert!(said.contains(part), "{part} is missing in {said}");
    }
    fs::write(dir.path().join("banners.csv"), "dark,../x-dark,t,a,b,../x\n".repeat(99)).unwrap();
    let said = import().good();
    assert!(said.ends_with("  and more\n") && said.lines().count() < 30, "{said}");
}

#[test]
fn without_tables_the_files_of_banners_say_which_there_are() {
    let github = FakeGithub::start();
    let repository = FakeRepository { id: 1, fork: false, stars: 9, forks: 0, language: None };
    github.add("octo-cat", vec![repository]);
    let mut place = Place::new();
    place.configure(&format!("[visits]\navatars = \"off\"\n[github]\napi-url = \"{}\"\n", github.url()));
    let dir = tempfile::tempdir().unwrap();
    let import = || place.run(&["import", "github-banners", dir.path().to_str().unwrap()]);
    for file in ["Octo-Cat-dark.svg", "octo-cat-default.svg", "default.svg", "Octo-Cat-neon.svg", "notes.txt"]
    {
        fs::write(dir.path().join(file), "<svg/>").unwrap();
    }
    let said = import().good();
    assert_eq!(
        said,
        "2 banners tracked; 1 file skipped, not called NAME-TYPE.svg; the daemon asks GitHub for their numbers\n"
    );
    assert_eq!(import().good(), said, "running it again changes nothing");
    let _daemon = place.serve();
    wait_until("it is drawn anew", PATIENCE, || {
        let banner = http::get(place.addr(), "/banners/Octo-Cat-dark");
        banner.status == 200
            && banner.text().contains(">Octo-Cat</text>")
            && banner.text().contains(">9</text>")
    });
    // One table makes it tables, and then all of them are needed.
    fs::copy(tables(false).join("users.csv"), dir.path().join("users.csv")).unwrap();
    import().refused(1, &["repositories.csv"]);
}
