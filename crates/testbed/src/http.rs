//! A small blocking HTTP/1.1 client for tests: sees exactly what is on the wire, hides nothing, follows nothing.
//!
//! A server is named by `127.0.0.1:8080`, `http://127.0.0.1:8080` or `unix:/path/of/socket`.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Longer than any response should take, shorter than a hanging test run.
const TIMEOUT: Duration = Duration::from_secs(20);

/// An answer, with its body decoded from chunks if it came in chunks.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The header fields in their order, names as sent.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header field of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    ///
    /// # Panics
    /// When it is not UTF-8.
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }
}

/// `GET path` on its own connection.
///
/// # Panics
/// When there is no answer; see [`try_request`].
#[track_caller]
pub fn get(server: impl ToString, path: &str) -> Response {
    request("GET", server, path, &[], b"")
}

/// One request on its own connection. `Host` and `Content-Length` are added unless given.
///
/// # Panics
/// When there is no answer; see [`try_request`].
#[track_caller]
pub fn request(
    method: &str,
    server: impl ToString,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response {
    let server = server.to_string();
    try_request(method, &server, path, headers, body)
        .unwrap_or_else(|err| panic!("{method} {path} to {server}: {err}"))
}

/// [`request`] for a server that may be down.
pub fn try_request(
    method: &str,
    server: impl ToString,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response> {
    let headers = [headers, &[("Connection", "close")]].concat();
    Client::try_connect(server)?.try_request(method, path, &headers, body)
}

/// A persistent connection: several requests one after the other, or arbitrary bytes.
#[derive(Debug)]
pub struct Client {
    host: String,
    stream: BufReader<Stream>,
}

impl Client {
    /// Connects.
    ///
    /// # Panics
    /// When there is no listener.
    #[track_caller]
    pub fn connect(server: impl ToString) -> Client {
        let server = server.to_string();
        Client::try_connect(&server).unwrap_or_else(|err| panic!("cannot connect to {server}: {err}"))
    }

    /// [`Client::connect`] for a server that may be down.
    pub fn try_connect(server: impl ToString) -> io::Result<Client> {
        let server = server.to_string();
        let server = server.strip_prefix("http://").unwrap_or(&server).trim_end_matches('/');
        let (host, stream) = match server.strip_prefix("unix:") {
            Some(path) => ("localhost", Stream::Unix(UnixStream::connect(path)?)),
            None => (server, Stream::Tcp(TcpStream::connect(server)?)),
        };
        stream.set_timeouts()?;
        Ok(Client { host: host.to_owned(), stream: BufReader::new(stream) })
    }

    /// `GET path`.
    ///
    /// # Panics
    /// When there is no answer.
    #[track_caller]
    pub fn get(&mut self, path: &str) -> Response {
        self.request("GET", path, &[], b"")
    }

    /// One request. `Host` and `Content-Length` are added unless given.
    ///
    /// # Panics
    /// When there is no answer.
    #[track_caller]
    pub fn request(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        self.try_request(method, path, headers, body).unwrap_or_else(|err| panic!("{method} {path}: {err}"))
    }

    /// [`Client::request`] that returns errors.
    pub fn try_request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Response> {
        let given = |name: &str| headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name));
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        if !given("Host") {
            head += &format!("Host: {}\r\n", self.host);
        }
        if !given("Content-Length") && (!body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH")) {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        self.send_raw(&[head.as_bytes(), b"\r\n", body].concat())?;
        self.read_response(method == "HEAD")
    }

    /// Sends bytes as they are: half a request, a wrong one, a flood.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Reads one answer; `head` says that it answers a HEAD and so has no body.
    pub fn read_response(&mut self, head: bool) -> io::Result<Response> {
        loop {
            let mut response = self.read_head()?;
            if response.status / 100 == 1 {
                continue; // 100 Continue is not the answer yet
            }
            if !(head || matches!(response.status, 204 | 304)) {
                response.body = self.read_body(&response)?;
            }
            return Ok(response);
        }
    }

    fn read_head(&mut self) -> io::Result<Response> {
        let line = self.read_line()?;
        let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse().ok());
        let status = status.ok_or_else(|| bad(&format!("not a status line: {line:?}")))?;
        let mut headers = Vec::new();
        loop {
            let line = self.read_line()?;
            if line.is_empty() {
                return Ok(Response { status, headers, body: Vec::new() });
            }
            let (name, value) =
                line.split_once(':').ok_or_else(|| bad(&format!("not a header: {line:?}")))?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }

    fn read_body(&mut self, head: &Response) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if head.header("Transfer-Encoding").is_some_and(|it| it.eq_ignore_ascii_case("chunked")) {
            while self.read_chunk(&mut body)? {}
        } else if let Some(length) = head.header("Content-Length") {
            let length = length.parse().map_err(|_| bad(&format!("not a length: {length:?}")))?;
            body.resize(length, 0);
            self.stream.read_exact(&mut body)?;
        } else {
            self.stream.read_to_end(&mut body)?;
        }
        Ok(body)
    }

    /// Appends one chunk; false after the last, whose trailer is read too.
    fn read_chunk(&mut self, body: &mut Vec<u8>) -> io::Result<bool> {
        let line = self.read_line()?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let size =
            usize::from_str_radix(digits, 16).map_err(|_| bad(&format!("not a chunk size: {line:?}")))?;
        if size == 0 {
            while !self.read_line()?.is_empty() {}
            return Ok(false);
        }
        let start = body.len();
        body.resize(start + size, 0);
        self.stream.read_exact(&mut body[start..])?;
        self.read_line()?;
        Ok(true)
    }

    fn read_line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was closed"));
        }
        line.pop_if(|last| *last == b'\r');
        Ok(String::from_utf8_lossy(&line).into_owned())
    }
}

fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    fn set_timeouts(&self) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => {
                stream.set_nodelay(true)?;
                stream.set_write_timeout(Some(TIMEOUT))?;
                stream.set_read_timeout(Some(TIMEOUT))
            }
            Stream::Unix(stream) => {
                stream.set_write_timeout(Some(TIMEOUT))?;
                stream.set_read_timeout(Some(TIMEOUT))
            }
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(buf),
            Stream::Unix(stream) => stream.read(buf),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write(buf),
            Stream::Unix(stream) => stream.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    /// One request to a server that always answers `answer`.
    #[track_caller]
    fn check(method: &str, answer: &'static str, status: u16, body: &str) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut seen = Vec::new();
            while !seen.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                seen.push(byte[0]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let response = request(method, addr, "/", &[], b"");
        server.join().unwrap();
        assert_eq!((response.status, response.text()), (status, body));
    }

    #[test]
    fn body_with_a_length() {
        check("GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi and more", 200, "hi");
    }

    #[test]
    fn body_in_chunks() {
        let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\nA;x=1\r\n, hello it\r\n0\r\n\r\n";
        check("GET", answer, 200, "hi, hello it");
    }

    #[test]
    fn body_up_to_the_end() {
        check("GET", "HTTP/1.0 404 Not Found\r\n\r\ngone", 404, "gone");
    }

    #[test]
    fn head_has_no_body() {
        check("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", 200, "");
    }

    #[test]
    fn continue_is_not_the_answer() {
        check("GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 204, "");
    }
}
