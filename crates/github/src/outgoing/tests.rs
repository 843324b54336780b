//! The client against a server that does what it likes.

use super::*;
use std::error::Error;
use tallymark_testbed::{FakeWeb, WebReply};

fn ask(url: &str) -> Ask {
    Ask {
        url: Url::parse(url).unwrap(),
        headers: vec![(header::AUTHORIZATION, HeaderValue::from_static("Bearer canary"))],
        most: 1000,
        within: Duration::from_secs(20),
        post: None,
        redirects: Redirects::Anywhere(2),
    }
}

async fn refused(outgoing: &Outgoing, ask: &Ask) -> String {
    let error = outgoing.fetch(ask).await.unwrap_err();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text += &format!(": {error}");
        source = error.source();
    }
    text
}

#[tokio::test]
async fn an_answer_comes_whole_with_status_and_headers() {
    let server = FakeWeb::start(|request| match &*request.target {
        "/a?b=c" => WebReply::of("text/plain", "hello").header("ETag", "\"x\""),
        _ => WebReply::status(404, "text/plain", "no"),
    });
    let outgoing = Outgoing::default();
    let answer = outgoing.fetch(&ask(&format!("{}/a?b=c#d", server.url()))).await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"hello"[..]));
    assert_eq!(answer.headers["etag"], "\"x\"");
    let answer = outgoing.fetch(&ask(&server.url())).await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (404, &b"no"[..]));
    let requests = server.requests();
    assert_eq!(requests[0].header("host"), Some(&*format!("127.0.0.1:{}", server.port())));
    assert!(requests[0].header("user-agent").unwrap().starts_with("tallymark/"));
    assert_eq!(requests[0].header("authorization"), Some("Bearer canary"));
}

#[tokio::test]
async fn size_and_time_are_bounded() {
    let server = FakeWeb::start(|request| match &*request.target {
        "/large" => WebReply::of("text/plain", vec![b'x'; 1001]),
        "/fits" => WebReply::of("text/plain", vec![b'x'; 1000]),
        // As large as it likes to say, and as it likes to be.
        "/says" => WebReply::of("text/plain", "x").header("Content-Length", "99999999999"),
        "/chunks" => WebReply::of("text/plain", format!("400\r\n{}\r\n", "x".repeat(1024)))
            .header("Transfer-Encoding", "chunked")
            .header("Content-Length", "9"),
        "/cut" => WebReply::of("text/plain", "half").header("Content-Length", "8"),
        "/slow" => WebReply::of("text/plain", "").after(Duration::from_secs(30)),
        _ => WebReply::status(404, "text/plain", ""),
    });
    let outgoing = Outgoing::default();
    let url = |path: &str| ask(&format!("{}{path}", server.url()));
    assert_eq!(outgoing.fetch(&url("/fits")).await.unwrap().body.len(), 1000);
    for path in ["/large", "/says", "/chunks"] {
        let why = refused(&outgoing, &url(path)).await;
        assert!(why.contains("more than 1000 bytes") || path == "/chunks", "{path}: {why}");
    }
    let why = refused(&outgoing, &url("/cut")).await;
    assert!(why.contains("incomplete answer"), "{why}");
    let slow = Ask { within: Duration::from_millis(50), ..url("/slow") };
    assert!(matches!(outgoing.fetch(&slow).await, Err(FetchError::Late(_))));
}

