//! Every form in which real relays bring nginx's lines: rsyslog and syslog-ng, alone and one behind the other, with
//! their own templates, over UDP and TCP, from RFC 3164 and RFC 5424. Each line counts exactly once, and each fold of
//! repeats as often as it says.

use crate::common::{PATIENCE, Place, Syslog, line, stop, today};
use std::fmt::Write as _;
use tallymark_testbed::{Nginx, Rsyslog, SyslogNg, http, wait_until};

/// Lines of each form through each relay.
const LINES: u64 = 3;

/// What the test itself sends to every relay; `DAY` and `NAME` are filled in. nginx sends two more.
const FORMS: [(&str, &str); 5] = [
    ("rfc3164", "<158>Nov 28 14:01:53 web01 badge: \"DAY\",\"NAME\""),
    ("rfc3164-pid", "<158>Nov  8 14:01:53 web01 badge[12]: \"DAY\",\"NAME\""),
    ("iso", "<158>2026-11-28T14:01:53.123456+01:00 web01 badge: \"DAY\",\"NAME\""),
    ("rfc5424", "<158>1 2026-11-28T14:01:53Z web01 badge - - - \"DAY\",\"NAME\""),
    ("rfc5424-pid", "<158>1 2026-11-28T14:01:53.123Z web01 badge 12 ID [a@1 b=\"c\"] \"DAY\",\"NAME\""),
];

enum Relay {
    Rsyslog(Rsyslog),
    SyslogNg(SyslogNg),
}

impl Relay {
    fn port(&self) -> u16 {
        match self {
            Relay::Rsyslog(relay) => relay.port(),
            Relay::SyslogNg(relay) => relay.port(),
        }
    }
}

fn rsyslog(template: &str, protocol: &str, to: u16) -> Relay {
    Relay::Rsyslog(Rsyslog::start(|site| {
        format!(
            "module(load=\"imudp\")\ninput(type=\"imudp\" address=\"127.0.0.1\" port=\"{}\")\n\
             *.* action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{to}\" {protocol} template=\"{template}\")\n",
            site.port
        )
    }))
}

fn syslog_ng(source: &str, destination: &str, to: u16) -> Relay {
    let destination = destination.replace("PORT", &to.to_string());
    Relay::SyslogNg(SyslogNg::start(|site| {
        let source = source.replace("PORT", &site.port.to_string());
        format!("log {{ source {{ {source}; }}; destination {{ {destination}; }}; }};")
    }))
}

/// Each relay in front of the daemon at `to`, with the owner of the names that are sent through it.
fn relays(to: u16) -> Vec<(String, Relay)> {
    let mut relays = Vec::new();
    for template in
        ["RSYSLOG_TraditionalForwardFormat", "RSYSLOG_ForwardFormat", "RSYSLOG_SyslogProtocol23Format"]
    {
        for protocol in [
            "protocol=\"udp\"",
            "protocol=\"tcp\" TCP_Framing=\"traditional\"",
            "protocol=\"tcp\" TCP_Framing=\"octet-counted\"",
        ] {
            let kind = protocol.split('"').rev().nth(1).unwrap();
            relays.push((format!("rsyslog-{template}-{kind}"), rsyslog(template, protocol, to)));
        }
    }
    for (from, source) in [
        ("network", "network(transport(udp) ip(127.0.0.1) port(PORT))"),
        ("nohost", "network(transport(udp) ip(127.0.0.1) port(PORT) flags(no-hostname))"),
        ("syslog", "syslog(transport(udp) ip(127.0.0.1) port(PORT))"),
    ] {
        for (by, destination) in [
            ("network", "network(\"127.0.0.1\" port(PORT) transport(udp))"),
            ("frac", "network(\"127.0.0.1\" port(PORT) transport(tcp) frac-digits(3))"),
            (
                "iso",
                "network(\"127.0.0.1\" port(PORT) transport(udp) template(\"<$PRI>$ISODATE $HOST $MSGHDR$MSG\\n\"))",
            ),
            ("syslog-udp", "syslog(\"127.0.0.1\" port(PORT) transport(udp))"),
            ("syslog-tcp", "syslog(\"127.0.0.1\" port(PORT) transport(tcp) frac-digits(6))"),
        ] {
            relays.push((format!("syslog-ng-{from}-{by}"), syslog_ng(source, destination, to)));
        }
    }
    relays
}

/// Relays behind relays: each of the second kind leads to one of the first.
fn chains(to: u16) -> Vec<(String, Relay)> {
    let source = "network(transport(udp) ip(127.0.0.1) port(PORT) flags(no-hostname))";
    let network = "network(\"127.0.0.1\" port(PORT) transport(udp))";
    let syslog = "syslog(\"127.0.0.1\" port(PORT) transport(udp))";
    let udp = "protocol=\"udp\"";
    let last = rsyslog("RSYSLOG_TraditionalForwardFormat", udp, to);
    let first = syslog_ng(source, syslog, last.port());
    let last_ng = syslog_ng(source, network, to);
    let first_rsyslog = rsyslog("RSYSLOG_SyslogProtocol23Format", udp, last_ng.port());
    let before = syslog_ng(source, network, first_rsyslog.port());
    [("last", last), ("chain", first), ("last-ng", last_ng), ("chain-ng", first_rsyslog), ("three", before)]
        .into_iter()
        .map(|(name, relay)| (name.to_owned(), relay))
        .collect()
}

