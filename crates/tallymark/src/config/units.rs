//! Durations, sizes, addresses and the like, as written in a configuration or on a command line.

use ipnet::IpNet;
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tallymark_core::access::Pattern;
use tallymark_core::syslog::{FACILITIES, SEVERITIES};
use tallymark_github::GithubToken;
use tallymark_ingest::LineFormat;
use tallymark_store::{NotAStoreUrl, StoreUrl};
use tallymark_web::Listen;
use url::Url;

/// `250ms`, `1s`, `15min` or `15m`, `26h`, `90d`; and several of them, as Go writes a duration: `1h30m`, `1.5h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("{text:?} is not a duration: write a number with ms, s, m, h or d, like 250ms or 26h");
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    let (mut rest, mut sum) = (text, Duration::ZERO);
    loop {
        let (number, after) = rest.split_at(rest.find(|c| !is_number(c)).ok_or_else(wrong)?);
        let (unit, next) = after.split_at(after.find(is_number).unwrap_or(after.len()));
        let ms = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let whole: u64 = whole.parse().map_err(|_| wrong())?;
        let whole = whole.checked_mul(ms).ok_or_else(wrong)?;
        // Of what is behind the point, nine digits are more than any duration needs.
        let part: u64 =
            if part.is_empty() { 0 } else { format!("{part:0<9.9}").parse().map_err(|_| wrong())? };
        let part = part * ms / 1_000_000_000;
        sum = sum.checked_add(Duration::from_millis(whole.saturating_add(part))).ok_or_else(wrong)?;
        rest = next;
        if rest.is_empty() {
            return Ok(sum);
        }
    }
}

/// A duration in a range.
pub(crate) fn duration_within(text: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    let duration = duration(text)?;
    if duration < least || duration > most {
        return Err(format!("must be {} to {}", written(least), written(most)));
    }
    Ok(duration)
}

/// A duration for people: in the largest unit that divides it.
pub(crate) fn written(duration: Duration) -> String {
    let ms = duration.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s"), (1, "ms")];
    let unit = units.iter().find(|(unit, _)| ms >= *unit && ms.is_multiple_of(*unit));
    unit.map_or_else(|| "0s".to_owned(), |(unit, name)| format!("{}{name}", ms / unit))
}

/// Where GitHub's API is.
pub(crate) const GITHUB: &str = "https://api.github.com";

/// The address of an API like GitHub's. It is not quoted: it may have a password.
pub(crate) fn api_url(text: &str) -> Result<Url, String> {
    let wrong =
        || format!("is not the address of an API, like {GITHUB}, without a password; or write \"off\"");
    let url = Url::parse(text).map_err(|_| wrong())?;
    let plain =
        matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
    if plain && url.has_host() && url.query().is_none() { Ok(url) } else { Err(wrong()) }
}

/// A token for it.
pub(crate) fn github_token(text: &str) -> Result<GithubToken, String> {
    GithubToken::new(text).map_err(|why| why.to_string())
}

/// The time for one call to it.
pub(crate) fn github_timeout(text: &str) -> Result<Duration, String> {
    duration_within(text, Duration::from_millis(100), Duration::from_secs(60))
}

/// How old statistics may be.
pub(crate) fn stats_age(text: &str) -> Result<Duration, String> {
    duration_within(text, Duration::from_secs(10), Duration::from_secs(90 * 86_400))
}

/// `10/s`, `20/min`, `60/h` or `off`, as the time between two.
pub(crate) fn rate(text: &str) -> Result<Option<Duration>, String> {
    let wrong = || format!("{text:?} is not a rate: write a number with /s, /min or /h, like 10/s; or off");
    if text == "off" {
        return Ok(None);
    }
    let (number, unit) = text.split_once('/').ok_or_else(wrong)?;
    let seconds = match unit {
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    let plain = number.starts_with(|c: char| c.is_ascii_digit());
    let number: f64 = number.parse().ok().filter(|_| plain).ok_or_else(wrong)?;
    let each = seconds / number;
    // A day for one, to ten thousand a second.
    let right = (0.0001..=86_400.0).contains(&each);
    if right { Ok(Some(Duration::from_secs_f64(each))) } else { Err(wrong()) }
}

/// GitHub Banners' form of a rate: a number for each second, and 0 for any number.
pub(crate) fn rate_per_second(text: &str) -> Result<Option<Duration>, String> {
    if text == "0" {
        return Ok(None);
    }
    rate(&format!("{text}/s")).map_err(|_| format!("{text:?} is not a number of requests in a second"))
}

/// The secret that requests are signed with. `1234` is the one that GitHub Banners had without a word.
pub(crate) fn signing_secret(text: &str) -> Result<String, String> {
    secret_text("secret", text)
}

/// `65536`, `64KiB`, `8MiB`, `2GiB`.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a size: write a number with KiB, MiB or GiB, like 8MiB");
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let factor = match unit {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(wrong()),
    };
    number.checked_mul(factor).ok_or_else(wrong)
}

