//! Commands that only look: the busiest names, how the daemon is, and what a shell completes.

use crate::common::{Kind, PATIENCE, Place, Ran, line, program, run, stop};
use serde_json::{Value, json};
use std::{
    io::Write,
    net::{SocketAddr, TcpListener},
    thread,
};
use tallymark_testbed::{Daemon, Redis, free_tcp_port, http, wait_until};

/// A word of the command line is wrong, and it is said which.
#[track_caller]
fn misused(ran: &Ran, part: &str) {
    assert_eq!((ran.code, &*ran.stdout), (Some(2), ""), "{ran:?}");
    assert!(ran.stderr.starts_with("error: ") && ran.stderr.contains(part), "{ran:?}");
}

/// The names of `top --json`, with their counts.
fn top(place: &Place, more: &[&str]) -> Vec<(String, u64)> {
    let answer = place.run(&[&["top", "--json"], more].concat()).json();
    let row = |row: &Value| (row["name"].as_str().unwrap().to_owned(), row["count"].as_u64().unwrap());
    answer["counters"].as_array().unwrap().iter().map(row).collect()
}

#[test]
fn top_lists_the_busiest_names_of_a_period_also_while_the_daemon_runs() {
    for kind in Kind::both() {
        let place = kind.place();
        let mut daemon = place.serve();
        let mut syslog = place.syslog();
        for (name, hits) in [("c/c", 3), ("a%2Fa", 1), ("b%2Fb", 120), ("日本", 3)] {
            (0..hits).for_each(|_| syslog.send(line(name).as_bytes()));
        }
        // Before this month, so it is in no period but the longest.
        let old = place.dir().join("old.log");
        std::fs::write(&old, "\"2020-01-01\",\"old\"\n".repeat(1200)).unwrap();
        place.run(&["import", "log", old.to_str().unwrap()]).good();
        wait_until("they are counted", PATIENCE, || place.total("~all") == 1327);

        let named = |list: &[(&str, u64)]| {
            list.iter().map(|&(name, count)| (name.to_owned(), count)).collect::<Vec<_>>()
        };
        let busiest = named(&[("old", 1200), ("b/b", 120), ("c/c", 3), ("日本", 3), ("a/a", 1)]);
        assert_eq!(top(&place, &[]), busiest, "{kind:?}");
        assert_eq!(top(&place, &["-n", "2"]), busiest[..2]);
        let of_now = &busiest[1..];
        for period in ["month", "week", "day", "DAY"] {
            assert_eq!(top(&place, &["--period", period]), of_now, "{kind:?} {period}");
        }
        assert_eq!(top(&place, &["--event", "like"]), []);
        let text = place.run(&["top", "-n", "1"]).good();
        assert!(text.contains("1,200") && text.contains("old") && !text.contains("b/b"), "{text}");
        // What else there is, is told.
        assert!(!text.contains("also counted"), "{text}");
        assert_eq!(
            place.run(&["top", "--event", "like"]).good(),
            "no name was counted in this period\nalso counted: 1,327 hits (add --event hit)\n"
        );
        stop(&mut daemon);
        assert_eq!(top(&place, &[]), busiest, "it needs no daemon");
    }
}

#[test]
fn top_without_a_store_and_with_wrong_words_says_so() {
    let place = Place::new();
    place.run(&["top"]).refused(1, &["there is no database at"]);
    misused(&place.run(&["top", "--period", "year"]), "is not all, month, week, day, today, hour or minute");
    for names in ["0", "1001", "-1", "x"] {
        misused(&place.run(&["top", "-n", names]), names);
    }
    misused(&place.run(&["top", "--event", "Hit"]), "1 to 32");
}

