//! Which server to connect to, and how: the one of the address, or the master that Sentinels name; in the clear or
//! with TLS.
//!
//! Sentinels are asked for every new connection, and again from time to time while one is open: a master that was cut
//! off from its Sentinels goes on answering while they promote another. The connection itself is
//! [`super::client::Link`]'s.

use super::explain::explain;
use crate::{
    Class, Result, StoreError,
    address::{RedisAddress, RedisServers, SentinelAddress, TlsFiles, redacted},
};
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    RedisConnectionInfo, TlsCertificates,
    io::tcp::{TcpSettings, socket2::TcpKeepalive},
};
use std::{
    fmt, fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

/// How long one Sentinel may take to connect, and to answer.
const SENTINEL_TIMEOUT: Duration = Duration::from_millis(500);

/// How to reach the server of a store.
pub(super) struct Dialer {
    address: RedisAddress,
    tcp: TcpSettings,
    /// Which Sentinel answered last: it is asked first.
    first: AtomicUsize,
}

/// A server that Sentinels have named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NamedMaster {
    host: String,
    port: u16,
}

impl fmt::Display for NamedMaster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Dialer {
    /// Reads the address. `timeout`: how long a connection may leave what was sent to it without an answer.
    pub(super) fn new(url: &str, timeout: Duration) -> Result<Dialer> {
        let bad =
            |why| StoreError::new(Class::Request, format!("reading the address {}", redacted(url)), why);
        let address = RedisAddress::parse(url).map_err(bad)?;
        let keepalive =
            TcpKeepalive::new().with_time(Duration::from_secs(15)).with_interval(Duration::from_secs(5));
        let tcp = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive).set_user_timeout(timeout);
        Ok(Dialer { address, tcp, first: AtomicUsize::new(0) })
    }

    /// Whether other servers say which one it is.
    pub(super) fn is_named(&self) -> bool {
        matches!(self.address.servers, RedisServers::Sentinels(_))
    }

    /// Whether it speaks TLS.
    pub(super) fn is_secure(&self) -> bool {
        self.address.tls.is_some()
    }

    /// The server of now.
    pub(super) async fn client(&self, attempt: &str) -> Result<(Client, Option<NamedMaster>)> {
        match &self.address.servers {
            RedisServers::One(addr) => {
                Ok((self.to(addr.clone(), self.address.login.clone(), attempt)?, None))
            }
            RedisServers::Sentinels(sentinels) => {
                let named = self.ask(sentinels, attempt).await?;
                let addr = ConnectionAddr::Tcp(named.host.clone(), named.port);
                Ok((self.to(addr, self.address.login.clone(), attempt)?, Some(named)))
            }
        }
    }

    /// The master that the Sentinels name now; `None` without Sentinels.
    pub(super) async fn named(&self, attempt: &str) -> Result<Option<NamedMaster>> {
        match &self.address.servers {
            RedisServers::One(_) => Ok(None),
            RedisServers::Sentinels(sentinels) => self.ask(sentinels, attempt).await.map(Some),
        }
    }

    /// Asks one Sentinel after the other until one knows.
    async fn ask(&self, sentinels: &SentinelAddress, attempt: &str) -> Result<NamedMaster> {
        let (hosts, first) = (&sentinels.hosts, self.first.load(Ordering::Relaxed));
        let mut failed: Vec<StoreError> = Vec::new();
        for turn in 0..hosts.len() {
            let at = (first + turn) % hosts.len();
            let Some((host, port)) = hosts.get(at) else { break };
            let asking = format!("{attempt}: asking the Sentinel {host}:{port} for its master");
            match self.ask_one(sentinels, host, *port, &asking).await {
                Ok(named) => {
                    self.first.store(at, Ordering::Relaxed);
                    return Ok(named);
                }
                Err(error) => failed.push(error),
            }
        }
        // A Sentinel that answers something else says more than one that is down.
        let told = failed.iter().position(|error| error.class() != Class::Unavailable).unwrap_or(0);
        Err(failed.swap_remove(told))
    }

    async fn ask_one(
        &self,
        sentinels: &SentinelAddress,
        host: &str,
        port: u16,
        asking: &str,
    ) -> Result<NamedMaster> {
        let addr = ConnectionAddr::Tcp(host.to_owned(), port);
        let client = self.to(addr, sentinels.login.clone(), asking)?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(SENTINEL_TIMEOUT))
            .set_response_timeout(Some(SENTINEL_TIMEOUT));
        let answer = async {
            let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
            let mut command = redis::cmd("SENTINEL");
            command.arg("GET-MASTER-ADDR-BY-NAME").arg(&sentinels.master);
            command.query_async::<Option<(String, u16)>>(&mut connection).await
        };
        match answer.await {
            Ok(Some((host, port))) => Ok(NamedMaster { host, port }),
            Ok(None) => {
                let cause = format!("it knows no master with the name {:?}", sentinels.master);
                let advice = format!("See what it knows: redis-cli -h {host} -p {port} sentinel masters");
                Err(StoreError::new(Class::Refused, asking.to_owned(), cause).advise(advice))
            }
            Err(error) => Err(explain_sentinel(&error, asking, host, port)),
        }
    }

    fn to(&self, addr: ConnectionAddr, login: RedisConnectionInfo, attempt: &str) -> Result<Client> {
        let failed = |error: redis::RedisError| explain(&error, attempt.to_owned());
        let with = |addr: ConnectionAddr| -> redis::RedisResult<ConnectionInfo> {
            Ok(addr.into_connection_info()?.set_redis_settings(login).set_tcp_settings(self.tcp.clone()))
        };
        match (&self.address.tls, addr) {
            (Some(files), ConnectionAddr::Tcp(host, port)) => {
                let addr = ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None };
                let certificates = read(files, attempt)?;
                Client::build_with_tls(with(addr).map_err(failed)?, certificates).map_err(failed)
            }
            (_, addr) => Client::open(with(addr).map_err(failed)?).map_err(failed),
        }
    }
}

/// An error of a Sentinel, whose login is not that of the Redis.
fn explain_sentinel(error: &redis::RedisError, asking: &str, host: &str, port: u16) -> StoreError {
    let explained = explain(error, asking.to_owned());
    match explained.class() {
        Class::Refused => explained.advise(
            "The login of the Sentinels is apart from that of the Redis: add ?sentinel-user=USER&sentinel-password=PASSWORD \
             to the address",
        ),
        Class::Unavailable => explained.advise(format!("Try `redis-cli -h {host} -p {port} ping`")),
        Class::Data => explained.advise("Is this a Sentinel? A Redis itself is redis://HOST:PORT"),
        _ => explained,
    }
}

/// Reads the files of an address with TLS.
fn read(files: &TlsFiles, attempt: &str) -> Result<TlsCertificates> {
    let pem = |file: &Path| {
        fs::read(file).map_err(|error| {
            let cause = format!("cannot read {}: {error}", file.display());
            StoreError::new(Class::Refused, attempt.to_owned(), cause)
                .advise("Check the files in the store's address (?ca=FILE&cert=FILE&key=FILE)")
        })
    };
    let own = match &files.own {
        Some((cert, key)) => Some(ClientTlsConfig { client_cert: pem(cert)?, client_key: pem(key)? }),
        None => None,
    };
    let ca = files.ca.as_deref().map(pem).transpose()?;
    Ok(TlsCertificates { client_tls: own, root_cert: ca })
}