/// A size as [`bytes`] reads it, in the largest unit that divides it.
pub(crate) fn shown_bytes(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let fits = |(_, shift): &(&str, u32)| bytes > 0 && bytes.trailing_zeros() >= *shift;
    units
        .into_iter()
        .find(fits)
        .map_or(bytes.to_string(), |(unit, shift)| format!("{}{unit}", bytes >> shift))
}

/// `127.0.0.1:5140`, `[::1]:5140`, `localhost:5140`, `:5140` (loopback).
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let wrong = || {
        format!(
            "{text:?} is not an address to listen on: write an IP address and a port, like 127.0.0.1:5140 (host names \
             are not resolved)"
        )
    };
    let text = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None if text.starts_with(':') => format!("127.0.0.1{text}"),
        None => text.to_owned(),
    };
    text.parse().map_err(|_| wrong())
}

/// An address for HTTP, or `unix:/path` or `/path` for a unix socket.
pub(crate) fn listen(text: &str) -> Result<Listen, String> {
    let path = text.strip_prefix("unix:").or_else(|| text.starts_with('/').then_some(text));
    let wrong = |_| {
        format!(
            "{text:?} is not an address to listen on: write an IP address and a port, like 127.0.0.1:8080 (host \
                 names are not resolved), or unix:/path"
        )
    };
    match path {
        Some(path) => socket_path(path).map(Listen::Unix),
        None => address(text).map(Listen::Tcp).map_err(wrong),
    }
}

/// The path of a file or directory, as the system understands it.
pub(crate) fn path(text: &str) -> Result<PathBuf, String> {
    match text.chars().next() {
        None => Err("a path is not empty".to_owned()),
        Some('~') => Err(format!("{text}: only a shell expands ~, so write the full path")),
        // Not quoted: it may hold a password.
        _ if text.contains("://") => Err("this is an address, and not a path".to_owned()),
        Some('$') => Err(format!("{text}: only a shell expands variables, so write the full path")),
        Some(_) => Ok(PathBuf::from(text)),
    }
}

/// Where counts live.
pub(crate) fn store_url(text: &str) -> Result<StoreUrl, String> {
    let url: StoreUrl = text.parse().map_err(|error: NotAStoreUrl| error.to_string())?;
    match &url {
        StoreUrl::Sqlite(file) => path(&file.display().to_string()).map(|_| url),
        StoreUrl::Redis(_) => Ok(url),
    }
}

/// The path of a unix socket.
pub(crate) fn socket_path(text: &str) -> Result<PathBuf, String> {
    path(text)?;
    match text.len() {
        // sun_path has 108 bytes, one of which ends it.
        1..=107 => Ok(PathBuf::from(text)),
        _ => Err("the path of a socket has 1 to 107 bytes".to_owned()),
    }
}

/// `10.0.0.0/8`, or one address.
pub(crate) fn network(text: &str) -> Result<IpNet, String> {
    let wrong = || format!("{text:?} is not a network: write it like 10.0.0.0/8 or 192.0.2.7");
    let net =
        text.parse().or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from)).map_err(|_| wrong())?;
    // IPv4 addresses are compared as such, in whatever form they arrive.
    Ok(match (net.network().to_canonical(), net.prefix_len().checked_sub(96)) {
        (IpAddr::V4(ip), Some(length)) => IpNet::new(ip.into(), length).unwrap_or(net),
        _ => net,
    })
}

/// Whether only this machine can reach it.
pub(crate) fn loopback() -> Vec<IpNet> {
    let (v4, v6) = (Ipv4Addr::new(127, 0, 0, 0), Ipv6Addr::LOCALHOST);
    vec![IpNet::new_assert(v4.into(), 8), IpNet::new_assert(v6.into(), 128)]
}

