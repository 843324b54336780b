//! The archive of GitHub's traffic: each day once, for good, beside the hits of the same name; over both stores.

use crate::common::{Kind, PATIENCE, Place, pictures::picture, stop};
use std::time::{SystemTime, UNIX_EPOCH};
use tallymark_core::Day;
use tallymark_testbed::{FakeGithub, FakeRepository, WebReply, http, wait_until};

const TOKEN: &str = "ghp_c4n4ry0123456789";

/// The day so many days ago.
fn ago(days: i32) -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Day(i32::try_from(seconds / 86_400).unwrap() - days).to_string()
}

fn repository(id: u64) -> FakeRepository {
    FakeRepository { id, fork: false, stars: 1, forks: 0, language: None }
}

fn place(kind: &Kind, github: &FakeGithub, more: &str) -> Place {
    let mut place = kind.place();
    place.configure(&format!(
        "[badges]\ncards = true\n[visits]\navatars = \"off\"\n[github]\napi-url = \"{}\"\nrate-limit = \"off\"\n{more}",
        github.url()
    ));
    place
}

/// Total, and the counts of days from the latest on.
fn shown(place: &Place, event: &str) -> (i64, Vec<i64>) {
    let shown = place.run(&["show", "Octo/r1", "--event", event, "--days", "6", "--json"]).json();
    let days = shown["days"].as_array().unwrap();
    let mut counts: Vec<(String, i64)> = days
        .iter()
        .map(|day| (day["date"].as_str().unwrap().to_owned(), day["count"].as_i64().unwrap()))
        .filter(|(_, count)| *count > 0)
        .collect();
    counts.sort();
    counts.reverse();
    (shown["total"].as_i64().unwrap(), counts.into_iter().map(|(_, count)| count).collect())
}

#[test]
fn each_day_is_counted_once_and_only_when_it_is_final() {
    for kind in Kind::both() {
        let github = FakeGithub::start();
        github.token(TOKEN, "octo", 5000);
        github.add("Octo", vec![repository(1), repository(2)]);
        let views = [(ago(4), 10, 3), (ago(3), 0, 0), (ago(2), 7, 2), (ago(1), 99, 9), (ago(0), 5, 1)];
        github.traffic("octo/r1", &views, &[(ago(2), 4, 1)]);
        let place = place(&kind, &github, &format!("tokens = [\"{TOKEN}\"]\ntraffic = false\n"));
        let mut daemon = place.serve();
        wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
        place.hit("Octo/r1");
        place.run(&["github", "add", "octo"]).good();
        let said = place.run(&["github", "sync"]).good();
        assert_eq!(
            said,
            "1 repository: 3 new days counted, 17 views, 5 visitors added up over days, 4 clones\n"
        );
        assert_eq!(shown(&place, "gh-views"), (17, vec![7, 10]));
        assert_eq!(shown(&place, "gh-uniques"), (5, vec![2, 3]));
        assert_eq!(shown(&place, "gh-clones"), (4, vec![4]));
        // Nothing that counts is asked for again.
        let counted = || github.calls().iter().filter(|call| call.target != "/rate_limit").count();
        let calls = counted();
        assert_eq!(
            place.run(&["github", "sync", "--json"]).json(),
            serde_json::json!({"repositories": 1, "days": 0, "views": 0, "uniques": 0, "clones": 0, "failed": 0})
        );
        assert_eq!(counted(), calls);
        // As a card, over HTTP and as a file.
        for (path, shown) in [
            ("/api/traffic?username=octo&repo=R1", "Views: 17; Visitors: 5; Clones: 4;"),
            ("/api/traffic/?username=OCTO&repo=r1&locale=cn", "浏览: 17; 访客: 5; 克隆: 4;"),
        ] {
            let card = http::get(place.addr(), path);
            assert!(picture(&card).contains(shown), "{}", picture(&card));
        }
        let nginx = place.nginx(&["--cards"]);
        wait_until("the card is a file", PATIENCE, || {
            let card = picture(&http::get(nginx.addr(), "/api/traffic/?repo=R1&username=octo"));
            card.contains("Views: 17;") && card.contains("<!-- tallymark total=")
        });
        assert_eq!(http::get(place.addr(), "/api/traffic.png?username=octo&repo=r1").status, 200);
        for (path, status, says) in [
            ("/api/traffic?username=octo", 400, "repo is missing"),
            ("/api/traffic?username=octo&repo=r2", 404, "No traffic of Octo/r2 is archived"),
            ("/api/traffic?username=octo&repo=r3", 404, "no public repository “r3”"),
        ] {
            let card = http::get(place.addr(), path);
            assert_eq!(card.status, status, "{path}");
            assert!(picture(&card).contains(says), "{}", picture(&card));
        }
        // On one chart with the hits.
        let chart =
            http::get(place.addr(), "/graph/Octo%2Fr1.svg?event=hit,gh-views,gh-clones,hit&period=7d");
        let svg = picture(&chart);
        for part in ["Octo/r1: hits: 1.", " views on GitHub: 17.", " clones on GitHub: 4."] {
            assert!(svg.contains(part), "{part} is missing in {svg}");
        }
        for (path, why) in [
            ("/graph/a.svg?event=hit,Bad", "an event is 1 to 32"),
            ("/graph.svg?name=a&name=b&event=hit,visit", "of one name"),
            ("/graph/a.svg?event=hit,visit&style=spark", "shows one event"),
            (
                "/graph/a.svg?event=hit,visit,like,unlike,url,gh-views,gh-clones,gh-uniques",
                "events in one chart",
            ),
        ] {
            let answer = http::get(place.addr(), path);
            assert!(answer.text().contains(why), "{path}: {}", answer.text());
        }
        stop(&mut daemon);
        assert!(!daemon.stderr().contains(TOKEN));
        // Corrections move counts, and no day comes again.
        let days = || place.run(&["github", "sync", "--json"]).json()["days"].clone();
        let views_of =
            |name: &str| place.run(&["show", name, "--event", "gh-views", "--json"]).json()["total"].clone();
        place.run(&["rename", "Octo/r1", "Octo/r2"]).good();
        assert_eq!((days(), views_of("Octo/r2"), views_of("Octo/r1")), (0.into(), 17.into(), 0.into()));
        place.run(&["undo"]).good();
        assert_eq!((days(), views_of("Octo/r2"), views_of("Octo/r1")), (0.into(), 0.into(), 17.into()));
        place.run(&["delete", "Octo/r1"]).good();
        assert_eq!((days(), views_of("Octo/r1")), (0.into(), 0.into()));
        place.run(&["undo"]).good();
        assert_eq!((days(), views_of("Octo/r1")), (0.into(), 17.into()));
    }
}

