//! Where and as whom to connect: libpq URLs and key=value strings, parsed by ourselves because the driver knows neither
//! `verify-full` nor `sslrootcert`. Secrets print as `***` everywhere, `Debug` included.

use std::{fmt, path::PathBuf, time::Duration};

use secrecy::SecretString;

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
    pub addr: Option<std::net::IpAddr>,
    /// Port.
    pub port: u16,
}

/// `target_session_attrs`: which of several hosts will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // libpq's own words
pub enum SessionAttrs {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
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
}

impl ConnInfo {
    /// `host:port` of the first host, for people.
    pub fn address(&self) -> String {
        self.hosts.first().map(|host| format!("{}:{}", host.name, host.port)).unwrap_or_default()
    }
}

impl PartialEq for ConnInfo {
    fn eq(&self, other: &Self) -> bool {
        use secrecy::ExposeSecret;
        let password = |of: &Self| of.password.as_ref().map(|secret| secret.expose_secret().to_owned());
        (&self.hosts, &self.user, &self.dbname, self.sslmode, &self.sslrootcert, self.connect_timeout, self.session_attrs)
            == (
                &other.hosts,
                &other.user,
                &other.dbname,
                other.sslmode,
                &other.sslrootcert,
                other.connect_timeout,
                other.session_attrs,
            )
            && password(self) == password(other)
    }
}

/// `user@host:port/dbname`, never the password.
impl fmt::Debug for ConnInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}/{}", self.user, self.address(), self.dbname)
    }
}
