//! The one client for other people's servers.
//!
//! The caller sets every limit: time, size, and how far redirects can lead. A host is resolved here and its address is
//! checked before anything connects to it, so that neither a redirect nor a name server can lead into the operator's
//! own network. There is one connection per request, because there are few of them. Nothing is retried.

mod error;
mod reach;

pub use error::FetchError;
pub use reach::is_public_site;

use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Method, Request, StatusCode,
    body::{Body, Bytes, Incoming},
    client::conn::http1,
    header::{self, HeaderName, HeaderValue},
};
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use reach::Reachable;
use std::{
    io,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, pki_types::ServerName},
};
use url::Url;

/// How long one address of a host may take. A host may have several, and the others get their turn.
const CONNECT: Duration = Duration::from_secs(5);
/// What we say we are; GitHub refuses who says nothing.
const AGENT: &str = concat!("tallymark/", env!("CARGO_PKG_VERSION"));

/// How far an answer may send us on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirects {
    /// So many times, to the same scheme, host and port.
    Here(u8),
    /// So many times, to whatever may be connected to; never from https to http.
    Anywhere(u8),
}

/// What is asked for, and what the answer may cost.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Where.
    pub url: Url,
    /// Headers, which only the origin of `url` gets.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What is sent by POST; a GET without it. It is sent again wherever a redirect leads.
    pub post: Option<Bytes>,
    /// The largest body, in bytes.
    pub most: usize,
    /// The time for all of it, redirects included.
    pub within: Duration,
    /// How far we may be sent on.
    pub redirects: Redirects,
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Bytes,
}

/// Fetches from other servers.
#[derive(Debug, Default)]
pub struct Outgoing {
    reach: Reachable,
    /// Made when the first server is asked: reading the system's certificates takes a while.
    tls: OnceLock<Option<Arc<ClientConfig>>>,
}

impl Outgoing {
    /// `allowed` has the networks that may be connected to although they are not public.
    #[must_use]
    pub fn new(allowed: Vec<IpNet>) -> Outgoing {
        Outgoing { reach: Reachable { allowed }, tls: OnceLock::new() }
    }

    /// Fetches, and follows redirects as far as they may lead.
    ///
    /// # Errors
    ///
    /// [`FetchError`]; an answer with a status like 404 is none.
    pub async fn fetch(&self, ask: &Ask) -> Result<Fetched, FetchError> {
        timeout(ask.within, self.follow(ask)).await.unwrap_or(Err(FetchError::Late(ask.within)))
    }

    async fn follow(&self, ask: &Ask) -> Result<Fetched, FetchError> {
        let (Redirects::Here(most) | Redirects::Anywhere(most)) = ask.redirects;
        let mut url = ask.url.clone();
        for _ in 0..=most {
            let answer = self.once(&url, ask).await?;
            match next(&url, &answer, ask.redirects)? {
                None => return Ok(answer),
                Some(to) => url = to,
            }
        }
        Err(FetchError::Redirected("too often"))
    }

    async fn once(&self, url: &Url, ask: &Ask) -> Result<Fetched, FetchError> {
        let host = host_of(url)?;
        let stream = self.connect(url, &host, &ask.url).await?;
        if url.scheme() != "https" {
            return speak(stream, url, &host, ask).await;
        }
        let insecure = |source| FetchError::Insecure { host: authority(url, &host), source };
        let tls = TlsConnector::from(self.tls()?);
        let name = host.trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(name).map_err(|_| FetchError::Address)?;
        let stream = tls.connect(name, stream).await.map_err(insecure)?;
        speak(stream, url, &host, ask).await
    }