/// GitHub gives the name of a repository to another one: each is counted on, whichever comes first.
#[test]
fn repositories_that_exchange_their_names_lose_no_day() {
    for kind in Kind::both() {
        let github = FakeGithub::start();
        github.token(TOKEN, "octo", 5000);
        github.add("Octo", vec![repository(1), repository(2)]);
        let place = place(&kind, &github, &format!("tokens = [\"{TOKEN}\"]\ntraffic = false\n"));
        place.run(&["github", "add", "octo"]).good();
        let (mut big, mut small) = (Vec::new(), Vec::new());
        let mut names = ["r1", "r2"];
        for day in (2..10).rev() {
            big.push((ago(day), 100, 1));
            small.push((ago(day), 1, 1));
            names = match day {
                6 => ["r2", "r1"],
                // The old one is put aside, and the new one takes its name.
                4 => ["old", "r2"],
                _ => names,
            };
            github.rename("octo/r1", names[0]);
            github.rename("octo/r2", names[1]);
            github.traffic(&format!("octo/{}", names[0]), &big, &[]);
            github.traffic(&format!("octo/{}", names[1]), &small, &[]);
            place.run(&["github", "refresh", "octo"]).good();
            let report = place.run(&["github", "sync", "--json"]).json();
            assert_eq!((&report["views"], &report["failed"]), (&101.into(), &0.into()), "{day}: {report}");
        }
        let total = |name: &str| {
            place.run(&["show", name, "--event", "gh-views", "--json"]).json()["total"].as_u64().unwrap()
        };
        assert_eq!(["Octo/r1", "Octo/r2", "Octo/old"].map(total), [302, 206, 300]);
    }
}

