//! The pages in a real browser: as a person walks through them, on a desk and on a phone, light and dark, with a script
//! and without. Screenshots are kept with the other test output in the target directory.

use crate::common::{PATIENCE, Place, program};
use serde_json::{Value, json};
use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::Command,
    sync::Mutex,
    time::{SystemTime, UNIX_EPOCH},
};
use tallymark_core::Day;
use tallymark_testbed::{http, wait_until};

const CONFIG: &str =
    "[visits]\nkeep = 50\n[http]\ntokens = [\"a-token-of-sixteen\"]\ntrusted-proxies = [\"127.0.0.0/8\"]\n";
const CHROMIUM: &str = "/usr/bin/chromium";

/// Names that are as wide, as foreign or as hostile as names get, among thirty that are not.
fn items() -> Vec<Value> {
    let odd = [
        "busy/name",
        "日本語/リポジトリ",
        "عربي/مستودع",
        "<script>alert(1)</script>",
        "a-very-long-organisation/and-a-repository-whose-name-does-not-fit-into-any-column-of-any-table-on-a-phone",
        "https://www.example.com/some/path?x=1&y=2",
    ];
    let names = odd.map(str::to_owned).into_iter().chain((0..30).map(|n| format!("owner{n}/project")));
    let today = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 86_400;
    let (today, mut items) = (today as i32, Vec::new());
    for (at, name) in names.enumerate() {
        // The first is the busiest in every period; the counts fall, and rise and fall from day to day.
        let count = 900_000 / (at * at + 1) + 30 - at.min(29);
        items.push(json!({"name": name, "count": count}));
        for day in 1..28 {
            let time = format!("{}T12:00:00Z", Day(today - day as i32));
            items.push(json!({"name": name, "count": 1 + count * (day * 7 % 11) / 40, "time": time}));
        }
        if at < 5 {
            items.push(json!({"name": name, "event": "like", "count": 9 - at}));
        }
    }
    // Invisible names, and more of them than fit on one line of a narrow box.
    for (at, name) in [" ", "\u{2028}", "a\u{202e}gpj.exe", "pay\u{200b}pal"].into_iter().enumerate() {
        let item = json!({"name": name, "event": "url", "count": 1_000_000 / (at + 1)});
        items.extend(std::iter::repeat_n(item, 1_200));
    }
    for (status, count) in [("closed", 7), ("\u{202e}odd", 2)] {
        items.push(json!({"name": "busy/name", "event": "order", "status": status, "count": count}));
    }
    let agents = [
        "github-camo (1)",
        "github-camo (1)",
        "Gecko Firefox/1",
        "Googlebot",
        "curl/8",
        "GoogleImageProxy",
        "",
    ];
    items.extend((0..40).map(|n| json!({"name": "busy/name", "user_agent": agents[n % 11 % agents.len()]})));
    items
}

/// Badges that people in several countries look at, and GitHub's proxy.
fn ask_from_everywhere(address: SocketAddr) {
    let browser = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
    let asking = [
        ("140.82.115.7", "github-camo (876de43e)"),
        ("192.0.2.7", "curl/8.5.0"),
        ("10.0.0.1", browser),
        ("8.8.8.8", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"),
        ("8.8.4.4", browser),
        ("66.249.84.1", "Mozilla/5.0 Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"),
        ("193.0.6.139", browser),
        ("202.12.29.175", browser),
        ("196.216.2.136", browser),
        ("200.3.14.184", browser),
    ];
    for (from, agent) in asking {
        let headers = [("X-Forwarded-For", from), ("User-Agent", agent)];
        assert_eq!(http::request("GET", address, "/badge.svg?repo=who/asks", &headers, b"").status, 200);
    }
}

/// Two browsers at once take longer than a page waits, where there are two processors.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn pages_work_in_a_browser_with_a_script_and_without() {
    let _turn = TURN.lock();
    let place = Place::with_config(CONFIG);
    let _daemon = place.serve();
    wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
    let headers = [("Authorization", "Bearer a-token-of-sixteen"), ("Content-Type", "application/json")];
    let body = Value::from(items()).to_string();
    let answer = http::request("POST", place.addr(), "/api/v1/hits", &headers, body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    ask_from_everywhere(place.addr());
    for path in ["/?period=minute", "/?period=all", "/?event=like", "/?event=url"] {
        wait_until("names are ranked", PATIENCE, || http::get(place.addr(), path).text().contains("tick-4"));
    }

    let closed = Place::with_config(&format!("{CONFIG}visibility = \"token\"\n"));
    let _closed_daemon = closed.serve();
    drive("dashboard.mjs", &format!("http://{}", place.addr()), &[format!("http://{}", closed.addr())]);
}

#[test]
fn a_click_on_a_panel_likes_and_nothing_else_does() {
    let _turn = TURN.lock();
    let place = Place::with_config("[visits]\nkeep = 50\n");
    let _daemon = place.serve();
    wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
    drive("likes.mjs", &format!("http://{}", place.addr()), &[]);
}

#[test]
fn the_badge_maker_keeps_to_its_form() {
    let _turn = TURN.lock();
    let (place, empty) = (Place::new(), Place::new());
    let (_daemon, _empty_daemon) = (place.serve(), empty.serve());
    wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
    place.hit("o/r");
    wait_until("it is ranked", PATIENCE, || http::get(place.addr(), "/").text().contains("tick-1"));
    let empty = format!("http://{}", empty.addr());
    drive("maker.mjs", &format!("http://{}", place.addr()), &[empty]);
}

/// What Asciidoctor makes of the snippets, whatever is in the name and the label.
#[test]
fn asciidoc_gives_exactly_the_address_and_the_text() {
    let place = Place::new();
    let _daemon = place.serve();
    wait_until("it is ready", PATIENCE, || http::get(place.addr(), "/readyz").status == 200);
    drive("asciidoc.mjs", &format!("http://{}", place.addr()), &[]);
}

/// Runs a script with the modules, the browser, the address, the directory for pictures, and what it wants besides.
#[track_caller]
fn drive(script: &str, address: &str, more: &[String]) {
    let target = program().parent().and_then(Path::parent).unwrap();
    let modules = target.join("browser");
    assert!(
        modules.join("node_modules/playwright-core").exists() && Path::new(CHROMIUM).exists(),
        "`cargo xtask test` fetches what this needs"
    );
    let pictures = target.join("screenshots");
    fs::create_dir_all(&pictures).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser").join(script);
    let mut node = Command::new("node");
    node.arg(script).arg(modules).arg(CHROMIUM).arg(address).arg(pictures).args(more);
    let ran = node.output().expect("node starts");
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success() && out.ends_with("no faults\n"), "{out}\n{err}");
}
