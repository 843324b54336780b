//! A web server whose every answer a test writes: slow, cut off, huge, or a lie.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct WebRequest {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The header fields in their order, names as sent.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl WebRequest {
    /// The first header field of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub struct WebReply {
    /// The status code.
    pub status: u16,
    /// Header fields. `Content-Length` is added unless it is given.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long nothing is sent.
    pub after: Duration,
}

impl WebReply {
    /// 200 with a body of that type.
    pub fn of(kind: &str, body: impl Into<Vec<u8>>) -> WebReply {
        WebReply::status(200, kind, body)
    }

    /// Any status.
    pub fn status(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> WebReply {
        let headers = vec![("Content-Type".to_owned(), kind.to_owned())];
        WebReply { status, headers, body: body.into(), after: Duration::ZERO }
    }

    /// A redirect.
    pub fn redirect(to: &str) -> WebReply {
        WebReply::status(302, "text/plain", "").header("Location", to)
    }

    /// The same with another header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> WebReply {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same, later.
    #[must_use]
    pub fn after(self, after: Duration) -> WebReply {
        WebReply { after, ..self }
    }
}

type Script = dyn Fn(&WebRequest) -> WebReply + Send + Sync;

/// The server. It ends when it is dropped.
#[derive(Debug)]
pub struct FakeWeb {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<WebRequest>>>,
    ended: Arc<AtomicBool>,
}

impl FakeWeb {
    /// Starts one on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When no port is free.
    pub fn start(script: impl Fn(&WebRequest) -> WebReply + Send + Sync + 'static) -> FakeWeb {
        FakeWeb::start_at(0, script)
    }

    /// Starts one on this port of 127.0.0.1.
    ///
    /// # Panics
    /// When it is taken.
    pub fn start_at(port: u16, script: impl Fn(&WebRequest) -> WebReply + Send + Sync + 'static) -> FakeWeb {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (requests, ended) = (Arc::new(Mutex::default()), Arc::new(AtomicBool::new(false)));
        let (seen, over, script) = (Arc::clone(&requests), Arc::clone(&ended), Arc::new(script));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
                // A client that goes away is its own affair.
                thread::spawn(move || answer(stream, &seen, &*script));
            }
        });
        FakeWeb { address, requests, ended }
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What arrived so far.
    pub fn requests(&self) -> Vec<WebRequest> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for FakeWeb {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // So that the listener wakes, and ends.
        let _ = TcpStream::connect(self.address);
    }
}

/// One request on one connection.
fn answer(stream: TcpStream, seen: &Mutex<Vec<WebRequest>>, script: &Script) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let line = read_line(&mut stream)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut headers = Vec::new();
    loop {
        let line = read_line(&mut stream)?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut request = WebRequest { method, target, headers, body: Vec::new() };
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    request.body.resize(length, 0);
    stream.read_exact(&mut request.body).ok()?;
    let reply = script(&request);
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    thread::sleep(reply.after);
    let mut head = format!("HTTP/1.1 {} Scripted\r\nConnection: close\r\n", reply.status);
    if !reply.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length")) {
        head += &format!("Content-Length: {}\r\n", reply.body.len());
    }
    for (name, value) in &reply.headers {
        head += &format!("{name}: {value}\r\n");
    }
    let stream = stream.get_mut();
    stream.write_all(&[head.as_bytes(), b"\r\n", &reply.body].concat()).ok()
}

fn read_line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
    Some(line.trim_end().to_owned())
}