#[test]
fn a_repository_that_is_renamed_on_github_is_counted_on() {
    for kind in Kind::both() {
        let github = FakeGithub::start();
        github.token(TOKEN, "octo", 5000);
        github.add("Octo", vec![repository(1)]);
        let clones = [(ago(4), 4, 1)];
        github.traffic("octo/r1", &[(ago(4), 10, 3), (ago(3), 7, 2)], &clones);
        let place = place(&kind, &github, &format!("tokens = [\"{TOKEN}\"]\ntraffic = false\n"));
        place.run(&["github", "add", "octo"]).good();
        let sync = || {
            place.run(&["github", "refresh", "octo"]).good();
            let report = place.run(&["github", "sync", "--json"]).json();
            ["repositories", "views", "clones"].map(|what| report[what].as_u64().unwrap())
        };
        let total = |name: &str, event: &str| {
            place.run(&["show", name, "--event", event, "--json"]).json()["total"].as_u64().unwrap()
        };
        assert_eq!(sync(), [1, 17, 4]);
        github.rename("octo/r1", "Renamed");
        github.traffic("octo/renamed", &[(ago(4), 10, 3), (ago(3), 7, 2)], &clones);
        assert_eq!((sync(), sync()), ([1, 0, 0], [1, 0, 0]));
        // There is more later, of views at first: the days of before are not counted under the new name.
        github.traffic("octo/renamed", &[(ago(4), 10, 3), (ago(3), 7, 2), (ago(2), 5, 1)], &clones);
        assert_eq!((sync(), sync()), ([1, 5, 0], [1, 0, 0]));
        let of = |name: &str| ["gh-views", "gh-clones"].map(|event| total(name, event));
        assert_eq!((of("Octo/r1"), of("Octo/Renamed")), ([17, 4], [5, 0]));
        // Under its first name again, where fewer days were counted, it goes on where the second ended.
        let (views, clones) =
            ([(ago(4), 10, 3), (ago(3), 7, 2), (ago(2), 5, 1)], [(ago(4), 4, 1), (ago(2), 6, 1)]);
        github.rename("octo/r1", "r1");
        github.traffic("octo/r1", &views, &clones[..1]);
        assert_eq!((sync(), sync()), ([1, 0, 0], [1, 0, 0]));
        github.traffic("octo/r1", &views, &clones);
        assert_eq!((sync(), sync()), ([1, 0, 6], [1, 0, 0]));
        assert_eq!((of("Octo/r1"), of("Octo/Renamed")), ([17, 10], [5, 0]));
        github.rename("octo/r1", "Renamed");
        github.traffic("octo/renamed", &views, &clones);
        assert_eq!(sync(), [1, 0, 0]);
        place.run(&["merge", "Octo/r1", "Octo/Renamed"]).good();
        assert_eq!((sync(), of("Octo/Renamed")), ([1, 0, 0], [22, 10]));
    }
}

#[test]
fn of_several_that_sync_at_once_none_fails_and_each_day_counts_once() {
    for kind in Kind::both() {
        let github = FakeGithub::start();
        github.token(TOKEN, "octo", 5000);
        github.add("Octo", (1..=4).map(repository).collect());
        for id in 1..=4 {
            github.traffic(&format!("octo/r{id}"), &[(ago(4), 10, 3), (ago(2), 7, 2)], &[(ago(2), 4, 1)]);
        }
        let place = place(&kind, &github, &format!("tokens = [\"{TOKEN}\"]\ntraffic = false\n"));
        place.run(&["github", "add", "octo"]).good();
        std::thread::scope(|scope| {
            let all = [0, 1, 2].map(|_| scope.spawn(|| place.run(&["github", "sync"])));
            for one in all {
                let ran = one.join().unwrap();
                assert_eq!(ran.code, Some(0), "{ran:?}");
            }
        });
        place.run(&["github", "sync"]).good();
        for id in 1..=4 {
            let shown = place.run(&["show", &format!("Octo/r{id}"), "--event", "gh-views", "--json"]).json();
            assert_eq!(shown["total"], 17, "{id}");
        }
    }
}

