use super::*;

/// What pyzmq's PUB socket says first, byte for byte: libzmq 4.3, ZMTP 3.1.
fn hello() -> Vec<u8> {
    let mut hello = vec![0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1];
    hello.extend_from_slice(b"NULL");
    hello.resize(64, 0);
    hello.extend_from_slice(b"\x04\x26\x05READY\x0bSocket-Type\0\0\0\x03PUB\x08Identity\0\0\0\0");
    hello
}

#[derive(Debug, PartialEq)]
enum Seen {
    Ready,
    Message(Vec<u8>),
    Rejected(Reject),
    Answer(Vec<u8>),
}

fn see(subscription: &mut Subscription, bytes: &[u8]) -> Result<Vec<Seen>, NotAPublisher> {
    let mut seen = Vec::new();
    subscription.push(bytes, |received| {
        seen.push(match received {
            Received::Ready => Seen::Ready,
            Received::Message(message) => Seen::Message(message.to_vec()),
            Received::Rejected(reject) => Seen::Rejected(reject),
            Received::Answer(answer) => Seen::Answer(answer.to_vec()),
        });
    })?;
    Ok(seen)
}

fn ready(max: usize) -> Subscription {
    let mut subscription = Subscription::new("", max);
    see(&mut subscription, &hello()).unwrap();
    subscription
}

#[test]
fn handshake_leads_to_a_subscription() {
    let mut subscription = Subscription::new("pageview", 100);
    assert_eq!(subscription.greeting().len(), 64);
    let expected =
        [Seen::Answer(READY.to_vec()), Seen::Answer(b"\x00\x09\x01pageview".to_vec()), Seen::Ready];
    assert_eq!(see(&mut subscription, &hello()).unwrap(), expected);
    assert_eq!(usize::from(READY[1]), READY.len() - 2);
    // Byte for byte it is the same.
    let mut slow = Subscription::new("pageview", 100);
    let seen: Vec<Seen> =
        hello().iter().flat_map(|byte| see(&mut slow, std::slice::from_ref(byte)).unwrap()).collect();
    assert_eq!(seen, expected);
    assert!(!slow.is_partial());
}

#[test]
fn frames_become_messages_wherever_they_are_cut() {
    let long = [b"y".repeat(300), b"z".repeat(256)];
    let mut stream = b"\x00\x03abc\x00\x00".to_vec();
    for body in &long {
        stream.extend(frame(0, body));
    }
    let expected = [b"abc".to_vec(), Vec::new(), long[0].clone(), long[1].clone()].map(Seen::Message);
    for chunk in [1, 2, 7, 300, 10_000] {
        let mut subscription = ready(1000);
        let seen: Vec<Seen> =
            stream.chunks(chunk).flat_map(|chunk| see(&mut subscription, chunk).unwrap()).collect();
        assert_eq!(seen, expected, "{chunk}");
        assert!(!subscription.is_partial());
    }
}

#[test]
fn what_is_too_long_or_has_parts_is_skipped_and_counted_once() {
    let mut subscription = ready(4);
    let rows: &[(&[u8], &[Seen])] = &[
        (b"\x00\x05hello\x00\x01a", &[Seen::Rejected(Reject::TooLong), Seen::Message(b"a".to_vec())]),
        (b"\x01\x01a\x01\x09bbbbbbbbb\x00\x01c", &[Seen::Rejected(Reject::Multipart)]),
        (b"\x01\x00\x00\x00\x00\x01d", &[Seen::Rejected(Reject::Multipart), Seen::Message(b"d".to_vec())]),
        (b"\x02\0\0\0\0\0\0\0\x01e", &[Seen::Message(b"e".to_vec())]),
        // 2^63 bytes are announced; no memory is allocated.
        (b"\x02\x80\0\0\0\0\0\0\0xxx", &[Seen::Rejected(Reject::TooLong)]),
        (&[b'x'; 5000], &[]),
    ];
    for (bytes, expected) in rows {
        assert_eq!(see(&mut subscription, bytes).unwrap(), *expected);
    }
    assert!(subscription.is_partial() && subscription.held.is_empty());
}

#[test]
fn pings_are_answered_and_other_commands_ignored() {
    let mut subscription = ready(100);
    let seen =
        see(&mut subscription, b"\x04\x0a\x04PING\x00\x64abc\x04\x05\x04PONG\x04\x06\x05HELLO\x00\x01a")
            .unwrap();
    assert_eq!(seen, [Seen::Answer(b"\x04\x08\x04PONGabc".to_vec()), Seen::Message(b"a".to_vec())]);
}

#[test]
fn peers_that_are_no_publishers_are_refused() {
    let plain = |mechanism: &[u8]| {
        let mut greeting = hello()[..64].to_vec();
        greeting[12..12 + mechanism.len()].copy_from_slice(mechanism);
        greeting
    };
    let with_type = |kind: &[u8]| {
        let mut bytes = hello()[..64].to_vec();
        let mut ready = b"\x05READY\x0bSocket-Type".to_vec();
        ready.extend_from_slice(&(kind.len() as u32).to_be_bytes());
        ready.extend_from_slice(kind);
        bytes.extend(frame(COMMAND, &ready));
        bytes
    };
    let rows: [(Vec<u8>, NotAPublisher); 9] = [
        (b"HTTP/1.1 400".to_vec(), NotAPublisher::Protocol),
        (b"\xff\0\0\0\0\0\0\0\x01\x7f\x01".to_vec(), NotAPublisher::Protocol),
        (plain(b"PLAIN"), NotAPublisher::Mechanism),
        (plain(b"CURVE"), NotAPublisher::Mechanism),
        (with_type(b"PUSH"), NotAPublisher::SocketType),
        (with_type(b""), NotAPublisher::SocketType),
        ([&hello()[..64], b"\x04\x07\x05ERROR\x00"].concat(), NotAPublisher::Command),
        ([&hello()[..64], b"\x06\xff\xff\xff\xff\xff\xff\xff\xff"].concat(), NotAPublisher::Command),
        ([&hello()[..64], b"\x00\x01a"].concat(), NotAPublisher::Protocol),
    ];
    for (bytes, why) in rows {
        assert_eq!(see(&mut Subscription::new("", 10), &bytes), Err(why), "{}", bytes.escape_ascii());
    }
    assert!(see(&mut Subscription::new("", 10), &with_type(b"XPUB")).is_ok());
}
