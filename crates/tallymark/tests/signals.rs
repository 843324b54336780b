//! Signals that mean nothing to a daemon do not end it.

use crate::common::{PATIENCE, Place, program, stop};
use std::process::Command;
use tallymark_testbed::{Daemon, http, wait_until};

const MEANINGLESS: [&str; 14] = [
    "HUP", "USR1", "USR2", "ALRM", "VTALRM", "PROF", "PIPE", "IO", "PWR", "STKFLT", "XFSZ", "XCPU", "RTMIN",
    "RTMAX",
];

fn send(daemon: &Daemon, signal: &str) {
    let kill = format!("kill -s {signal} {}", daemon.pid());
    assert!(Command::new("bash").args(["-c", &kill]).status().unwrap().success(), "{kill}");
}

#[test]
fn daemons_outlive_every_signal_that_means_nothing_to_them() {
    for command in ["serve", "ingest"] {
        let place = Place::new();
        let mut daemon = place.start(command, &[]);
        for signal in MEANINGLESS {
            send(&daemon, signal);
            let answer = http::try_request("GET", place.addr(), "/healthz", &[], b"");
            assert!(answer.is_ok_and(|answer| answer.status == 200), "{command} ended with SIG{signal}");
        }
        stop(&mut daemon);
    }
}

#[test]
fn renderer_outlives_them_too() {
    let place = Place::new();
    let mut daemon = place.start("serve", &["--no-render"]);
    place.hit("a/b0");
    wait_until("the store is there", PATIENCE, || place.total("a/b0") == 1);
    let mut render =
        Daemon::builder(program()).arg("render").args(place.flags()).args(["--every", "1s"]).start();
    wait_until("it renders", PATIENCE, || place.published("a/b0") == Some(1));
    for (at, signal) in MEANINGLESS.iter().enumerate() {
        send(&render, signal);
        let name = format!("a/b{}", at + 1);
        place.hit(&name);
        wait_until(signal, PATIENCE, || place.published(&name) == Some(1));
    }
    stop(&mut render);
    stop(&mut daemon);
}