    /// Resolves, checks, and connects to exactly what was checked.
    async fn connect(&self, url: &Url, host: &str, first: &Url) -> Result<TcpStream, FetchError> {
        let port = url.port_or_known_default().ok_or(FetchError::Address)?;
        let found = lookup_host((host.trim_matches(['[', ']']), port)).await;
        let found = found.map_err(|source| FetchError::Unresolved { host: host.to_owned(), source })?;
        let mut failed = FetchError::Unresolved {
            host: host.to_owned(),
            source: io::Error::new(io::ErrorKind::NotFound, "it has no address"),
        };
        for address in found {
            if !self.reach.permits(url, address.ip(), first) {
                failed = FetchError::Private { host: host.to_owned(), address: address.ip() };
                continue;
            }
            let connected = timeout(CONNECT, TcpStream::connect(address)).await;
            match connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                Ok(stream) => return Ok(stream),
                Err(source) => failed = FetchError::Unreachable { host: authority(url, host), source },
            }
        }
        Err(failed)
    }

    fn tls(&self) -> Result<Arc<ClientConfig>, FetchError> {
        let config = self.tls.get_or_init(|| {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() { None } else { Some(trusting(roots)) }
        });
        config.clone().ok_or(FetchError::NoCertificates)
    }
}

fn trusting(roots: RootCertStore) -> Arc<ClientConfig> {
    Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

fn host_of(url: &Url) -> Result<String, FetchError> {
    let plain =
        matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
    url.host_str().filter(|_| plain).map(str::to_owned).ok_or(FetchError::Address)
}

/// One request and its answer over an open connection.
async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    url: &Url,
    host: &str,
    ask: &Ask,
) -> Result<Fetched, FetchError> {
    let broken = |source| FetchError::Broken { host: authority(url, host), source };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // It ends with the answer, or when the answer is dropped; an error of it is an error of the answer too.
    let connection = tokio::spawn(async move {
        let _ = connection.await;
    });
    let answer = match sender.send_request(request(url, host, ask)?).await {
        Ok(answer) => read(answer, &authority(url, host), ask.most).await,
        Err(source) => Err(broken(source)),
    };
    connection.abort();
    answer
}

/// The host, and its port if that is not the usual one.
fn authority(url: &Url, host: &str) -> String {
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn request(url: &Url, host: &str, ask: &Ask) -> Result<Request<Full<Bytes>>, FetchError> {
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let method = if ask.post.is_some() { Method::POST } else { Method::GET };
    let mut request = Request::builder()
        .method(method)
        .uri(target)
        .header(header::HOST, authority(url, host))
        .header(header::USER_AGENT, AGENT)
        // What was packed would have a second size.
        .header(header::ACCEPT_ENCODING, "identity");
    if url.origin() == ask.url.origin() {
        for (name, value) in &ask.headers {
            request = request.header(name, value);
        }
    }
    request.body(Full::new(ask.post.clone().unwrap_or_default())).map_err(|_| FetchError::Address)
}

async fn read(answer: hyper::Response<Incoming>, host: &str, most: usize) -> Result<Fetched, FetchError> {
    let (head, mut body) = answer.into_parts();
    let said = body.size_hint().lower();
    if said > most as u64 {
        return Err(FetchError::TooLarge(most));
    }
    let mut whole = Vec::with_capacity(said as usize);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|source| FetchError::Broken { host: host.to_owned(), source })?;
        let Ok(data) = frame.into_data() else { continue };
        if whole.len() + data.len() > most {
            return Err(FetchError::TooLarge(most));
        }
        whole.extend_from_slice(&data);
    }
    Ok(Fetched { status: head.status, headers: head.headers, body: whole.into() })
}

/// Where an answer sends us, if it does.
fn next(from: &Url, answer: &Fetched, redirects: Redirects) -> Result<Option<Url>, FetchError> {
    if !matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let nowhere = || FetchError::Redirected("to no address");
    let to = answer.headers.get(header::LOCATION).and_then(|to| to.to_str().ok()).ok_or_else(nowhere)?;
    let to = from.join(to).map_err(|_| nowhere())?;
    host_of(&to).map_err(|_| nowhere())?;
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err(FetchError::Redirected("from https to http"));
    }
    if matches!(redirects, Redirects::Here(_)) && to.origin() != from.origin() {
        return Err(FetchError::Redirected("to another scheme, host or port"));
    }
    Ok(Some(to))
}

#[cfg(test)]
mod tests;
