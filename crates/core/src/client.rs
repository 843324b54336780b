//! What kind of client asked: one of a few classes, derived from its `User-Agent`. The text itself is not kept.
//!
//! A client can claim anything, so the class is good enough for "mostly GitHub's readers" but never for a decision. The
//! word list is short on purpose: products that fetch pictures, from their own documentation (Google's crawlers and
//! fetchers, Slack's robots, GitHub's Camo), from the public list monperrus/crawler-user-agents, and from the defaults
//! of HTTP libraries. Most robots are not in the list and say `bot`, `crawler` or `spider`. The line readers and the
//! HTTP server call this, and only where visits are kept.

use std::fmt;

/// No more than this is examined: a client may send kilobytes.
const LOOKED_AT: usize = 1024;

/// The class of a client. If a text has words of several classes, the first in this order wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClientClass {
    /// GitHub's image proxy: a person reads a page on GitHub.
    GithubCamo,
    /// Another proxy that fetches pictures for people: mail, chat, other sites.
    ImageProxy,
    /// A feed reader.
    FeedReader,
    /// A search engine, a link preview, a monitor: any robot.
    Bot,
    /// A command line or a library.
    Program,
    /// A browser.
    Browser,
    /// Anything else.
    Unknown,
}

use ClientClass::{Bot, Browser, FeedReader, GithubCamo, ImageProxy, Program, Unknown};

/// Words that say what a client is, in lower case. A word consists of letters, digits, `-`, `_` and `.`.
const WORDS: [(ClientClass, &[&str]); 5] = [
    (
        ImageProxy,
        &[
            "googleimageproxy",
            "yahoomailproxy",
            "slack-imgproxy",
            "imgproxy",
            "imageproxy",
            "go-camo",
            "camo",
            "flipboardproxy",
            "imagefetcher",
        ],
    ),
    (
        FeedReader,
        &[
            "akregator",
            "bazqux",
            "commafeed",
            "feedbin",
            "feedburner",
            "feedfetcher-google",
            "feedly",
            "feedparser",
            "feedspot",
            "freshrss",
            "inoreader",
            "inoreader.com",
            "liferea",
            "miniflux",
            "netnewswire",
            "newsbeuter",
            "newsblur",
            "newsboat",
            "quiterss",
            "rss",
            "rssowl",
            "selfoss",
            "simplepie",
            "theoldreader",
            "theoldreader.com",
            "universalfeedparser",
        ],
    ),
    (
        Bot,
        &[
            "anthropic-ai",
            "awesome_bot",
            "bingpreview",
            "censysinspect",
            "chatgpt-user",
            "chrome-lighthouse",
            "claude-user",
            "claude-web",
            "dirbuster",
            "embedly",
            "facebookcatalog",
            "facebookexternalhit",
            "gobuster",
            "google-extended",
            "google-inspectiontool",
            "google-read-aloud",
            "googleother",
            "headlesschrome",
            "heritrix",
            "htmltest",
            "ia_archiver",
            "iframely",
            "linkchecker",
            "linkinator",
            "lychee",
            "markdown-link-check",
            "masscan",
            "mastodon",
            "mediapartners-google",
            "muffet",
            "nikto",
            "nmap",
            "nuclei",
            "nutch",
            "perplexity-user",
            "pingdom",
            "pinterest",
            "scrapy",
            "site24x7",
            "skypeuripreview",
            "slurp",
            "sqlmap",
            "statuscake",
            "uptime-kuma",
            "validator.nu",
            "w3c-checklink",
            "w3c_validator",
            "whatsapp",
            "wpscan",
            "xenu",
            "yandeximages",
            "zgrab",
        ],
    ),
    (
        Program,
        &[
            "aiohttp",
            "apache-httpclient",
            "aria2",
            "axios",
            "cfnetwork",
            "curl",
            "dalvik",
            "dart",
            "deno",
            "faraday",
            "go-http-client",
            "go-resty",
            "guzzlehttp",
            "httpie",
            "httpx",
            "hyper",
            "insomnia",
            "isahc",
            "java",
            "java-http-client",
            "jersey",
            "libcurl",
            "libwww-perl",
            "lwp-trivial",
            "node",
            "node-fetch",
            "node.js",
            "okhttp",
            "perl",
            "php",
            "postmanruntime",
            "powershell",
            "python",
            "python-httpx",
            "python-requests",
            "python-urllib",
            "python-urllib3",
            "reqwest",
            "rest-client",
            "ruby",
            "undici",
            "unirest",
            "ureq",
            "urllib3",
            "wget",
            "windowspowershell",
            "winhttp",
            "xh",
        ],
    ),
    (
        Browser,
        &[
            "applewebkit",
            "chrome",
            "dillo",
            "edge",
            "elinks",
            "firefox",
            "gecko",
            "khtml",
            "links",
            "lynx",
            "msie",
            "netsurf",
            "opera",
            "presto",
            "safari",
            "trident",
            "w3m",
        ],
    ),
];

