//! What is fed, and what must hold whatever it is fed.

use crate::codec;
use arc_swap::ArcSwap;
use axum::{body::Body, http::Request};
use http_body_util::BodyExt;
use std::sync::Arc;
use tallymark_badge::Look;
use tallymark_core::{
    Dating, Frame, Frames, Framing, KeptVisits, Line, Lines, Name, NameRef, Now, Reject, Route, Routes,
    access, decode_percent, record,
    zmq::Clock,
    zmtp::{Received, Subscription},
};
use tallymark_ingest::{
    Corrector, HandedIn, IngestMeters, Intake, LineFormat, Live, NameLimits, SourceMeters, WriterState,
};
use tallymark_rankings::Rankings;
use tallymark_web::{Access, App, BaseUrl, Visibility};
use tower::ServiceExt;

/// Takes one input; panics if something does not hold.
pub type Check = Box<dyn FnMut(&[u8])>;

/// One reader of bytes.
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// Sets it up.
    pub make: fn() -> Check,
}

/// Every reader of bytes that others send.
pub const TARGETS: &[Target] = &[
    Target { name: "datagram", make: datagram },
    Target { name: "stream", make: stream },
    Target { name: "record", make: record },
    Target { name: "combined", make: combined },
    Target { name: "name", make: name },
    Target { name: "config", make: config },
    Target { name: "http", make: http },
    Target { name: "outbox", make: outbox },
    Target { name: "zmq", make: zmq },
    Target { name: "zmtp", make: zmtp },
];

const NOW: Now = Now { unix_ms: 1_795_176_030_000 };

fn routes() -> Arc<Routes> {
    let stock = Route {
        tag: "tallymark".to_owned(),
        columns: vec![tallymark_core::Column::Time, tallymark_core::Column::Name],
        decode: 1,
        ..Route::default()
    };
    Arc::new(Routes::new(vec![Route::default(), stock]))
}

fn intake(format: LineFormat) -> (Intake, SourceMeters) {
    let meters = IngestMeters::default().source("fuzz");
    (Intake::new(routes(), format, Dating::Live, 1000, 65_536, meters.clone()), meters)
}

/// received = accepted + rejected, and what is accepted is in the tally.
fn datagram() -> Check {
    let formats = [LineFormat::Syslog, LineFormat::Record, LineFormat::Auto, LineFormat::Combined];
    let mut intakes = formats.map(intake);
    let mut accepted_before = [0; 4];
    Box::new(move |input| {
        for ((intake, meters), before) in intakes.iter_mut().zip(&mut accepted_before) {
            intake.datagram(input, false, NOW);
            intake.report();
            let (received, accepted, rejected) = meters.lines();
            assert_eq!(received, accepted + rejected, "received = accepted + rejected");
            let sealed = intake.seal().hits();
            assert!(sealed >= accepted - *before, "what is accepted is counted");
            *before = accepted;
        }
    })
}

/// Where a stream is cut into chunks does not matter, and a message is never longer than the limit.
fn stream() -> Check {
    const LIMIT: usize = 256;
    Box::new(|input| {
        for framing in [Framing::Auto, Framing::Lines, Framing::Counted] {
            let frames = |chunk: usize| {
                let (mut frames, mut seen) = (Frames::new(framing, LIMIT), Vec::new());
                for chunk in input.chunks(chunk.max(1)) {
                    let mut rest = chunk;
                    while !rest.is_empty() {
                        let (used, frame) = frames.next(rest);
                        match frame {
                            Some(Frame::Message(message)) => {
                                assert!(message.len() <= LIMIT + 1, "{}", message.len());
                                seen.push(Ok(message.to_vec()));
                            }
                            Some(Frame::Bad(reject)) => seen.push(Err((reject, false))),
                            Some(Frame::Broken(reject)) => seen.push(Err((reject, true))),
                            None => assert!(used > 0, "it goes on"),
                        }
                        if matches!(seen.last(), Some(Err((_, true)))) {
                            return seen;
                        }
                        rest = &rest[used..];
                    }
                }
                seen
            };
            assert_eq!(frames(1), frames(input.len()), "{framing:?}");
        }
        let lines = |chunk: usize| {
            let (mut lines, mut seen) = (Lines::new(LIMIT), Vec::new());
            for chunk in input.chunks(chunk.max(1)) {
                lines.push(chunk, |line| match line {
                    Line::Whole(line) => seen.push(Ok(line.to_vec())),
                    Line::Bad(reject) => seen.push(Err(reject)),
                });
            }
            lines.finish(|line| {
                seen.push(match line {
                    Line::Whole(line) => Ok(line.to_vec()),
                    Line::Bad(reject) => Err(reject),
                })
            });
            seen
        };
        assert_eq!(lines(1), lines(input.len()));
    })
}

