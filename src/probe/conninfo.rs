//! Where and as whom to connect: libpq URLs and key=value strings, parsed by ourselves because the driver knows neither
//! `verify-full` nor `sslrootcert`.
//!
//! ```text
//!  text ──► syntax: URL | key=value ──► parameters: known, ignored, refused ──► ConnInfo
//! ```
//! Parsing is pure: no environment, no password file, no default host; what a node connects to stands in its configuration.
//! The text holds a password, also when it is malformed and nobody can tell which part that is. So an error is made only of our own
//! words (names of parameters that libpq knows, positions), never of pieces of the text; and where libpq would guess (an `@` or `?`
//! in the middle of a URL) we refuse and ask for percent-encoding, so that no piece of a password ends up as a host or database.
//! `Debug` shows no secret either.

mod error;
mod parameters;
mod syntax;

#[cfg(test)]
mod tests;

use std::{fmt, net::IpAddr, path::PathBuf, time::Duration};

use secrecy::SecretString;

pub use error::ConnInfoError;
use parameters::Parameters;

/// How much to insist on TLS, as libpq means it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslMode {
    /// Never.
    Disable,
    /// Only when the server insists; treated as `prefer` by us.
    Allow,
    /// When the server can; otherwise plain.
    Prefer,
    /// Always, whatever the certificate.
    Require,
    /// Always, and the certificate must come from a trusted authority.
    VerifyCa,
    /// Always, and the certificate must be for this host too.
    VerifyFull,
}

/// One host of a connection string.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Host {
    /// Name, address, or the directory of a Unix socket (starts with `/`).
    pub name: String,
    /// `hostaddr`, which saves the look-up.
    pub addr: Option<IpAddr>,
    /// Port.
    pub port: u16,
}

/// `target_session_attrs`: which of several hosts will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // libpq's own words
pub enum SessionAttrs {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

/// What is between us and the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolMode {
    /// Nothing: its sessions are ours.
    None,
    /// A pooler that gives each client a session of the server for as long as it stays.
    Session,
    /// A pooler that gives each transaction one.
    Transaction,
}

/// A parsed connection string.
#[derive(Clone)]
pub struct ConnInfo {
    /// Hosts, in the order to try them; at least one.
    pub hosts: Vec<Host>,
    /// Role.
    pub user: String,
    /// Password, when one is given.
    pub password: Option<SecretString>,
    /// Database.
    pub dbname: String,
    /// TLS.
    pub sslmode: SslMode,
    /// Trusted authorities, PEM; the system's when not given.
    pub sslrootcert: Option<PathBuf>,
    /// For all phases of one attempt; none means the caller's own deadline.
    pub connect_timeout: Option<Duration>,
    /// Which of several hosts will do.
    pub session_attrs: SessionAttrs,
    /// Whether the hosts are tried in an order of chance (`load_balance_hosts=random`).
    pub load_balance: bool,
    /// What is in between: `pool_mode`, or `pgbouncer=true`, or the port that poolers in transaction mode have at Supabase. To be found
    /// out when none.
    pub pool_mode: Option<PoolMode>,
}

impl ConnInfo {
    /// Reads a libpq URL (`postgres://`, `postgresql://`) or a key=value string. Host and role must be named; the database is
    /// the role's name unless told, the port 5432, `sslmode` prefer.
    pub fn parse(text: &str) -> Result<Self, ConnInfoError> {
        let given = syntax::read(text)?;
        let hosts = hosts(&given)?;
        let user = given.get("user").ok_or(ConnInfoError::NoUser)?.to_owned();
        let (sslmode, sslrootcert) = tls(&given)?;
        Ok(Self {
            pool_mode: pool_mode(&given, &hosts)?,
            hosts,
            dbname: given.get("dbname").unwrap_or(&user).to_owned(),
            user,
            password: given.get("password").map(SecretString::from),
            sslmode,
            sslrootcert,
            connect_timeout: connect_timeout(&given)?,
            session_attrs: given.choice("target_session_attrs", &SESSION_ATTRS)?.unwrap_or(SessionAttrs::Any),
            load_balance: given.choice("load_balance_hosts", &LOAD_BALANCE)?.unwrap_or(false),
        })
    }

    /// `host:port` of the first host, for people.
    pub fn address(&self) -> String {
        let shown = |host: &Host| {
            let (open, close) = if host.name.contains(':') { ("[", "]") } else { ("", "") };
            format!("{open}{}{close}:{}", host.name, host.port)
        };
        self.hosts.first().map(shown).unwrap_or_default()
    }
}

impl PartialEq for ConnInfo {
    fn eq(&self, other: &Self) -> bool {
        use secrecy::ExposeSecret;
        let password = |of: &Self| of.password.as_ref().map(|secret| secret.expose_secret().to_owned());
        (&self.hosts, &self.user, &self.dbname, self.sslmode, &self.sslrootcert, self.connect_timeout)
            == (&other.hosts, &other.user, &other.dbname, other.sslmode, &other.sslrootcert, other.connect_timeout)
            && (self.session_attrs, self.load_balance, self.pool_mode)
                == (other.session_attrs, other.load_balance, other.pool_mode)
            && password(self) == password(other)
    }
}