#[test]
fn health_is_0_while_the_daemon_answers_and_ready_only_while_hits_reach_the_store() {
    let mut redis = Redis::start();
    let place = Place::with_store(redis.url());
    let listen = place.addr().to_string();
    let health = |more: &[&str]| place.run(&[&["health", "--listen", &listen], more].concat());
    health(&[]).refused(1, &["Is `tallymark serve` running", &listen]);
    let _daemon = place.serve();
    wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
    assert_eq!(health(&[]).good(), "ready\n");
    assert_eq!(health(&["--ready", "--json"]).json(), json!({"status": "ready", "reasons": []}));
    redis.kill9();
    // A hit that cannot reach the store.
    place.syslog().send(line("o/r").as_bytes());
    wait_until("it waits", PATIENCE, || place.metrics().get("tallymark_outbox_batches") > 0);
    wait_until("it is noticed", PATIENCE, || health(&["--ready"]).code == Some(1));
    let text = health(&[]).good();
    assert!(text.starts_with("not ready: ") && text.lines().count() == 1, "{text}");
    health(&["--ready"]).refused(1, &["not ready: "]);
    let answer = health(&["--ready", "--json"]);
    assert_eq!(
        (answer.code, answer.stdout.contains(r#""status":"not ready""#), answer.stderr.as_str()),
        (Some(1), true, ""),
        "{answer:?}"
    );
}

#[test]
fn health_asks_over_a_unix_socket_too() {
    let place = Place::new();
    let socket = format!("unix:{}", place.dir().join("http").display());
    let health = || place.run(&["health", "--listen", &socket]);
    health().refused(1, &["cannot reach the daemon at"]);
    let flags = ["--listen".to_owned(), socket.clone(), "--syslog-udp".to_owned(), "127.0.0.1:0".to_owned()];
    let _daemon = Daemon::builder(program()).arg("serve").args(place.flags()).args(flags).start();
    wait_until("it answers", PATIENCE, || health().code == Some(0));
}

#[test]
fn health_takes_nobody_else_for_the_daemon() {
    for answer in ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "SSH-2.0-OpenSSH\r\n", ""] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = listener.local_addr().unwrap().to_string();
        let other = thread::spawn(move || listener.accept().unwrap().0.write_all(answer.as_bytes()));
        run(&["health", "--listen", &listen]).refused(1, &[&listen]);
        other.join().unwrap().unwrap();
    }
    let nobody = format!("0.0.0.0:{}", free_tcp_port());
    run(&["health", "--listen", &nobody]).refused(1, &["cannot reach the daemon at 127.0.0.1:"]);
}

#[test]
fn demo_shows_a_past_and_a_present_and_leaves_nothing_behind() {
    let (dir, port) = (tallymark_testbed::temp_dir(), free_tcp_port());
    let listen = format!("127.0.0.1:{port}");
    let demo = Daemon::builder(program()).args(["demo", "--rate", "200", "--listen", &listen]);
    let mut demo = demo.env("TMPDIR", dir.path()).start();
    demo.wait_for_line(|line| line.starts_with("The data is simulated"), PATIENCE);
    let addr: SocketAddr = listen.parse().unwrap();
    let json = |path: &str| serde_json::from_slice::<Value>(&http::get(addr, path).body).unwrap();
    let busiest = "/api/v1/counters/ada/engine";
    wait_until("its past is there", PATIENCE, || json(busiest)["total"].as_u64() > Some(10_000));
    wait_until("its present is there", PATIENCE, || {
        json(busiest)["windows"]["last_60_minutes"]["count"].as_u64() > Some(5)
            && json(&format!("{busiest}/visits"))["visits"].as_array().is_some_and(|visits| visits.len() > 5)
    });
    wait_until("names are ranked", PATIENCE, || http::get(addr, "/").text().contains("ada&#x2f;engine"));
    assert_eq!(dir.path().read_dir().unwrap().count(), 1);
    stop(&mut demo);
    assert_eq!(dir.path().read_dir().unwrap().count(), 0, "it leaves nothing behind");
    for flag in ["--data-dir=x", "--store=redis://h", "--syslog-udp=127.0.0.1:1", "--config=x"] {
        run(&["demo", flag]).refused(2, &["a demo has sources and a store of its own", &flag[..6]]);
    }
}

#[test]
fn demo_ends_with_its_terminal_and_takes_no_set_up_from_the_environment() {
    let (dir, kept) = (tallymark_testbed::temp_dir(), tallymark_testbed::temp_dir());
    let demo = Daemon::builder(program()).args(["demo", "--listen", "127.0.0.1:0"]);
    let demo = demo.env("TMPDIR", dir.path()).env("TALLYMARK_STORE", "redis://127.0.0.1:1");
    let demo = demo.env("DATA_DIR", kept.path()).env("BASE_URL", "https://hits.example.org");
    let mut demo = demo.env("TALLYMARK_BADGES_DIR", kept.path()).start();
    let first = demo.wait_for_line(|line| line.starts_with("Dashboard"), PATIENCE);
    assert!(first.contains("http://localhost:"), "{first}");
    demo.signal("HUP");
    assert!(demo.wait(PATIENCE).success(), "{}", demo.stderr());
    let left = [dir.path(), kept.path()].map(|dir| dir.read_dir().unwrap().count());
    assert_eq!(left, [0, 0]);
}

#[test]
fn shells_complete_commands_and_flags() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell]).good();
        assert!(script.contains("nginx-conf") && script.contains("data-dir"), "{shell}");
    }
    misused(&run(&["completions", "sh"]), "possible values: bash");
}
