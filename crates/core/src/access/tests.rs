//! Rows of access-log line -> hit or reject.

use super::*;
use crate::{Minute, NameRule, When};
use proptest::prelude::*;

/// 2026-11-20T12:00:30Z.
const NOW: Now = Now { unix_ms: 1_795_176_030_000 };
/// 2026-11-20T03:59Z.
const AT: When = When::Minute(Minute(29_919_119));

fn read(line: &str) -> Result<(String, When), Reject> {
    let mut reader = AccessReader::new(Dating::Own);
    let hit = reader.read(None, (&Route::default(), ""), line.as_bytes(), NOW)?;
    Ok((hit.name.to_string(), hit.when))
}

/// A line of the format with this request and status.
fn line(request: &str, status: &str) -> String {
    format!(
        r#"192.0.2.7 - - [20/Nov/2026:03:59:49 +0000] "{request}" {status} 512 "https://github.com/o/r" "Mozilla/5.0 (\x22x\x22)""#
    )
}

#[track_caller]
fn request(request: &str, expect: Result<&str, Reject>) {
    let read = read(&line(request, "200"));
    assert_eq!(read, expect.map(|name| (name.to_owned(), AT)), "{request}");
}

#[test]
fn badge_requests_give_the_name_as_nginx_reads_it() {
    for target in [
        "/badge.svg?repo=o/r",
        "/badge.svg?repo=o%2Fr",
        "/badge.svg?repo=o%2fr",
        "/badge.svg?REPO=o/r&repo=x/y",
        "/badge.svg?t=1&repo=o/r&z",
        "/badge/o/r.svg",
        "/badge/o/r.png?scale=3",
        "/badge.png?repo=o/r",
        "/badge/o%2Fr.svg?label=x",
        "http://hits.example.org/badge.svg?repo=o/r",
        "https://hits.example.org/badge/o/r.svg",
        r"/badge.svg?repo=o\x2Fr",
        "/badge.svg?repo=o/r&count=true",
        "/badge.svg?repo=o/r&count=yes&count=false",
    ] {
        request(&format!("GET {target} HTTP/1.1"), Ok("o/r"));
    }
    request("GET /badge.svg?repo=o%252Fr HTTP/2.0", Ok("o%2Fr"));
    request("GET /badge/%E6%97%A5.svg HTTP/1.0", Ok("日"));
    request(r"GET /badge/\xE6\x97\xA5.svg HTTP/1.0", Ok("日"));
}

#[test]
fn other_requests_are_no_badge() {
    for other in [
        "GET / HTTP/1.1",
        "GET /badge.svgx?repo=o/r HTTP/1.1",
        "GET /badge/o/r.json HTTP/1.1",
        "GET /badges.svg?repo=o/r HTTP/1.1",
        "GET /repo/o/r HTTP/1.1",
        "GET /badge.svg?repo=o/r",
        "GET /badge.svg?repo=o/r HTTP/1.1 x",
        "GET /badge.svg?repo=o/r FTP/1.1",
        "GET /badge.svg?count=false&repo=o/r HTTP/1.1",
        "GET /badge.svg?repo=o/r&Count=0 HTTP/1.1",
        r"\x16\x03\x01",
        "-",
        "",
    ] {
        request(other, Err(Reject::NotABadge));
    }
}

#[test]
fn only_a_get_that_showed_a_picture_counts() {
    request("HEAD /badge.svg?repo=o/r HTTP/1.1", Err(Reject::Method));
    request("get /badge.svg?repo=o/r HTTP/1.1", Err(Reject::Method));
    for (status, expect) in [
        ("206", Ok(())),
        ("304", Ok(())),
        ("404", Err(Reject::Status)),
        ("499", Err(Reject::Status)),
        ("2000", Err(Reject::Columns)),
        ("", Err(Reject::Columns)),
    ] {
        let read = read(&line("GET /badge.svg?repo=o/r HTTP/1.1", status)).map(|_| ());
        assert_eq!(read, expect, "{status}");
    }
}