/// `user@host:port/dbname`, never the password.
impl fmt::Debug for ConnInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}/{}", self.user, self.address(), self.dbname)
    }
}

const SSL_MODES: [(&str, SslMode); 6] = [
    ("disable", SslMode::Disable),
    ("allow", SslMode::Allow),
    ("prefer", SslMode::Prefer),
    ("require", SslMode::Require),
    ("verify-ca", SslMode::VerifyCa),
    ("verify-full", SslMode::VerifyFull),
];

const SESSION_ATTRS: [(&str, SessionAttrs); 6] = [
    ("any", SessionAttrs::Any),
    ("read-write", SessionAttrs::ReadWrite),
    ("read-only", SessionAttrs::ReadOnly),
    ("primary", SessionAttrs::Primary),
    ("standby", SessionAttrs::Standby),
    ("prefer-standby", SessionAttrs::PreferStandby),
];

const LOAD_BALANCE: [(&str, bool); 2] = [("disable", false), ("random", true)];
/// Its words, as in a string and as a target's `pool_mode`.
pub const POOL_MODES: [(&str, PoolMode); 3] =
    [("none", PoolMode::None), ("session", PoolMode::Session), ("transaction", PoolMode::Transaction)];

/// Supavisor and Supabase's own PgBouncer listen here for transactions, and nobody else that is known.
const TRANSACTION_PORT: u16 = 6543;

/// The port of PostgreSQL.
const DEFAULT_PORT: u16 = 5432;

/// `host`, `hostaddr` and `port` are lists of the same length, except that one port may serve all hosts.
fn hosts(given: &Parameters) -> Result<Vec<Host>, ConnInfoError> {
    let list = |name| given.get(name).map(|list| list.split(',').collect::<Vec<_>>()).unwrap_or_default();
    let (names, addrs, ports) = (list("host"), list("hostaddr"), list("port"));
    let count = names.len().max(addrs.len());
    if count == 0 {
        return Err(ConnInfoError::NoHost);
    }
    let fits = |len: usize| len == 0 || len == count;
    if !fits(names.len()) || !fits(addrs.len()) || !(fits(ports.len()) || ports.len() == 1) {
        return Err(ConnInfoError::Counts);
    }
    let host = |at: usize| {
        let addr = match addrs.get(at).copied().unwrap_or_default() {
            "" => None,
            addr => Some(addr.parse::<IpAddr>().map_err(|_| ConnInfoError::bad("hostaddr", "an IPv4 or IPv6 address"))?),
        };
        let name = match (names.get(at).copied().unwrap_or_default(), addr) {
            ("", None) => return Err(ConnInfoError::NoHost),
            ("", Some(addr)) => addr.to_string(),
            (name, _) if name.contains(|c: char| c == '@' || c.is_whitespace() || c.is_control()) => {
                return Err(ConnInfoError::bad("host", "a name, an address, or the directory of a Unix socket"));
            }
            (name, _) => name.to_owned(),
        };
        let port = match ports.get(at).or(ports.first().filter(|_| ports.len() == 1)).copied().unwrap_or_default() {
            "" => DEFAULT_PORT,
            port => port.parse().ok().filter(|port| *port != 0).ok_or(ConnInfoError::Port)?,
        };
        Ok(Host { name, addr, port })
    };
    (0..count).map(host).collect()
}

/// `pgbouncer=true` is Prisma's word for transaction mode, so it stands in many strings.
fn pool_mode(given: &Parameters, hosts: &[Host]) -> Result<Option<PoolMode>, ConnInfoError> {
    let named = given.choice("pool_mode", &POOL_MODES)?;
    let prisma = given.get("pgbouncer").is_some_and(|value| value == "true");
    let by_port = hosts.iter().all(|host| host.port == TRANSACTION_PORT);
    Ok(named.or((prisma || by_port).then_some(PoolMode::Transaction)))
}

/// As libpq: `sslrootcert=system` insists on `verify-full`, and `require` with a file of authorities means `verify-ca`.
fn tls(given: &Parameters) -> Result<(SslMode, Option<PathBuf>), ConnInfoError> {
    let mode = given.choice("sslmode", &SSL_MODES)?;
    match (mode, given.get("sslrootcert")) {
        (None | Some(SslMode::VerifyFull), Some("system")) => Ok((SslMode::VerifyFull, None)),
        (Some(_), Some("system")) => Err(ConnInfoError::WeakForSystem),
        (Some(SslMode::Require), Some(file)) => Ok((SslMode::VerifyCa, Some(file.into()))),
        (mode, file) => Ok((mode.unwrap_or(SslMode::Prefer), file.map(PathBuf::from))),
    }
}

/// Whole seconds; zero and less mean no limit of its own.
fn connect_timeout(given: &Parameters) -> Result<Option<Duration>, ConnInfoError> {
    let Some(text) = given.get("connect_timeout") else { return Ok(None) };
    let seconds: i32 = text.trim().parse().map_err(|_| ConnInfoError::bad("connect_timeout", "a whole number of seconds"))?;
    Ok(u64::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs))
}
