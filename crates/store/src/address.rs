//! The address of a Redis, taken apart: which servers, which login, which files for TLS.
//!
//! Nothing is opened or resolved here. [`crate::StoreUrl`] checks an address with it, and the Redis store connects to
//! what it says. `Debug` is not derived: an address holds passwords.

use ::redis::{ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo};
use std::path::PathBuf;

/// The port of a Sentinel.
const SENTINEL_PORT: u16 = 26379;

/// Where a Redis is, and how to talk to it.
pub(crate) struct RedisAddress {
    /// Which server.
    pub(crate) servers: RedisServers,
    /// The database and the login there.
    pub(crate) login: RedisConnectionInfo,
    /// `None`: in the clear.
    pub(crate) tls: Option<TlsFiles>,
}

/// Which server to ask.
pub(crate) enum RedisServers {
    /// This one.
    One(ConnectionAddr),
    /// The one that the Sentinels name.
    Sentinels(SentinelAddress),
}

/// Where Sentinels are, and what they are asked.
pub(crate) struct SentinelAddress {
    /// Hosts and ports, in the order of the address.
    pub(crate) hosts: Vec<(String, u16)>,
    /// The name under which they watch the master.
    pub(crate) master: String,
    /// How to log in to the Sentinels themselves.
    pub(crate) login: RedisConnectionInfo,
}

/// PEM files for TLS. They are read for each connection, so a renewed certificate needs no restart.
#[derive(Default)]
pub(crate) struct TlsFiles {
    /// Whom to trust; `None`: what the system trusts.
    pub(crate) ca: Option<PathBuf>,
    /// Our own certificate and its key, for a server that asks for one.
    pub(crate) own: Option<(PathBuf, PathBuf)>,
}

impl RedisAddress {
    /// Takes an address apart; `why` it is not one, without any secret of it.
    pub(crate) fn parse(text: &str) -> Result<RedisAddress, String> {
        let (scheme, rest) = text.split_once(':').unwrap_or((text, ""));
        match scheme {
            "redis+sentinel" | "rediss+sentinel" => of_sentinels(scheme, rest),
            "rediss" => {
                let (server, query) = rest.split_once('?').unwrap_or((rest, ""));
                let mut parameters = Parameters::parse(query);
                let tls = parameters.tls_files()?;
                parameters.finish("rediss", "ca, cert and key")?;
                one(&format!("redis:{server}"), rest, Some(tls))
            }
            _ => one(text, rest, None),
        }
    }
}

/// One server, whose address the client library reads.
fn one(text: &str, rest: &str, tls: Option<TlsFiles>) -> Result<RedisAddress, String> {
    let info = text.into_connection_info().map_err(|err| {
        if has_odd_database(rest) {
            "the part after the last / is not a database number".to_owned()
        } else if !port_is_one(rest) {
            "the part after the last : is not a port number".to_owned()
        } else {
            err.category().to_owned()
        }
    })?;
    let login = info.redis_settings().clone();
    Ok(RedisAddress { servers: RedisServers::One(info.addr().clone()), login, tls })
}

