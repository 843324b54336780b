//! Where visits came from, and what of a client is kept: nothing of its own without a word from the operator. Both stores,
//! every way in.

use crate::common::{Kind, PATIENCE, Place, stop};
use maxminddb_writer::{Database, metadata::IpVersion, paths::IpAddrWithMask};
use serde_json::{Value, json};
use std::{fs, io::Write, net::TcpStream, path::Path, process::Command};
use tallymark_testbed::{Daemon, free_tcp_port, http, wait_until};

const BROWSER: &str = "Mozilla/5.0 canary-agent Firefox/128.0";
const REFERER: &str = "https://canary-referer.example/";
/// Documentation addresses: no registry gives them to anybody.
const V4: &str = "203.0.113.77";
const V6: &str = "2001:db8:77:1::42";
const TOKEN: &str = "a-token-of-sixteen";
const CAMO: &str = "github-camo (876de43e)";

fn write_database(path: &Path, city: &str) {
    let mut database = Database::default();
    database.metadata.ip_version = IpVersion::V6;
    database.metadata.binary_format_major_version = 2;
    database.metadata.database_type = "Test".to_owned();
    database.metadata.description.insert("en".to_owned(), "a test".to_owned());
    let record = json!({"country": {"iso_code": "DE"}, "subdivisions": [{"iso_code": "HH"}], "city": {"names": {"en": city}}});
    let at = database.insert_value(record).unwrap();
    database.insert_node("2001:db8:77::/48".parse::<IpAddrWithMask>().unwrap(), at);
    let mut bytes = Vec::new();
    database.write_to(&mut bytes).unwrap();
    // As an updater does it: beside, and then in its place.
    fs::write(path.with_extension("new"), bytes).unwrap();
    fs::rename(path.with_extension("new"), path).unwrap();
}

fn place(kind: &Kind, config: &str) -> Place {
    let mut place = kind.place();
    place.configure(config);
    place
}

fn ask(place: &Place, path: &str, address: &str, agent: &str) -> String {
    let headers = [
        ("X-Forwarded-For", address),
        ("User-Agent", agent),
        ("Referer", REFERER),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Dest", "document"),
        ("Sec-Fetch-User", "?1"),
    ];
    let answer = http::request("GET", place.addr(), path, &headers, b"");
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text().to_owned()
}

/// A click; with Redis, a like is taken when the store has been claimed.
fn liked(place: &Place, address: &str) -> bool {
    let headers = [
        ("X-Forwarded-For", address),
        ("User-Agent", BROWSER),
        ("Referer", REFERER),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Dest", "document"),
        ("Sec-Fetch-User", "?1"),
    ];
    let answer = http::request("GET", place.addr(), "/v1/like/o/http/add", &headers, b"");
    answer.status == 200
}

/// The last visits, the latest first, once there are so many.
fn visits(place: &Place, name: &str, many: usize, token: bool) -> Vec<Value> {
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("Authorization", bearer.as_str())];
    let path = format!("/api/v1/counters/{name}/visits?event=visit");
    let read = || {
        let sent = if token { &headers[..] } else { &[] };
        let answer = http::request("GET", place.addr(), &path, sent, b"");
        serde_json::from_str::<Value>(answer.text()).unwrap()["visits"].as_array().unwrap().clone()
    };
    wait_until(&format!("{name} has {many} visits"), PATIENCE, || read().len() == many);
    read()
}

fn says(visit: &Value, key: &str) -> String {
    visit[key].as_str().unwrap_or_default().to_owned()
}

#[test]
fn visits_say_from_where_and_a_broken_database_is_refused_and_the_old_one_stays() {
    for kind in Kind::both() {
        let dir = tallymark_testbed::temp_dir();
        let path = dir.path().join("places.mmdb");
        write_database(&path, "Hamburg");
        let config = format!(
            "[visits]\ncooldown = \"0s\"\ngeo-database = {path:?}\ncamo-networks = [\"2001:db8:77:c::/64\"]\n"
        );
        let place = place(&kind, &config);
        let mut daemon = place.serve();
        for (address, agent, country, city) in [
            (V6, BROWSER, "DE", "Hamburg"),
            ("193.0.6.139", BROWSER, "NL", ""),
            ("::ffff:192.168.3.4", BROWSER, "LOCAL", ""),
            (V4, BROWSER, "", ""),
            // Where GitHub's proxy is says nothing of who looks.
            ("2001:db8:77:c::1", CAMO, "", ""),
        ] {
            let name = format!("o/{}", address.replace(':', "-"));
            ask(&place, &format!("/v1/{name}"), address, agent);
            let last = visits(&place, &name, 1, false).remove(0);
            assert_eq!(
                (says(&last, "country"), says(&last, "city")),
                (country.to_owned(), city.to_owned()),
                "{address}"
            );
            assert_eq!(says(&last, "region"), if city.is_empty() { "" } else { "HH" }, "{address}");
        }
        // The panel shows it at once, before and after the visit is in the store; and a like has it too.
        let panel = ask(&place, "/v1/o/panel", V6, BROWSER);
        assert!(panel.contains("Hamburg, DE"), "{panel}");
        ask(&place, "/v1/like/o/panel/add", V6, BROWSER);
        let panel = ask(&place, "/v1/like/o/panel", "192.168.0.1", BROWSER);
        assert!(panel.contains("Hamburg, DE"), "{panel}");

        fs::write(&path, &fs::read(&path).unwrap()[..50]).unwrap();
        wait_until("the broken one is told", PATIENCE, || {
            daemon.stderr().contains("is not reloaded, the old one stays")
        });
        assert!(ask(&place, "/v1/o/still", V6, BROWSER).contains("Hamburg, DE"));
        assert_eq!(place.run(&["check-config"]).code, Some(78));
        write_database(&path, "Bremen");
        let mut at = 0;
        wait_until("the new one is used", PATIENCE, || {
            at += 1;
            ask(&place, &format!("/v1/o/new{at}"), V6, BROWSER).contains("Bremen, DE")
        });
        stop(&mut daemon);
        fs::write(&path, "no database").unwrap();
        place.run(&["serve"]).refused(78, &["geo-database", "places.mmdb"]);
    }
}