impl ClientClass {
    /// Every class, in the order in which they are shown.
    pub const EVERY: [ClientClass; 7] = [Browser, GithubCamo, ImageProxy, Bot, FeedReader, Program, Unknown];

    /// Finds the class. Accepts any bytes; copies nothing.
    pub fn of(user_agent: &[u8]) -> ClientClass {
        let text = user_agent.get(..LOOKED_AT).unwrap_or(user_agent);
        if is_camo(text) {
            return GithubCamo;
        }
        let in_word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        let words = text.split(|b| !in_word(b)).filter(|word| !word.is_empty());
        words.map(of_word).min().unwrap_or(Unknown)
    }

    /// The word in JSON and in the stores. It never changes.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            GithubCamo => "github-camo",
            ImageProxy => "image-proxy",
            FeedReader => "feed-reader",
            Bot => "bot",
            Program => "program",
            Browser => "browser",
            Unknown => "unknown",
        }
    }

    /// Reads the word. A word that a newer version wrote is unknown here.
    #[must_use]
    pub fn from_word(word: &str) -> ClientClass {
        ClientClass::EVERY.into_iter().find(|class| class.word() == word).unwrap_or(Unknown)
    }
}

impl fmt::Display for ClientClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Whether it says that it is GitHub's image proxy. Anybody can; [`crate::CamoNetworks`] says who is.
pub(crate) fn is_camo(user_agent: &[u8]) -> bool {
    user_agent.get(..11).is_some_and(|start| start.eq_ignore_ascii_case(b"github-camo"))
}

fn of_word(word: &[u8]) -> ClientClass {
    let is = |known: &&str| known.as_bytes().eq_ignore_ascii_case(word);
    let known = WORDS.iter().find(|(_, words)| words.iter().any(is));
    match known {
        Some(&(class, _)) => class,
        None if says_robot(word) => Bot,
        None => Unknown,
    }
}