/// The address of a ZeroMQ publisher, `tcp://HOST:PORT` or without `tcp://`, as `HOST:PORT`.
pub(crate) fn publisher(text: &str) -> Result<String, String> {
    let wrong = || {
        format!(
            "{text:?} is not the address of a publisher: write tcp://HOST:PORT, like tcp://127.0.0.1:6000"
        )
    };
    let place = text.strip_prefix("tcp://").unwrap_or(text);
    let (host, port) = place.rsplit_once(':').ok_or_else(wrong)?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    let ipv6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let named = match ipv6 {
        Some(host) => host.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(plain),
    };
    match port.parse::<u16>() {
        Ok(1..) if named => Ok(place.to_owned()),
        _ => Err(wrong()),
    }
}

/// The prefix of a publisher's messages.
pub(crate) fn topic(text: &str) -> Result<String, String> {
    match text.len() {
        ..=200 => Ok(text.to_owned()),
        _ => Err("a topic has at most 200 bytes".to_owned()),
    }
}

/// `https://hits.example.org/path`, without a trailing slash.
pub(crate) fn base_url(text: &str) -> Result<String, String> {
    let wrong = || format!("{text:?} is not an address of a site: write it like https://hits.example.org");
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or_else(wrong)?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/[]%".contains(&b);
    let host = rest.split('/').next().unwrap_or_default();
    if host.is_empty() || host.starts_with(':') || !rest.bytes().all(plain) {
        return Err(wrong());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// The path of a base URL: nothing, or with a leading slash and no trailing one.
pub(crate) fn path_of(base_url: &str) -> &str {
    let rest = base_url.split_once("://").map_or(base_url, |(_, rest)| rest);
    rest.find('/').map_or("", |at| &rest[at..])
}

/// The host of a base URL, without a port; an IPv6 address keeps its brackets.
pub(crate) fn host_of(base_url: &str) -> &str {
    let rest = base_url.split_once("://").map_or(base_url, |(_, rest)| rest);
    let server = rest.split('/').next().unwrap_or_default();
    server.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(server, |(host, _)| host)
}

/// What nginx and Apache call the formats that they know by themselves.
const NAMED_FORMATS: [&str; 3] = ["combined", "common", "vhost_combined"];

/// A format string as in nginx's `log_format` or Apache's `LogFormat`, or the name of one that needs no statement.
pub(crate) fn pattern(text: &str) -> Result<LineFormat, String> {
    if NAMED_FORMATS.contains(&text) {
        return Ok(LineFormat::Combined);
    }
    let pattern =
        Pattern::parse(text).map_err(|why| format!("{text:?} is not a format of an access log: {why}"))?;
    Ok(LineFormat::Pattern(Arc::new(pattern)))
}

/// The token in examples/tallymark.toml. It is refused, because a copy of that file would have a token that everyone
/// knows.
pub(crate) const PUBLIC_TOKEN: &str = "write-your-own-here-0123456789";

fn secret_text(what: &str, text: &str) -> Result<String, String> {
    match text {
        PUBLIC_TOKEN => Err(format!(
            "this {what} is in the example for everybody to read: write your own (openssl rand -hex 16)"
        )),
        _ if text.len() < 16 => Err(format!("a {what} has at least 16 characters")),
        _ => Ok(text.to_owned()),
    }
}

/// The secret that lets a program write over HTTP.
pub(crate) fn token(text: &str) -> Result<String, String> {
    secret_text("token", text)
}

/// `local3`, by name or number; `any` for all.
pub(crate) fn facility(text: &str) -> Result<Option<u8>, String> {
    code(text, &FACILITIES, "a facility, like local3, or any")
}

/// `info`, by name or number; `any` for all.
pub(crate) fn severity(text: &str) -> Result<Option<u8>, String> {
    code(text, &SEVERITIES, "a severity, like info, or any")
}

fn code(text: &str, names: &[&str], wanted: &str) -> Result<Option<u8>, String> {
    if text == "any" {
        return Ok(None);
    }
    let by_number = text.parse().ok().filter(|&number| number < names.len());
    let code = names.iter().position(|name| *name == text).or(by_number);
    code.and_then(|code| u8::try_from(code).ok()).map(Some).ok_or_else(|| format!("{text:?} is not {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        for (text, ms) in [
            ("250ms", 250),
            ("1s", 1000),
            ("15m", 900_000),
            ("15min", 900_000),
            ("26h", 93_600_000),
            ("90d", 7_776_000_000),
            ("0s", 0),
            // GitHub Banners read Go's.
            ("1h30m", 5_400_000),
            ("10m0s", 600_000),
            ("1.5h", 5_400_000),
            ("0.25s", 250),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in [
            "",
            "5",
            "s",
            "-1s",
            ".5h",
            "1.2.3h",
            "1h30",
            "1h 30m",
            "1 s",
            "1w",
            "99999999999999999999s",
            "9999999999999999999d",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_written_as_they_are_read() {
        for text in ["250ms", "1s", "90s", "15min", "26h", "90d", "0s"] {
            assert_eq!(written(duration(text).unwrap()), text);
        }
    }

    #[test]
    fn sizes_are_binary() {
        for (text, size) in
            [("0", 0), ("65536", 65_536), ("64KiB", 65_536), ("8MiB", 8 << 20), ("2GiB", 2 << 30)]
        {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for text in ["", "8MB", "MiB", "-1", "1.5MiB", "99999999999999999999"] {
            assert!(bytes(text).is_err(), "{text}");
        }
        let shown = [0, 1023, 1024, 1536, 8 << 20, 3 << 30, 1 << 50].map(shown_bytes);
        assert_eq!(shown, ["0", "1023", "1KiB", "1536", "8MiB", "3GiB", "1048576GiB"]);
    }

    #[test]
    fn rates_are_numbers_in_a_time() {
        for (text, ms) in [("10/s", 100), ("0.5/s", 2000), ("20/min", 3000), ("60/h", 60_000)] {
            assert_eq!(rate(text), Ok(Some(Duration::from_millis(ms))), "{text}");
        }
        for text in ["", "5", "0/s", "-1/s", "1/d", "inf/s", "nan/s", "/s", "1e9/s", "0.00001/s", "+1/s"] {
            assert!(rate(text).is_err(), "{text}");
        }
        assert_eq!((rate("off"), rate_per_second("0")), (Ok(None), Ok(None)));
        assert_eq!(rate_per_second("2.5"), Ok(Some(Duration::from_millis(400))));
        assert!(rate_per_second("10/s").is_err() && rate_per_second("many").is_err());
    }

    #[test]
    fn addresses_need_a_port_and_sockets_a_path() {
        assert_eq!(address("localhost:80").unwrap(), "127.0.0.1:80".parse().unwrap());
        assert_eq!(address(":80").unwrap(), "127.0.0.1:80".parse().unwrap());
        assert!(address("[::1]:0").is_ok());
        for text in ["", "127.0.0.1", "127.0.0.1:70000", "host.example:80", "80"] {
            assert!(address(text).is_err(), "{text}");
        }
        assert_eq!(listen("/run/t.sock").unwrap(), Listen::Unix("/run/t.sock".into()));
        assert_eq!(listen("unix:/run/t.sock").unwrap(), Listen::Unix("/run/t.sock".into()));
        assert!(listen("unix:").is_err());
        assert!(listen(&format!("/{}", "x".repeat(107))).is_err());
    }

    #[test]
    fn base_url_is_http_and_loses_its_last_slash() {
        assert_eq!(base_url("https://hits.example.org/").unwrap(), "https://hits.example.org");
        assert_eq!(base_url("http://localhost:8080/stats").unwrap(), "http://localhost:8080/stats");
        for text in [
            "",
            "hits.example.org",
            "javascript:alert(1)",
            "https://",
            "http://a b",
            "https://x\"y",
            "http://:80",
        ] {
            assert!(base_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn facilities_have_names_and_numbers() {
        assert_eq!(facility("local3"), Ok(Some(19)));
        assert_eq!(facility("19"), Ok(Some(19)));
        assert_eq!(facility("any"), Ok(None));
        assert!(facility("24").is_err() && facility("local8").is_err());
        assert_eq!(severity("info"), Ok(Some(6)));
        assert!(severity("8").is_err());
    }

    #[test]
    fn networks_are_prefixes_or_single_addresses() {
        assert_eq!(network("10.0.0.0/8").unwrap().prefix_len(), 8);
        assert_eq!(network("192.0.2.7").unwrap().prefix_len(), 32);
        assert_eq!(network("::ffff:10.0.0.0/104"), network("10.0.0.0/8"));
        assert_eq!(network("::ffff:192.0.2.7"), network("192.0.2.7"));
        assert_eq!(network("2001:db8::/32").unwrap().prefix_len(), 32);
        assert!(network("10.0.0.0/33").is_err() && network("all").is_err());
    }
}