/// nginx, which logs requests for `/N` to the relay of that number: with a host at `/N`, without at `/N/bare`.
fn nginx(relays: &[(String, Relay)]) -> Nginx {
    Nginx::start(|site| {
        let mut locations = String::new();
        for (at, (_, relay)) in relays.iter().enumerate() {
            for (path, host) in [("", ""), ("/bare", "nohostname,")] {
                let server = format!(
                    "syslog:server=127.0.0.1:{},{host}facility=local3,tag=tallymark,severity=info",
                    relay.port()
                );
                writeln!(locations, "location = /{at}{path} {{ access_log {server} line; return 200; }}")
                    .unwrap();
            }
        }
        format!(
            "log_format line '\"$msec\",\"$arg_name\"';\nserver {{ listen 127.0.0.1:{};\n{locations} }}",
            site.port
        )
    })
}

#[test]
fn every_form_through_every_relay_counts_exactly() {
    let place = Place::with_config(
        "[[source]]\nkind = \"syslog-udp\"\nlisten = \"UDP\"\n[[source]]\nkind = \"syslog-tcp\"\nlisten = \"UDP\"\n",
    );
    let mut daemon = place.serve();
    let mut relays = relays(place.udp);
    relays.extend(chains(place.udp));
    let nginx = nginx(&relays);
    let mut names = Vec::new();
    for _ in 0..LINES {
        for (at, (owner, relay)) in relays.iter().enumerate() {
            let mut syslog = Syslog::to(relay.port());
            for (form, text) in FORMS {
                let name = format!("{owner}/{form}");
                syslog.send(text.replace("DAY", &today()).replace("NAME", &name).as_bytes());
                names.push(name);
            }
            for (form, path) in [("nginx", ""), ("nginx-nohostname", "/bare")] {
                let name = format!("{owner}/{form}");
                assert_eq!(http::get(nginx.addr(), &format!("/{at}{path}?name={name}")).status, 200);
                names.push(name);
            }
        }
    }
    let received =
        || ["syslog-udp", "syslog-tcp"].map(|source| place.metrics().lines(source)[0]).iter().sum::<u64>();
    wait_until("every line has arrived", PATIENCE, || received() >= names.len() as u64);
    stop(&mut daemon);
    names.sort();
    names.dedup();
    let wrong: Vec<String> = names
        .iter()
        .map(|name| (name, place.total(name)))
        .filter(|(_, total)| *total != LINES)
        .map(|(name, total)| format!("{name}: {total}"))
        .collect();
    assert!(wrong.is_empty(), "not {LINES}:\n{}", wrong.join("\n"));
}

/// Ten identical lines and another one: what arrives, and what counts.
#[track_caller]
fn folded(relay: impl FnOnce(u16) -> Relay) -> (Place, [u64; 2]) {
    let place = Place::with_config("[[source]]\nkind = \"syslog-udp\"\nlisten = \"UDP\"\n");
    let mut daemon = place.serve();
    let relay = relay(place.udp);
    let mut syslog = Syslog::to(relay.port());
    for _ in 0..10 {
        syslog.send(line("o%252Fr").as_bytes());
    }
    syslog.send(line("last").as_bytes());
    wait_until("the last line has arrived", PATIENCE, || place.metrics().lines("syslog-udp")[0] == 3);
    let repeated = place.metrics().rejected("syslog-udp").get("repeated").copied().unwrap_or(0);
    stop(&mut daemon);
    let counted = place.total("o/r");
    (place, [counted, repeated])
}

#[test]
fn repeats_that_rsyslog_folds_count_their_number() {
    let (place, outcome) = folded(|to| {
        Relay::Rsyslog(Rsyslog::start(|site| {
            format!(
                "$RepeatedMsgReduction on\nmodule(load=\"imudp\")\n\
                 input(type=\"imudp\" address=\"127.0.0.1\" port=\"{}\")\n*.* @127.0.0.1:{to}\n",
                site.port
            )
        }))
    });
    assert_eq!((outcome, place.total("last")), ([10, 0], 1));
}

/// syslog-ng quotes 20 bytes of what was repeated, which does not include the name.
#[test]
fn repeats_that_syslog_ng_suppresses_are_rejected_as_such() {
    let (place, outcome) = folded(|to| {
        let source = "network(transport(udp) ip(127.0.0.1) port(PORT))";
        syslog_ng(source, "network(\"127.0.0.1\" port(PORT) transport(udp) suppress(30))", to)
    });
    assert_eq!((outcome, place.total("last")), ([1, 1], 1));
}