/// Whether a word has `bot` or `bots` at its end or before a non-letter, or `crawl` or `spider` anywhere.
fn says_robot(word: &[u8]) -> bool {
    let has = |part: &[u8]| word.windows(part.len()).any(|found| found.eq_ignore_ascii_case(part));
    let ends = |at: usize| !word.get(at).is_some_and(u8::is_ascii_alphabetic);
    let is_plural = |at: usize| word.get(at).is_some_and(|b| b.eq_ignore_ascii_case(&b's')) && ends(at + 1);
    let mut bots = word.windows(3).enumerate().filter(|(_, found)| found.eq_ignore_ascii_case(b"bot"));
    let robot = bots.any(|(at, _)| ends(at + 3) || is_plural(at + 3));
    // A phone manufacturer.
    let cubot = word.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"cubot"));
    (robot && !cubot) || has(b"crawl") || has(b"spider")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_clients_have_their_class() {
        for (class, text) in [
            (GithubCamo, "github-camo (876de43e)"),
            (GithubCamo, "GitHub-Camo"),
            (
                ImageProxy,
                "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
            ),
            (ImageProxy, "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"),
            (ImageProxy, "Slack-ImgProxy 1.138 (+https://api.slack.com/robots)"),
            (ImageProxy, "Camo Asset Proxy 2.3.0"),
            (Browser, "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
            (
                Browser,
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
            ),
            (
                Browser,
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
            ),
            (
                Browser,
                "Mozilla/5.0 (Linux; Android 9; CUBOT_X19) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
            ),
            (Browser, "Lynx/2.9.0dev.12 libwww-FM/2.14"),
            (Bot, "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"),
            (
                Bot,
                "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/126.0.0.0 Safari/537.36",
            ),
            (Bot, "Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)"),
            (Bot, "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)"),
            (Bot, "Mozilla/5.0 (compatible; archive.org_bot +http://archive.org/details/archive.org_bot)"),
            (Bot, "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)"),
            (Bot, "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"),
            (Bot, "WhatsApp/2.23.20.0"),
            (Bot, "python-requests/2.31.0 (my crawler)"),
            (
                FeedReader,
                "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 5 subscribers; like FeedFetcher-Google)",
            ),
            (FeedReader, "Tiny Tiny RSS/23.04 (https://tt-rss.org/)"),
            (FeedReader, "FreshRSS/1.24.1 (Linux; https://freshrss.org)"),
            (Program, "curl/8.5.0"),
            (Program, "Wget/1.21.4"),
            (Program, "python-requests/2.31.0"),
            (Program, "Go-http-client/2.0"),
            (Program, "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.19041.4522"),
            (Unknown, ""),
            (Unknown, "-"),
            (Unknown, "Mozilla/5.0"),
            (Unknown, "Abbott robotics curlew github camouflage"),
            (Unknown, "\u{202e}日本語"),
        ] {
            assert_eq!(ClientClass::of(text.as_bytes()), class, "{text}");
        }
    }

    #[test]
    fn words_are_lower_case_and_one_word_each_and_stand_once() {
        let words: Vec<&str> = WORDS.iter().flat_map(|(_, words)| words.iter().copied()).collect();
        for word in &words {
            assert_eq!(*word, word.to_ascii_lowercase());
            assert_eq!(words.iter().filter(|other| *other == word).count(), 1, "{word}");
            assert!(WORDS.iter().any(|&(class, _)| class == ClientClass::of(word.as_bytes())), "{word}");
        }
        for class in ClientClass::EVERY {
            assert_eq!(ClientClass::from_word(class.word()), class);
        }
        assert_eq!(ClientClass::from_word("toaster"), Unknown);
    }

    proptest! {
        #[test]
        fn any_bytes_have_a_class_whatever_their_case(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            let class = ClientClass::of(&bytes);
            prop_assert_eq!(ClientClass::of(&bytes.to_ascii_uppercase()), class);
            prop_assert_eq!(ClientClass::of(&[&bytes[..], b" "].concat()), class);
        }

        #[test]
        fn what_is_put_behind_never_makes_a_robot_a_browser(
            text in "([A-Za-z/();. -]|bot|spider|Gecko|curl|rss){0,12}", more in "( Firefox| Chrome/1| x){0,3}",
        ) {
            let (before, after) = (ClientClass::of(text.as_bytes()), ClientClass::of(format!("{text} {more}").as_bytes()));
            prop_assert!(after <= before, "{:?} {:?}", before, after);
        }

        #[test]
        fn camo_is_known_by_its_beginning_alone(more in prop::collection::vec(any::<u8>(), 0..50)) {
            prop_assert_eq!(ClientClass::of(&[b"gitHub-cAmo", &more[..]].concat()), GithubCamo);
            prop_assert_ne!(ClientClass::of(&[b"x github-camo", &more[..]].concat()), GithubCamo);
        }
    }
}