/// `//[login@]host[:port],…/master[/db][?parameters]`
fn of_sentinels(scheme: &str, rest: &str) -> Result<RedisAddress, String> {
    let needed =
        || format!("write {scheme}://HOST1,HOST2,HOST3/MASTER, where MASTER is what the Sentinels call it");
    let rest = rest.strip_prefix("//").ok_or_else(needed)?;
    let (servers, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (login, servers) =
        servers.rsplit_once('@').map_or(("", servers), |(login, servers)| (login, servers));
    let (hosts, path) = servers.split_once('/').unwrap_or((servers, ""));
    let (master, db) = path.split_once('/').unwrap_or((path, "0"));
    if master.is_empty() || hosts.is_empty() {
        return Err(needed());
    }
    let mut parameters = Parameters::parse(query);
    let tls = parameters.tls_files()?;
    let mut of_sentinels = RedisConnectionInfo::default();
    if let Some(user) = parameters.take("sentinel-user") {
        of_sentinels = of_sentinels.set_username(user);
    }
    if let Some(password) = parameters.take("sentinel-password") {
        of_sentinels = of_sentinels.set_password(password);
    }
    let mut known = "sentinel-user and sentinel-password".to_owned();
    let tls = if scheme == "rediss+sentinel" {
        known = format!("ca, cert, key, {known}");
        Some(tls)
    } else if tls.ca.is_some() || tls.own.is_some() {
        return Err("ca, cert and key are for rediss+sentinel://".to_owned());
    } else {
        None
    };
    parameters.finish(scheme, &known)?;
    let at = if login.is_empty() { "" } else { "@" };
    let login = one(&format!("redis://{login}{at}master/{db}"), &format!("//master/{db}"), None)?.login;
    let master = percent_encoding::percent_decode_str(master).decode_utf8_lossy().into_owned();
    let hosts = hosts.split(',').map(sentinel).collect::<Result<_, _>>()?;
    let sentinels = SentinelAddress { hosts, master, login: of_sentinels };
    Ok(RedisAddress { servers: RedisServers::Sentinels(sentinels), login, tls })
}

fn sentinel(host: &str) -> Result<(String, u16), String> {
    if !port_is_one(host) {
        return Err(format!("in {host}, the part after the last : is not a port number"));
    }
    let has_port = host.rsplit(']').next().is_some_and(|behind| behind.contains(':'));
    let text = if has_port { format!("redis://{host}") } else { format!("redis://{host}:{SENTINEL_PORT}") };
    match text.into_connection_info().map(|info| info.addr().clone()) {
        Ok(ConnectionAddr::Tcp(host, port)) => Ok((host, port)),
        _ => Err(format!("{host:?} is not a host")),
    }
}

/// What follows the `?` of an address.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn parse(query: &str) -> Parameters {
        Parameters(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    fn take(&mut self, key: &str) -> Option<String> {
        let at = self.0.iter().position(|(found, _)| found == key)?;
        Some(self.0.remove(at).1)
    }

    fn tls_files(&mut self) -> Result<TlsFiles, String> {
        let mut file = |key| self.take(key).map(PathBuf::from);
        let ca = file("ca");
        let own = match (file("cert"), file("key")) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            _ => return Err("cert and key belong together: give both".to_owned()),
        };
        Ok(TlsFiles { ca, own })
    }

    fn finish(self, scheme: &str, known: &str) -> Result<(), String> {
        match self.0.first() {
            // A value is not shown: it may be a secret.
            Some((key, _)) if key.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') => {
                Err(format!("{scheme}:// has no parameter {key:?}, or it is there twice; it has {known}"))
            }
            Some(_) => Err(format!("{scheme}:// has the parameters {known}")),
            None => Ok(()),
        }
    }
}

/// Whether something else than a number is where the number of a database would be, in an address that is a server's.
fn has_odd_database(rest: &str) -> bool {
    let server = rest.trim_start_matches('/').rsplit('@').next().unwrap_or_default();
    let path = server.split('?').next().unwrap_or_default().split_once('/').map_or("", |(_, path)| path);
    port_is_one(rest) && !path.is_empty() && path.parse::<u32>().is_err()
}

/// Whether there is a number where a port would be, or no port.
fn port_is_one(rest: &str) -> bool {
    let server = rest.trim_start_matches('/').rsplit('@').next().unwrap_or_default();
    let server = server.split(['/', '?']).next().unwrap_or_default();
    // After the brackets of an IPv6 address.
    let behind = server.rsplit(']').next().unwrap_or_default();
    behind.rsplit_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_ok())
}

/// The address without what may be secret: everything before the last `@`, and the query. A password with a forgotten
/// `%` may put its `@` or `/` anywhere, hence the last one of the whole text.
pub(crate) fn redacted(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (secret, open) = rest.rsplit_once('@').map_or((false, rest), |(_, open)| (true, open));
    let open = open.split(['?', '#']).next().unwrap_or_default();
    format!("{scheme}://{}{open}", if secret { "***@" } else { "" })
}