#[test]
fn names_follow_the_rules_of_every_route() {
    request("GET /badge.svg HTTP/1.1", Err(Reject::NoName));
    request("GET /badge.svg?repo= HTTP/1.1", Err(Reject::NoName));
    request("GET /badge/.svg HTTP/1.1", Err(Reject::NoName));
    request("GET /badge.svg?repo=~all HTTP/1.1", Err(Reject::Name));
    request("GET /badge.svg?repo=%00 HTTP/1.1", Err(Reject::Name));
    request("GET /badge.svg?repo=%FF HTTP/1.1", Err(Reject::Name));
    request(r"GET /badge.svg?repo=\q HTTP/1.1", Err(Reject::Escape));
    let github = Route { names: NameRule::Github, ..Route::default() };
    let mut reader = AccessReader::new(Dating::Own);
    let text = line("GET /badge.svg?repo=blog HTTP/1.1", "200");
    assert_eq!(reader.read(None, (&github, ""), text.as_bytes(), NOW), Err(Reject::Name));
}

#[test]
fn users_and_added_fields_may_be_anything_but_another_line() {
    let head = "[20/Nov/2026:03:59:49 +0000]";
    let get = r#""GET /badge.svg?repo=o/r HTTP/1.1" 200"#;
    for good in [
        format!(r#"::1 - bob {head} {get} - "-" "-""#),
        format!(r#"::1 - a b [01/Jan/2020:00:00:00 +0000] {head} {get} 5 "-" "-""#),
        format!(r#"::1 - a\"b {head} {get} 5 "-" "-""#),
        format!(r#"::1 - - {head} {get} 5 "-" "-" "10.0.0.1""#),
        format!(r#"::1 - - {head} {get} 5 "-" "-" rt=0.001 0.002 "x""#),
        format!(r#"::1 - - {head} {get} 5 "\\" "a \" b""#),
    ] {
        assert_eq!(read(&good), Ok(("o/r".to_owned(), AT)), "{good}");
    }
    for bad in [
        format!(r#"{head} {get} 5 "-" "-""#),
        format!(r#"::1 - {head} {get} 5 "-" "-""#),
        format!(r#"::1 - - {get} 5 "-" "-""#),
        format!(r#"::1 - - {head}{get} 5 "-" "-""#),
        format!(r#"::1 - - {head} {get}"#),
        format!(r#"::1 - - {head} {get} 5 "-" "-" "#),
        format!(r#"::1 - - {head} {get} x "-" "-""#),
        format!(r#"::1 - - {head} {get} 5 "-" "-"x"#),
    ] {
        assert_eq!(read(&bad), Err(Reject::Columns), "{bad}");
    }
    assert_eq!(read(&format!(r#"::1 - - {head} {get} 5 "-" "-"#)), Err(Reject::Quote));
    assert_eq!(read("hello"), Err(Reject::Quote));
    assert_eq!(
        read(&line("GET /badge.svg?repo=o/r HTTP/1.1", "200").replace("Nov", "nov")),
        Err(Reject::Time)
    );
    // A file's own past is kept, its future is not.
    let year = |year: &str| read(&line("GET /badge.svg?repo=o/r HTTP/1.1", "200").replace("2026", year));
    assert!(year("2019").is_ok());
    assert_eq!(year("2027"), Err(Reject::Date));
}

#[test]
fn relatives_of_combined_are_read() {
    let get = r#"[20/Nov/2026:03:59:49 +0000] "GET /badge.svg?repo=o/r HTTP/1.1" 200"#;
    for good in [
        // common
        format!("192.0.2.7 - - {get} 512"),
        format!("2001:db8::7 - - {get} -"),
        // Apache's vhost_combined
        format!(r#"hits.example.org:443 192.0.2.7 - - {get} 512 "-" "curl/8""#),
        // X-Forwarded-For in front and behind
        format!(r#""203.0.113.9, 10.0.0.1" 10.0.0.2 - - {get} 512 "-" "curl/8""#),
        format!(r#"203.0.113.9, 10.0.0.1 - - {get} 512 "-" "curl/8""#),
        format!(r#"10.0.0.2 - - {get} 512 "-" "curl/8" "203.0.113.9, 10.0.0.1""#),
        // ingress-nginx
        format!(
            r#"10.0.0.2 - - {get} 512 "-" "curl/8" 458 0.004 [default-hits-80] [] 10.1.2.3:8080, 10.1.2.4:8080 0, 512 0.000, 0.004 502, 200 6a3f1b"#
        ),
        // Traefik
        format!(r#"10.0.0.2 - - {get} 512 "-" "curl/8" 17 "hits@docker" "http://172.17.0.2:80" 4ms"#),
        // The host between time and request
        format!(r#"10.0.0.2 - - {}"#, get.replace("] \"", "] hits.example.org \"") + " 512"),
    ] {
        assert_eq!(read(&good), Ok(("o/r".to_owned(), AT)), "{good}");
    }
    // Half a line, with another one after it.
    let line = format!("192.0.2.7 - - {get} 512");
    for cut in line.find('"').unwrap() + 1..=line.len() {
        assert!(read(&format!("{}{line}", &line[..cut])).is_err(), "{cut}");
    }
}

#[test]
fn path_of_the_base_url_may_be_there_or_not() {
    let mut reader = AccessReader::new(Dating::Own);
    for (target, counts) in
        [("/badge/o/r.svg", true), ("/hits/badge/o/r.svg", true), ("/other/badge/o/r.svg", false)]
    {
        let text = line(&format!("GET {target} HTTP/1.1"), "200");
        let read = reader.read(None, (&Route::default(), "/hits"), text.as_bytes(), NOW);
        assert_eq!(read.is_ok(), counts, "{target}");
    }
}

#[test]
fn json_of_nginx_caddy_and_traefik_is_read() {
    for good in [
        r#"{"time":"2026-11-20T03:59:49+00:00","remote_addr":"192.0.2.7","request":"GET /badge.svg?repo=o/r HTTP/1.1","status":"200"}"#,
        r#"{"msec":1795147189.123,"request_method":"GET","request_uri":"/badge/o%2Fr.svg","status":200,"http_user_agent":"a \"b\""}"#,
        r#"{"time_local":"20/Nov/2026:03:59:49 +0000","method":"GET","uri":"/badge.svg","args":"repo=o/r","status":304}"#,
        r#"{"level":"info","ts":1795147189.1234567,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"::1","proto":"HTTP/2.0","method":"GET","host":"h","uri":"/badge.svg?repo=o%2Fr","headers":{"User-Agent":["curl/8"],"Accept":["*/*"]},"tls":{"resumed":false}},"bytes_read":0,"duration":0.001,"size":512,"status":200,"resp_headers":{"Server":["Caddy"]}}"#,
        r#"{"ClientHost":"192.0.2.7","DownstreamStatus":200,"RequestMethod":"GET","RequestPath":"/badge.svg?repo=o/r","RequestProtocol":"HTTP/1.1","StartUTC":"2026-11-20T03:59:49.1234Z","request_User-Agent":"curl/8"}"#,
    ] {
        assert_eq!(read(good), Ok(("o/r".to_owned(), AT)), "{good}");
    }
    for (bad, reject) in [
        (r#"{"request":"GET / HTTP/1.1","status":200}"#, Reject::NotABadge),
        (r#"{"request":"POST /badge/a.svg HTTP/1.1","status":200}"#, Reject::Method),
        (r#"{"request":"GET /badge/a.svg HTTP/1.1","status":404}"#, Reject::Status),
        (r#"{"request":"GET /badge/a.svg HTTP/1.1","status":200"#, Reject::Json),
        (r#"{"request":"GET /badge/a.svg HTTP/1.1"}{"a":1}"#, Reject::Json),
        ("{}", Reject::NoRequest),
        (r#"{"level":"info","msg":"serving"}"#, Reject::NoRequest),
    ] {
        assert_eq!(read(bad), Err(reject), "{bad}");
    }
}

#[test]
fn who_opts_out_is_read_from_every_format_that_says_so() {
    let nginx = r#"$request_uri "$http_sec_gpc" "$http_dnt""#;
    let apache = r#"\"%r\" \"%{Sec-GPC}i\" \"%{DNT}i\""#;
    for (format, line, opts_out) in [
        (nginx, r#"/badge/a.svg "1" "-""#, true),
        (nginx, r#"/badge/a.svg "-" "1""#, true),
        (nginx, r#"/badge/a.svg "-" "0""#, false),
        (nginx, r#"/badge/a.svg "11" "-""#, false),
        (apache, r#""GET /badge/a.svg HTTP/1.1" "1" "-""#, true),
        (apache, r#""GET /badge/a.svg HTTP/1.1" "-" "-""#, false),
        ("", r#"{"request":{"method":"GET","uri":"/badge/a.svg","headers":{"Sec-Gpc":["1"]}}}"#, true),
        ("", r#"{"request_uri":"/badge/a.svg","http_sec_gpc":"","http_dnt":"1"}"#, true),
        ("", r#"{"request_uri":"/badge/a.svg","http_sec_gpc":"","http_dnt":""}"#, false),
        (
            "",
            r#"192.0.2.7 - - [20/Nov/2026:03:59:49 +0000] "GET /badge/a.svg HTTP/1.1" 200 5 "-" "1""#,
            false,
        ),
    ] {
        let pattern = (!format.is_empty()).then(|| Pattern::parse(format).unwrap());
        let mut reader = AccessReader::new(Dating::Own);
        let hit = reader.read(pattern.as_ref(), (&Route::default(), ""), line.as_bytes(), NOW);
        assert_eq!(hit.map(|hit| hit.requester.opts_out), Ok(opts_out), "{line}");
    }
}

#[test]
fn format_string_reads_what_it_writes() {
    let read = |format: &str, line: &str| -> Result<(String, When), Reject> {
        let pattern = Pattern::parse(format).unwrap();
        let mut reader = AccessReader::new(Dating::Own);
        let hit = reader.read(Some(&pattern), (&Route::default(), ""), line.as_bytes(), NOW)?;
        Ok((hit.name.to_string(), hit.when))
    };
    let good = Ok(("o/r".to_owned(), AT));
    for (format, line) in [
        (
            r#"$remote_addr - $remote_user [$time_local] "$request" $status"#,
            r#"::1 - - [20/Nov/2026:03:59:49 +0000] "GET /badge.svg?repo=o/r HTTP/1.1" 200"#,
        ),
        ("$msec|$status|$request_method|$uri$is_args$args", "1795147189.123|200|GET|/badge.svg?repo=o/r"),
        (
            "$time_iso8601 $scheme://$host$request_uri ${status}x",
            "2026-11-20T03:59:49+00:00 https://h/badge/o/r.svg 304x",
        ),
        (
            "$time_local $uri $args $upstream_addr $status",
            "20/Nov/2026:03:59:49 +0000 /badge.svg repo=o/r 10.0.0.1:80, 10.0.0.2:80 : 10.0.0.3:80 200",
        ),
        // What nginx has decoded is not decoded again; a query it leaves alone.
        ("$msec $uri $status", "1795147189.123 /badge/o/r.svg 200"),
        ("$msec ${uri}${is_args}${args} $status", "1795147189.123 /badge.svg?repo=o%2Fr 200"),
        ("$msec $status $is_args$args $uri", "1795147189.123 200 ?repo=o%2Fr /badge.svg"),
        ("$msec $uri $request_uri", "1795147189.123 /badges/a.svg /badge/o%2Fr.svg"),
        // The name may be logged apart from the path.
        ("$msec $request_method $uri $arg_repo $status", "1795147189.123 GET /badge.svg o%2Fr 200"),
        ("$msec $request_uri $arg_repo $status", "1795147189.123 /badge.svg?repo=o%2Fr o%2Fr 200"),
        ("$msec $uri $arg_repo $status", "1795147189.123 /badge/o/r.svg - 200"),
        (r#"$msec "$arg_repo""#, r#"1795147189.123 "o%2Fr""#),
        (
            r#"{"t":"$time_iso8601","r":"$request","u":"$http_user_agent"}"#,
            r#"{"t":"2026-11-20T03:59:49+00:00","r":"GET /badge/o\/r.svg HTTP/1.1","u":"a \"b\""}"#,
        ),
        (
            r#"%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-agent}i\""#,
            r#"::1 - - [20/Nov/2026:03:59:49 +0000] "GET /badge/o/r.svg HTTP/1.1" 200 5 "-" "curl""#,
        ),
        (r#"%t %m "%U%q" %>s"#, r#"[20/Nov/2026:03:59:49 +0000] GET "/badge.svg?repo=o/r" 200"#),
    ] {
        assert_eq!(read(format, line), good, "{format}");
        // Half a line followed by a whole one is not a line.
        if line.contains('"') {
            let torn = &line[..line.rfind('"').unwrap() - 1];
            assert!(read(format, &format!("{torn}{line}")).is_err(), "{format}");
        }
        assert!(read(format, "hello").is_err(), "{format}");
    }
    for (bad, why) in [
        ("hello", BadPattern::NoVariable),
        ("$remote_addr $status", BadPattern::NoRequest),
        ("%h %>s", BadPattern::NoRequest),
        ("$status$request_method $request", BadPattern::Adjacent),
        ("%{%Y}t %r", BadPattern::Unknown("%t".to_owned())),
    ] {
        assert_eq!(Pattern::parse(bad), Err(why), "{bad}");
    }
}

#[test]
fn two_glued_requests_are_none() {
    let whole = line("GET /badge.svg?repo=o/r HTTP/1.1", "200");
    for cut in 0..=whole.len() {
        let glued = format!("{}{whole}", &whole[..cut]);
        let read = read(&glued);
        // A line torn before its request looks like a user name, and the whole line counts once.
        assert_eq!(read.is_ok(), cut <= whole.find('"').unwrap(), "{cut}: {glued}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_rejected_without_panic(text in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = AccessReader::new(Dating::Own).read(None, (&Route::default(), ""), &text, NOW);
    }

    /// Bytes from the format's own characters get further into the parser.
    #[test]
    fn any_mutation_is_read_or_rejected_without_panic(at in 0usize..200, with in "[\"\\\\ \\[\\]/?=&%a0-]{0,4}", less in 0usize..4) {
        let mut text = line("GET /badge.svg?repo=o%2Fr HTTP/1.1", "200").into_bytes();
        let at = at.min(text.len());
        let end = (at + less).min(text.len());
        text.splice(at..end, with.into_bytes());
        let _ = AccessReader::new(Dating::Own).read(None, (&Route::default(), ""), &text, NOW);
    }

    #[test]
    fn any_name_comes_back(name in "\\PC{1,40}") {
        if let Ok(checked) = crate::Name::new(&name) {
            let target = checked.escaped().to_string();
            prop_assume!(target.is_ascii());
            for request in [format!("GET /badge.svg?repo={target} HTTP/1.1"), format!("GET /badge/{target}.svg HTTP/1.1")] {
                prop_assert_eq!(read(&line(&request, "304")), Ok((name.clone(), AT)));
            }
        }
    }
}