/// A hit has a name that is one, and the same bytes are always the same hit.
fn read_twice(mut read: impl FnMut(&[u8]) -> Result<(String, u32), Reject> + 'static) -> Check {
    Box::new(move |input| {
        let first = read(input);
        if let Ok((name, weight)) = &first {
            assert!(NameRef::new(name.as_bytes()).is_ok() && *weight > 0, "{name:?} {weight}");
        }
        assert_eq!(first, read(input));
    })
}

fn record() -> Check {
    let (mut reader, routes) = (record::RecordReader::new(Dating::Live), routes());
    read_twice(move |input| {
        let mut seen = Err(Reject::Empty);
        for route in routes.as_slice() {
            seen = reader.read(route, input, NOW).map(|hit| (hit.name.as_str().to_owned(), hit.weight));
        }
        seen
    })
}

fn combined() -> Check {
    let (mut reader, route) = (access::AccessReader::new(Dating::Own), Route::default());
    read_twice(move |input| {
        reader.read(None, (&route, "/base"), input, NOW).map(|hit| (hit.name.as_str().to_owned(), hit.weight))
    })
}

/// Name and escaped form are one to one, and no escaped form leaves its directory or its key.
fn name() -> Check {
    Box::new(|input| {
        let mut scratch = Vec::new();
        for layers in 0..4 {
            let decoded = decode_percent(input, layers, &mut scratch).to_vec();
            let Ok(name) = NameRef::new(&decoded) else { continue };
            let escaped = name.escaped().to_string();
            assert!(escaped.len() <= tallymark_core::MAX_ESCAPED && !escaped.contains(['/', ':', '\0']));
            let back = Name::from_escaped(&escaped).expect("what was escaped is read back");
            assert_eq!(back.as_str(), name.as_str());
        }
        if let Some(name) = std::str::from_utf8(input).ok().and_then(Name::from_escaped) {
            assert_eq!(name.escaped().to_string().as_bytes(), input);
        }
    })
}

/// A configuration is one, or every mistake in it has words.
fn config() -> Check {
    Box::new(|input| {
        let mistakes = tallymark::mistakes_of(&String::from_utf8_lossy(input));
        assert!(mistakes.iter().all(|mistake| !mistake.is_empty()));
    })
}

/// No request is answered with 5xx, and every answer says that it is not to be guessed at.
fn http() -> Check {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let url = format!("sqlite:{}", dir.path().join("fuzz.db").display()).parse().expect("an address");
    let store = runtime.block_on(tallymark_store::open(&url, Default::default())).expect("a store");
    let meters = IngestMeters::default();
    let tick = std::time::Duration::from_secs(60);
    let live = Arc::new(Live::new(store.clone(), meters.source("http"), tick, 1000));
    let (state, limits) = (WriterState::default(), NameLimits::default());
    let rankings = Rankings::new(store.clone(), || NOW, Default::default());
    // Until it is known that there is nothing to rank, lists of the busiest are answered 503.
    runtime.block_on(rankings.refresh()).expect("an empty store is ranked at once");
    let app = App {
        rankings: Arc::new(rankings),
        counter: live.clone(),
        corrections: Arc::new(Corrector::of_daemon(
            store.clone(),
            live.clone(),
            state.clone(),
            meters.clone(),
        )),
        ledger: Arc::new(HandedIn::new(store.clone(), live, state, meters, limits)),
        store,
        look: Arc::new(ArcSwap::from_pointee(Look::default())),
        base_url: BaseUrl::guessed("http://localhost"),
        access: Access::new(
            Visibility::Public,
            Vec::new(),
            "http://localhost",
            Vec::new(),
            Default::default(),
        ),
        body_bytes: 1 << 20,
        visits: KeptVisits::default(),
        avatars: None,
        github: None,
        hitme_zone: Default::default(),
        stats_prefix: Default::default(),
        others: Default::default(),
        events: Vec::new(),
        groups: Vec::new(),
        news: None,
        now: || NOW,
    };
    let router = tallymark_web::router(Arc::new(app), None);
    Box::new(move |input| {
        let _stays = &dir;
        // A line with method and path, then the body.
        let end = input.iter().position(|&b| b == b'\n').unwrap_or(input.len());
        let body = input.get(end + 1..).unwrap_or_default().to_vec();
        let text = String::from_utf8_lossy(&input[..end]);
        let (method, path) = text.split_once(' ').unwrap_or(("GET", &text));
        let form =
            if body.starts_with(b"{") { "application/json" } else { "application/x-www-form-urlencoded" };
        let request = Request::builder().method(method).uri(path).header("content-type", form);
        let Ok(request) = request.body(Body::from(body)) else { return };
        let router = router.clone();
        let (status, is_json, body) = runtime.block_on(async {
            let answer = router.oneshot(request).await.expect("a router always answers");
            let (status, headers) = (answer.status(), answer.headers());
            let kind = headers.get("content-type").map_or(&b""[..], |kind| kind.as_bytes());
            // Browsers that are told so do not look for markup in it.
            let is_json =
                kind.starts_with(b"application/json") && headers.contains_key("x-content-type-options");
            (status, is_json, answer.into_body().collect().await.expect("a whole body").to_bytes())
        });
        assert!(!status.is_server_error(), "{status}: {:?}", String::from_utf8_lossy(&body));
        let lower = body.to_ascii_lowercase();
        let script = lower.windows(7).any(|part| part == b"<script");
        assert!(!script || is_json || lower.starts_with(b"<!doctype"), "no picture has a script");
    })
}