#[test]
fn what_cannot_be_told_or_true_counts_nothing() {
    let github = FakeGithub::start();
    github.token(TOKEN, "octo", 5000);
    github.add("Octo", vec![repository(1)]);
    github.traffic("octo/r1", &[(ago(2), 7, 2)], &[]);
    let with_token = place(&Kind::Sqlite, &github, &format!("tokens = [\"{TOKEN}\"]\n"));
    with_token.run(&["github", "add", "octo"]).good();
    let row = |day: &str, count: &str| {
        format!("{{\"views\":[{{\"timestamp\":\"{day}T00:00:00Z\",\"count\":{count},\"uniques\":1}}]}}")
    };
    for (status, body) in [
        (200, String::new()),
        (200, "null".to_owned()),
        (200, "{}".to_owned()),
        (200, row(&ago(2), "-1")),
        (200, row(&ago(2), "5000000000")),
        (200, row(&ago(300), "5")),
        (200, row(&ago(-3), "5")),
        (403, "{\"message\":\"Must have push access to repository\"}".to_owned()),
        (403, "{\"message\":\"Resource not accessible by personal access token\"}".to_owned()),
        (404, "{}".to_owned()),
        (500, String::new()),
    ] {
        let reply = WebReply::status(status, "application/json", body.clone());
        github
            .answer_instead(move |request| request.target.ends_with("/traffic/views").then(|| reply.clone()));
        let said = with_token.run(&["github", "sync"]);
        assert_eq!(said.code, Some(1), "{status} {body}");
        assert!(said.stdout.contains("1 repository: 0 new days counted"), "{said:?}");
        let why = match status {
            403 | 404 => "Octo/r1: the token cannot see it: it needs permission to push",
            500 => "Octo/r1: GitHub answers 500",
            _ => "Octo/r1: GitHub's answer cannot be",
        };
        let said = said.stderr;
        assert!(said.contains("1 of 1 repository failed; ") && said.contains(why), "{status} {body}: {said}");
        // A right that is missing is no reason to rest.
        let status = with_token.run(&["github", "refresh", "octo"]);
        assert_eq!(status.code, Some(0), "{body}");
    }
    let failed = with_token.run(&["github", "sync", "--json"]);
    assert_eq!(
        (failed.code, failed.stdout.contains("\"failed\":1,\"reasons\":{\"GitHub answers 500")),
        (Some(1), true)
    );
    github.answer_well();
    assert!(
        with_token
            .run(&["github", "sync"])
            .good()
            .contains("1 new day counted, 7 views, 2 visitors added up over days, 0 clones")
    );
    let without = place(&Kind::Sqlite, &github, "");
    without.run(&["github", "sync"]).refused(1, &["only to a token that can push"]);
}

/// Also where nothing is left to ask for, or nothing is known of any account.
#[test]
fn a_sync_fails_if_every_token_is_refused() {
    let github = FakeGithub::start();
    github.token(TOKEN, "octo", 5000);
    github.add("Octo", vec![repository(1)]);
    github.traffic("octo/r1", &[(ago(2), 7, 2)], &[(ago(2), 4, 1)]);
    let place = place(&Kind::Sqlite, &github, &format!("tokens = [\"{TOKEN}\"]\ntraffic = false\n"));
    let refused = "GitHub refuses every token (...6789): write a new one into tokens under [github]";
    let fails = |command: &str| {
        let ran = place.run(&["github", command]);
        assert!(ran.code == Some(1) && ran.stderr.contains(refused), "{ran:?}");
    };
    place.run(&["github", "sync"]).good();
    github.revoke(TOKEN);
    ["sync", "status"].into_iter().for_each(fails);
    github.token(TOKEN, "octo", 5000);
    place.run(&["github", "add", "octo"]).good();
    place.run(&["github", "sync"]).good();
    place.run(&["github", "status"]).good();
    github.answer_instead(|_| Some(WebReply::status(502, "text/plain", "")));
    let ran = place.run(&["github", "status"]);
    assert!(ran.stdout.contains("...6789: unknown (GitHub answers 502"), "{ran:?}");
    assert!(ran.code == Some(1) && ran.stderr.contains(&github.url()), "{ran:?}");
    github.answer_well();
    github.revoke(TOKEN);
    let ran = place.run(&["github", "sync", "--json"]);
    let said: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, &said["refused_tokens"]), (Some(1), &serde_json::json!(["...6789"])), "{ran:?}");
    let ran = place.run(&["github", "status", "--json"]);
    assert_eq!((ran.code, ran.stdout.contains("\"state\":\"revoked\"")), (Some(1), true), "{ran:?}");
}
