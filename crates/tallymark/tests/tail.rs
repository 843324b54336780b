//! `tallymark tail`: what the daemon accepts and rejects, as it happens.

use crate::common::{PATIENCE, Place, line, program, stop};
use serde_json::Value;
use std::{os::unix::fs::PermissionsExt, os::unix::net::UnixStream, time::Duration};
use tallymark_testbed::{Daemon, wait_until};

/// Starts a view that ends by itself after N lines.
fn watch(place: &Place, more: &[&str]) -> Daemon {
    let mut view = Daemon::builder(program()).arg("tail").args(place.flags()).args(more).start();
    view.wait_for_line(|line| line.contains("watching"), PATIENCE);
    view
}

#[track_caller]
fn shown(mut view: Daemon) -> Vec<String> {
    assert!(view.wait(PATIENCE).success(), "{}", view.stderr());
    view.stdout().lines().map(str::to_owned).collect()
}

#[test]
fn accepted_and_rejected_lines_are_shown_with_their_reasons() {
    let place = Place::new();
    let mut daemon = place.serve();
    let people = watch(&place, &["--lines", "3"]);
    let json = watch(&place, &["--lines", "3", "--json"]);
    let rejected = watch(&place, &["--lines", "2", "--rejected"]);
    let mut syslog = place.syslog();
    syslog.send(line("o%2Fr").as_bytes());
    syslog.send(b"<158>Nov 20 12:00:00 vm other: \x1b[31m\xff");
    syslog.send(format!("<158>{}", "x".repeat(3000)).as_bytes());

    let people = shown(people);
    assert!(people[0].ends_with(" syslog-udp accepted o/r"), "{people:?}");
    let escaped = r#" syslog-udp rejected tag (no route has the tag "other") <158>Nov 20 12:00:00 vm other: \x1b[31m\xff"#;
    assert!(people[1].ends_with(escaped), "{people:?}");
    assert!(people[2].ends_with("xxx...") && people[2].len() < 400, "{people:?}");
    let json: Vec<Value> = shown(json).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&json[0]["accepted"], &json[0]["event"]), (&"o/r".into(), &"hit".into()));
    assert_eq!((&json[1]["rejected"], &json[1]["source"]), (&"tag".into(), &"syslog-udp".into()));
    assert_eq!((&json[1]["tag"], &json[2]["tag"]), (&"other".into(), &Value::Null));
    assert!(json[1]["time"].as_str().unwrap().ends_with('Z'));
    assert_eq!(shown(rejected), people[1..]);
    stop(&mut daemon);
}

#[test]
fn a_view_of_silence_says_where_the_daemon_listens_and_when_a_line_last_came() {
    let place = Place::new();
    let mut daemon = place.serve();
    let said = watch(&place, &[]).stderr();
    for part in [
        &format!("syslog-udp 127.0.0.1:{}, HTTP {}", place.udp, place.addr())[..],
        "no line has come since the daemon started",
    ] {
        assert!(said.contains(part), "{part:?} is missing in {said}");
    }
    place.hit("o/r");
    wait_until("the line is told of", PATIENCE, || {
        watch(&place, &[]).stderr().contains("the last line came at 20")
    });
    stop(&mut daemon);
}

#[test]
fn badges_over_http_are_shown_too() {
    let place = Place::new();
    let mut daemon = place.serve();
    let view = watch(&place, &["--lines", "1"]);
    place.hit("o/r");
    let shown = shown(view);
    assert!(shown[0].ends_with(" http accepted o/r"), "{shown:?}");
    stop(&mut daemon);
}

#[test]
fn view_is_for_the_daemons_own_user_and_ends_with_the_daemon() {
    let place = Place::new();
    place.run(&["tail"]).refused(1, &["is `tallymark serve` running"]);
    let mut daemon = place.serve();
    let socket = place.data_dir().join("tail.sock");
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let view = watch(&place, &[]);
    stop(&mut daemon);
    assert_eq!(shown(view), [""; 0]);
    assert!(!socket.exists());
    let mut daemon = place.serve();
    daemon.kill9();
    let mut daemon = place.serve();
    let view = watch(&place, &["--lines", "1"]);
    place.syslog().send(line("o%2Fr").as_bytes());
    assert_eq!(shown(view).len(), 1);
    stop(&mut daemon);
}

