//! `tallymark health`: whether the running daemon answers, for HEALTHCHECK of a container and for people.
//!
//! It asks over HTTP at the address that is configured for the daemon, and checks nothing else: it reports what a load
//! balancer would see.

use super::{AlreadySaid, CommonFlags, block_on, out};
use anyhow::{Context, Result, bail};
use clap::Args;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, StatusCode, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};
use tallymark_web::Listen;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};

/// How long the daemon may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longer than any answer to this question.
const MOST_BYTES: usize = 1 << 20;

/// Ask the running daemon whether it is healthy. Exit code 0 means that it answers.
#[derive(Debug, Args)]
pub(super) struct Health {
    /// Fail also while hits cannot reach the store. (They wait; a restart would not help.)
    #[arg(long)]
    ready: bool,
}

/// What `/readyz` answers.
#[derive(Deserialize)]
pub(super) struct DaemonReadiness {
    pub(super) status: String,
    pub(super) reasons: Vec<String>,
}

/// Asks the daemon that listens there.
pub(super) async fn readiness(listen: &Listen) -> Result<(StatusCode, DaemonReadiness, Bytes)> {
    let place = match listen {
        Listen::Tcp(addr) => reachable(*addr)[0].to_string(),
        Listen::Unix(path) => path.display().to_string(),
    };
    let asked = tokio::time::timeout(PATIENCE, ask(listen)).await;
    let (status, body) = match asked.unwrap_or_else(|_| bail!("no answer within {PATIENCE:?}")) {
        Ok(answer) => answer,
        Err(error) => bail!(
            "cannot reach the daemon at {place}: {error:#}. Is `tallymark serve` running with this --listen?"
        ),
    };
    let readiness = serde_json::from_slice(&body)
        .with_context(|| format!("the server at {place} is not Tallymark (HTTP status {status})"))?;
    Ok((status, readiness, body))
}

impl Health {
    pub(super) fn run(self, common: &CommonFlags) -> Result<()> {
        let listen = common.load()?.http.listen;
        let (status, readiness, body) = block_on(readiness(&listen))?;
        if common.json {
            out::print(&format!("{}\n", String::from_utf8_lossy(&body)))?;
        }
        match (self.ready && status != StatusCode::OK, common.json) {
            // The reasons are in the JSON.
            (true, true) => Err(AlreadySaid.into()),
            (true, false) => bail!("{}", people(&readiness).trim_end()),
            (false, true) => Ok(()),
            (false, false) => out::print(&people(&readiness)),
        }
    }
}

fn people(readiness: &DaemonReadiness) -> String {
    let reasons: Vec<String> = readiness.reasons.iter().map(|reason| out::plain(reason)).collect();
    let colon = if reasons.is_empty() { "" } else { ": " };
    format!("{}{colon}{}\n", out::plain(&readiness.status), reasons.join("; "))
}

/// The address to connect to from this machine. A listener on every IPv6 address also listens on IPv4, and a container
/// may have only an IPv4 loopback.
pub(super) fn reachable(addr: SocketAddr) -> Vec<SocketAddr> {
    let (v4, v6): (IpAddr, IpAddr) = (Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into());
    let places = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => vec![v4],
        IpAddr::V6(ip) if ip.is_unspecified() => vec![v6, v4],
        ip => vec![ip],
    };
    places.into_iter().map(|ip| SocketAddr::new(ip, addr.port())).collect()
}

async fn ask(listen: &Listen) -> Result<(StatusCode, Bytes)> {
    match listen {
        Listen::Tcp(addr) => ask_over(TcpStream::connect(&reachable(*addr)[..]).await?).await,
        Listen::Unix(path) => ask_over(UnixStream::connect(path).await?).await,
    }
}

async fn ask_over(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Result<(StatusCode, Bytes)> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::get("/readyz").header("host", "localhost").body(Empty::<Bytes>::new())?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = Limited::new(body, MOST_BYTES).collect().await;
    connection.abort();
    match body {
        Ok(body) => Ok((head.status, body.to_bytes())),
        Err(error) => bail!("reading the answer: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listens_everywhere_is_asked_on_loopback() {
        for (listens, asked) in [
            ("0.0.0.0:80", &["127.0.0.1:80"][..]),
            ("[::]:80", &["[::1]:80", "127.0.0.1:80"]),
            ("192.0.2.7:80", &["192.0.2.7:80"]),
            ("127.0.0.1:8080", &["127.0.0.1:8080"]),
        ] {
            let places = reachable(listens.parse().unwrap());
            assert_eq!(places.iter().map(SocketAddr::to_string).collect::<Vec<_>>(), asked);
        }
    }
}