/// Damaged blocks are errors; what can be read can be written and read again.
fn outbox() -> Check {
    Box::new(|input| {
        if let Ok((counts, _)) = codec::decode(input, 0, usize::MAX, usize::MAX) {
            let block = codec::encode(&counts.entries, &counts.statuses, &counts.visits, &counts.visitors);
            let (again, _) = codec::decode(&block, 0, usize::MAX, usize::MAX).expect("we wrote it");
            assert_eq!((&again.entries, &again.statuses), (&counts.entries, &counts.statuses));
            // Visitors of a name that came in several records come in one.
            let once_more = codec::encode(&again.entries, &again.statuses, &again.visits, &again.visitors);
            assert_eq!((once_more, again.visits), (block, counts.visits));
        }
        let _ = codec::merge(&[input.to_vec(), input.to_vec()], 3);
    })
}

/// A message of a bus: received = accepted + rejected, and what is accepted is in the tally.
fn zmq() -> Check {
    let clocks = [Clock::Arrival, Clock::Message];
    let meters = [(); 2].map(|()| IngestMeters::default().source("fuzz"));
    let mut intakes: Vec<Intake> = clocks
        .iter()
        .zip(&meters)
        .map(|(&clock, meters)| Intake::of_messages(clock, 1000, 65_536, meters.clone()))
        .collect();
    let mut before = [0; 2];
    Box::new(move |input| {
        for ((intake, meters), before) in intakes.iter_mut().zip(&meters).zip(&mut before) {
            intake.message(input, NOW);
            intake.report();
            let (received, accepted, rejected) = meters.lines();
            assert_eq!(received, accepted + rejected, "received = accepted + rejected");
            let sealed = intake.seal();
            assert!(sealed.hits() >= accepted - *before, "what is accepted is counted");
            let statuses = sealed.statuses.iter().map(|status| status.count).sum::<u64>();
            assert!(statuses <= sealed.hits(), "a status comes with a hit");
            *before = accepted;
        }
    })
}

/// Where a publisher's bytes are cut does not matter, no message is longer than the limit, and nothing is held but the
/// beginning of one.
fn zmtp() -> Check {
    const LIMIT: usize = 64;
    Box::new(|input| {
        let received = |chunk: usize| {
            let (mut subscription, mut seen) = (Subscription::new("t", LIMIT), Vec::new());
            for chunk in input.chunks(chunk.max(1)) {
                let taken = subscription.push(chunk, |received| {
                    if let Received::Message(message) = received {
                        assert!(message.len() <= LIMIT, "{}", message.len());
                    }
                    seen.push(format!("{received:?}"));
                });
                if let Err(why) = taken {
                    seen.push(why.to_string());
                    break;
                }
            }
            (seen, subscription.is_partial())
        };
        let (whole, _) = received(input.len());
        for chunk in [1, 3, 64] {
            assert_eq!(received(chunk).0, whole, "in chunks of {chunk}");
        }
    })
}