/// Readers that connect and never read, and a flood: the daemon counts every line all the same.
#[test]
fn readers_that_do_not_read_cost_no_line() {
    let place = Place::new();
    let mut daemon = place.serve();
    let mut idle = Vec::new();
    for _ in 0..8 {
        let mut reader = UnixStream::connect(place.data_dir().join("tail.sock")).unwrap();
        std::io::Write::write_all(&mut reader, b"all\n").unwrap();
        idle.push(reader);
    }
    let mut syslog = place.syslog();
    let text = line("o%2Fr");
    for _ in 0..20 {
        for _ in 0..1000 {
            syslog.send(text.as_bytes());
        }
        let sent = syslog.taken();
        wait_until("they are counted", PATIENCE, || {
            let [received, .., drops] = place.metrics().lines("syslog-udp");
            received + drops == sent
        });
    }
    let drops = place.metrics().lines("syslog-udp")[3];
    stop(&mut daemon);
    assert_eq!(place.total("o/r") + drops, syslog.taken());
}

#[test]
fn first_reject_of_a_minute_is_logged_and_no_flood_of_them_is() {
    let place = Place::new();
    let mut daemon = place.serve();
    let mut syslog = place.syslog();
    for _ in 0..500 {
        syslog.send(b"<158>Nov 20 12:00:00 vm other: \x1b[2Jx");
    }
    wait_until("they are counted", PATIENCE, || place.metrics().lines("syslog-udp")[2] == 500);
    stop(&mut daemon);
    let log = daemon.stderr();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("rejected a line")).collect();
    // The minute may have turned meanwhile.
    assert!((1..=2).contains(&told.len()), "{log}");
    assert!(told[0].contains("reason=tag") && told[0].contains("tag=\"other\""), "{log}");
    assert!(!log.contains("[2Jx"), "{log}");
}

/// `logger` without `-p` sends user.notice, and nginx can be told any facility.
#[test]
fn line_with_another_facility_is_told_with_what_it_had_and_what_the_route_wants() {
    let place = Place::new();
    let mut daemon = place.serve();
    let view = watch(&place, &["--lines", "1"]);
    place.syslog().send(line("o%2Fr").replace("<158>", "<13>").as_bytes());
    let shown = shown(view);
    assert!(
        shown[0].contains(" syslog-udp rejected filter (user.notice, not local3.info) <13>"),
        "{shown:?}"
    );
    stop(&mut daemon);
    assert!(daemon.stderr().contains("priority=\"user.notice, not local3.info\""), "{}", daemon.stderr());
}

#[test]
fn beginning_of_a_line_whose_connection_ends_is_shown() {
    let place = Place::with_config("[[source]]\nkind = \"syslog-tcp\"\nlisten = \"UDP\"\n");
    let mut daemon = place.serve();
    let view = watch(&place, &["--lines", "1"]);
    let mut peer = std::net::TcpStream::connect(("127.0.0.1", place.udp)).unwrap();
    std::io::Write::write_all(&mut peer, b"<158>Nov 20 12:00:00 vm ba").unwrap();
    drop(peer);
    let shown = shown(view);
    assert!(shown[0].contains(" syslog-tcp rejected partial ("), "{shown:?}");
    assert!(shown[0].ends_with(") <158>Nov 20 12:00:00 vm ba"), "{shown:?}");
    stop(&mut daemon);
}

#[test]
fn every_reason_is_logged_and_told_in_words() {
    let place = Place::new();
    let mut daemon = place.serve();
    let mut syslog = place.syslog();
    let view = watch(&place, &["--lines", "3"]);
    for wrong in [
        line("o%2Fr").replace("badge:", "badger:"),
        line("o%2Fr").replace("<158>", "<157>"),
        line("~a").clone(),
    ] {
        syslog.send(wrong.as_bytes());
    }
    let shown = shown(view);
    assert!(shown.iter().all(|line| line.contains(" (") && line.contains(") <15")), "{shown:?}");
    stop(&mut daemon);
    for reason in ["tag", "filter", "name"] {
        assert!(daemon.stderr().contains(&format!("reason={reason}")), "{reason}: {}", daemon.stderr());
    }
}

/// Most of all not where lines are not what the configuration expects.
#[test]
fn log_shows_no_address_whatever_a_line_is() {
    let place = Place::new();
    let access =
        r#"192.0.2.7 - - [20/Nov/2026:12:00:00 +0000] "GET /badge.svg?repo=o/r HTTP/1.1" 200 1 "-" "curl""#
            .to_owned()
            + "\n";
    let log = place.dir().join("access.log");
    std::fs::write(&log, access).unwrap();
    let mut daemon = place.start("serve", &["--file", log.to_str().unwrap()]);
    daemon.wait_for_line(|line| line.contains("rejected a line"), Duration::from_secs(20));
    stop(&mut daemon);
    assert!(!daemon.stderr().contains("192.0.2.7"), "{}", daemon.stderr());
    for command in [&["import", "log"][..], &["replay"]] {
        let ran = place.run(&[command, &[log.to_str().unwrap()]].concat());
        assert!(!ran.stderr.contains("192.0.2.7") && !ran.stdout.contains("192.0.2.7"), "{ran:?}");
    }
}
