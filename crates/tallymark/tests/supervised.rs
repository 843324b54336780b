//! What the daemon tells systemd.

use crate::common::{PATIENCE, Place, line, program, stop};
use std::{io::ErrorKind, os::unix::net::UnixDatagram};
use tallymark_testbed::{Daemon, Redis};

/// Waits for a message that has this in it.
fn hear(socket: &UnixDatagram, part: &str) {
    let mut heard = Vec::new();
    loop {
        let mut message = [0; 4096];
        let length = match socket.recv(&mut message) {
            Ok(length) => length,
            // A child of another test has ended.
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => panic!("{error} after {heard:#?}"),
        };
        heard.push(String::from_utf8_lossy(&message[..length]).into_owned());
        if heard.last().unwrap().contains(part) {
            return;
        }
    }
}

#[test]
fn status_says_when_hits_wait_and_when_they_do_not() {
    let mut redis = Redis::builder().appendonly().start();
    let place = Place::with_store(redis.url());
    let path = place.dir().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut daemon = Daemon::builder(program())
        .arg("serve")
        .args(place.flags())
        .args(place.listen_flags())
        .env("NOTIFY_SOCKET", &path)
        .start();
    hear(&socket, "STATUS=counting; badges at http://localhost:");
    redis.stop();
    place.syslog().send(line("o/r").as_bytes());
    hear(&socket, "STATUS=hits wait: ");
    redis.restart();
    hear(&socket, "STATUS=counting; badges at http://localhost:");
    stop(&mut daemon);
}