/// Everything that is written somewhere: files, the log, the metrics, every key and value of Redis.
fn everywhere(place: &Place, kind: &Kind, daemon: &Daemon, metrics: &str) -> Vec<(String, Vec<u8>)> {
    let mut all = vec![
        ("the log".to_owned(), (daemon.stdout() + &daemon.stderr()).into_bytes()),
        ("the metrics".to_owned(), metrics.as_bytes().to_vec()),
    ];
    let mut dirs = vec![place.data_dir(), place.badges_dir()];
    if let Kind::Redis(redis) = kind {
        assert_eq!(redis.cli(&["SAVE"]), "OK");
        dirs.push(redis.dir().to_owned());
        for key in redis.cli(&["KEYS", "*"]).lines() {
            let read: &[&str] = match redis.cli(&["TYPE", key]).trim() {
                "string" => &["GET", key],
                "list" => &["LRANGE", key, "0", "-1"],
                "hash" => &["HGETALL", key],
                "set" => &["SMEMBERS", key],
                "stream" => &["XRANGE", key, "-", "+"],
                other => panic!("{key} is a {other}"),
            };
            all.push((key.to_owned(), [key, &redis.cli(read)].concat().into_bytes()));
        }
    }
    let listed = Command::new("find").args(&dirs).args(["-type", "f"]).output().unwrap();
    for file in String::from_utf8(listed.stdout).unwrap().lines() {
        all.push((file.to_owned(), fs::read(file).unwrap_or_default()));
    }
    all
}

fn where_is(all: &[(String, Vec<u8>)], canary: &str) -> Vec<String> {
    let has =
        |bytes: &[u8]| bytes.windows(canary.len()).any(|part| part.eq_ignore_ascii_case(canary.as_bytes()));
    all.iter().filter(|(_, bytes)| has(bytes)).map(|(what, _)| what.clone()).collect()
}

#[test]
fn no_address_and_no_text_of_a_client_stays_anywhere_unless_it_is_asked_for() {
    for (kind, asked_for) in
        Kind::both().into_iter().zip([false, false]).chain(Kind::both().into_iter().zip([true, true]))
    {
        let tcp = free_tcp_port();
        let store = if asked_for { "store = [\"address\", \"user-agent\", \"referer\"]\n" } else { "" };
        let mut place = kind.place();
        place.configure(&format!(
            "[http]\ntokens = [{TOKEN:?}]\n[visits]\ncooldown = \"0s\"\nkeep = 9\n{store}\
             [[source]]\nkind = \"syslog-udp\"\nlisten = \"127.0.0.1:{}\"\n\
             [[source]]\nkind = \"syslog-tcp\"\nlisten = \"127.0.0.1:{tcp}\"\n\
             [[route]]\ntag = \"all\"\ncolumns = [\"time\", \"name\", \"address\", \"user-agent\", \"referer\"]\ndecode = 1\n",
            place.udp
        ));
        let mut daemon = place.serve();
        let mut syslog = place.syslog();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let mut stream = TcpStream::connect(("127.0.0.1", tcp)).unwrap();
        for address in [V4, V6] {
            ask(&place, "/badge.svg?repo=o/http", address, BROWSER);
            ask(&place, "/v1/o/http", address, BROWSER);
            wait_until("a like is taken", PATIENCE, || liked(&place, address));
            for name in ["o/lines", ""] {
                // The second one has no name: a line that is rejected.
                let record = format!(r#""{now}.000","{name}","{address}","{BROWSER}","{REFERER}""#);
                let line = format!("<158>Nov 20 12:00:00 web1 all: {record}");
                syslog.send(line.as_bytes());
                stream.write_all(format!("{line}\n").as_bytes()).unwrap();
            }
        }
        visits(&place, "o/http", 4, false);
        visits(&place, "o/lines", 4, false);
        for source in ["syslog-udp", "syslog-tcp"] {
            wait_until("every line is in the counters", PATIENCE, || {
                place.metrics().lines(source)[..3] == [4, 2, 2]
            });
        }
        wait_until("a badge is a file", PATIENCE, || place.published("o/http") == Some(4));
        for (token, shown) in [(false, false), (true, asked_for)] {
            let last = visits(&place, "o/lines", 4, token).remove(0);
            for key in ["address", "user_agent", "referer"] {
                assert_eq!(!says(&last, key).is_empty(), shown, "{key}: {last}");
            }
        }
        let metrics = http::get(place.addr(), "/metrics").text().to_owned();
        let running = everywhere(&place, &kind, &daemon, &metrics);
        stop(&mut daemon);
        let stopped = everywhere(&place, &kind, &daemon, &metrics);
        for canary in [V4, V6, "2001:db8:77:1:", "canary-agent", "canary-referer"] {
            for all in [&running, &stopped] {
                let found = where_is(all, canary);
                if asked_for {
                    assert!(!found.is_empty(), "{canary} is nowhere");
                    assert!(!found.iter().any(|what| what.starts_with("the ")), "{canary} is in {found:?}");
                } else {
                    assert_eq!(found, Vec::<String>::new(), "{canary}");
                }
            }
        }
    }
}