#[tokio::test]
async fn nothing_private_is_connected_to() {
    let secret = FakeWeb::start(|_| WebReply::of("text/plain", "secret"));
    let port = secret.port();
    let to: Vec<String> = [
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://0.0.0.0:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("//127.1:{port}/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[fd00::1]/".to_owned(),
        "http://10.0.0.1/".to_owned(),
    ]
    .into();
    let count = to.len();
    let targets = to.clone();
    let server = FakeWeb::start(move |request| {
        let at: usize = request.target.trim_start_matches('/').parse().unwrap();
        WebReply::redirect(&targets[at])
    });
    let outgoing = Outgoing::default();
    for (at, to) in to.iter().enumerate() {
        let why = refused(&outgoing, &ask(&format!("{}/{at}", server.url()))).await;
        assert!(why.contains("not a public address"), "{to}: {why}");
    }
    assert_eq!((secret.requests().len(), server.requests().len()), (0, count));
    // The same to where the operator allows it, without what is meant for another server.
    let outgoing = Outgoing::new(vec!["127.0.0.0/8".parse().unwrap()]);
    let answer = outgoing.fetch(&ask(&format!("{}/0", server.url()))).await.unwrap();
    assert_eq!(&answer.body[..], b"secret");
    assert_eq!(secret.requests()[0].header("authorization"), None);
}

#[tokio::test]
async fn redirects_are_few_and_lead_where_they_may() {
    let server = FakeWeb::start(|request| match &*request.target {
        "/once" => WebReply::redirect("/there"),
        "/there" => WebReply::of("text/plain", "there"),
        "/twice" => WebReply::redirect("once"),
        "/round" => WebReply::redirect("/round"),
        "/file" => WebReply::redirect("file:///etc/passwd"),
        "/password" => WebReply::redirect("http://octo:secret@127.0.0.1/"),
        "/nowhere" => WebReply::status(302, "text/plain", ""),
        "/away" => WebReply::redirect("http://127.0.0.1:1/"),
        _ => WebReply::status(404, "text/plain", ""),
    });
    let outgoing = Outgoing::default();
    let url = |path: &str| ask(&format!("{}{path}", server.url()));
    for path in ["/once", "/twice"] {
        assert_eq!(&outgoing.fetch(&url(path)).await.unwrap().body[..], b"there", "{path}");
    }
    for (path, says) in [
        ("/round", "too often"),
        ("/file", "to no address"),
        ("/password", "to no address"),
        ("/nowhere", "to no address"),
    ] {
        let why = refused(&outgoing, &url(path)).await;
        assert!(why.contains(says), "{path}: {why}");
    }
    let here = |path: &str| Ask { redirects: Redirects::Here(1), ..url(path) };
    assert!(outgoing.fetch(&here("/once")).await.is_ok());
    assert!(refused(&outgoing, &here("/twice")).await.contains("too often"));
    assert!(refused(&outgoing, &here("/away")).await.contains("to another scheme, host or port"));
    assert!(refused(&outgoing, &ask("http://octo:x@127.0.0.1/")).await.contains("cannot be fetched"));
    assert!(refused(&outgoing, &ask("http://127.0.0.1:1/")).await.contains("cannot connect"));
}

/// A server with a certificate of its own for 127.0.0.1, and what trusts it.
async fn secure() -> (u16, RootCertStore) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let key = made.signing_key.serialize_der().try_into().unwrap();
    let config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![made.cert.into()], key).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0; 4096];
            let read = stream.read(&mut request).await.unwrap();
            let answer = if request[..read].starts_with(b"GET /down") {
                "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
            } else {
                "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecure"
            };
            stream.write_all(answer.as_bytes()).await.unwrap();
            let _ = stream.shutdown().await;
        }
    });
    (port, roots)
}

#[tokio::test]
async fn a_certificate_is_checked_and_https_stays_https() {
    let (port, roots) = secure().await;
    let outgoing = Outgoing::default();
    let url = format!("https://127.0.0.1:{port}");
    let why = refused(&outgoing, &ask(&url)).await;
    assert!(why.contains("no secure connection") || why.contains("no certificates"), "{why}");
    outgoing.tls.set(Some(trusting(roots.clone()))).ok();
    let outgoing = Outgoing { tls: OnceLock::from(Some(trusting(roots))), ..Outgoing::default() };
    assert_eq!(&outgoing.fetch(&ask(&url)).await.unwrap().body[..], b"secure");
    let why = refused(&outgoing, &ask(&format!("{url}/down"))).await;
    assert!(why.contains("from https to http"), "{why}");
}
