//! Where a Redis is, from a URL. Nothing of the URL is repeated in an error: what was typed wrongly may be a part of the password.
//!
//! | URL | means |
//! | --- | --- |
//! | `redis://[user:password@]host[:6379][/db]` | one server, or whatever stands for one |
//! | `redis+sentinel://[user:password@]host[:26379],.../NAME[/db]` | the primary that sentinels know as NAME |
//! | `redis+cluster://[user:password@]host[:6379],...` | a cluster, by some of its servers |
//!
//! `rediss` in `redis`' place is TLS, with the system's authorities or those of `?ca=PATH`. `?sentinel_password=` is for the sentinels
//! themselves.

use std::{fmt, path::PathBuf};

use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};

/// What is wrong with a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not one of ours.
    #[error("a bus is redis://, rediss://, redis+sentinel://, rediss+sentinel://, redis+cluster:// or rediss+cluster://")]
    Scheme,
    /// No host.
    #[error("the URL of the bus names no host")]
    Host,
    /// Not a port.
    #[error("the port of the bus is no number from 1 to 65535 (in a password, write @ : / ? # % as %40 %3A %2F %3F %23 %25)")]
    Port,
    /// Several hosts where there is one.
    #[error("only redis+sentinel:// and redis+cluster:// take several hosts")]
    Hosts,
    /// No service.
    #[error("redis+sentinel:// needs the name of the primary after the hosts: /NAME")]
    Name,
    /// Not a database.
    #[error("the database of the bus is a number, and a cluster has none")]
    Database,
    /// Not percent-encoded.
    #[error("the URL of the bus is not well encoded (in a password, write % as %25)")]
    Encoding,
    /// Unknown parameter.
    #[error("the URL of the bus takes ca=PATH with rediss, and sentinel_password= with sentinels, and nothing else after `?`")]
    Parameter,
}

/// What answers there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Single,
    /// The service's name.
    Sentinel(String),
    Cluster,
}

#[derive(Clone)]
pub(super) struct Address {
    pub(super) kind: Kind,
    pub(super) tls: bool,
    pub(super) ca: Option<PathBuf>,
    pub(super) hosts: Vec<(String, u16)>,
    pub(super) user: Option<String>,
    pub(super) password: Option<SecretString>,
    pub(super) sentinel_password: Option<SecretString>,
    pub(super) db: i64,
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = url.trim().split_once("://").ok_or(UrlError::Scheme)?;
        let (tls, kind, port) = match scheme {
            "redis" => (false, Kind::Single, 6379),
            "rediss" => (true, Kind::Single, 6379),
            "redis+sentinel" => (false, Kind::Sentinel(String::new()), 26379),
            "rediss+sentinel" => (true, Kind::Sentinel(String::new()), 26379),
            "redis+cluster" => (false, Kind::Cluster, 6379),
            "rediss+cluster" => (true, Kind::Cluster, 6379),
            _ => return Err(UrlError::Scheme),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let hosts = hosts.split(',').map(|host| split(host, port)).collect::<Result<Vec<_>, _>>()?;
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let mut address = Self {
            kind,
            tls,
            ca: None,
            hosts,
            user: some(decode(user)?),
            password: some(decode(password)?).map(Into::into),
            sentinel_password: None,
            db: 0,
        };
        address.take_path(path)?;
        address.take_query(query)?;
        if address.kind == Kind::Single && address.hosts.len() > 1 {
            return Err(UrlError::Hosts);
        }
        Ok(address)
    }

    fn take_path(&mut self, path: &str) -> Result<(), UrlError> {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        if let Kind::Sentinel(name) = &mut self.kind {
            *name = decode(parts.next().ok_or(UrlError::Name)?)?;
            if name.contains(['@', ':', ',']) {
                return Err(UrlError::Name);
            }
        }
        let db = parts.next().map_or(Ok(0), str::parse::<u16>).map_err(|_| UrlError::Database)?;
        if parts.next().is_some() || (db > 0 && self.kind == Kind::Cluster) {
            return Err(UrlError::Database);
        }
        self.db = db.into();
        Ok(())
    }

    fn take_query(&mut self, query: &str) -> Result<(), UrlError> {
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("ca", path)) if self.tls => self.ca = some(decode(path)?).map(Into::into),
                Some(("sentinel_password", password)) if matches!(self.kind, Kind::Sentinel(_)) => {
                    self.sentinel_password = some(decode(password)?).map(Into::into);
                }
                _ => return Err(UrlError::Parameter),
            }
        }
        Ok(())
    }

    /// The text without the passwords, should a server or a library ever repeat one.
    pub(super) fn clean(&self, mut text: String) -> String {
        for secret in [&self.password, &self.sentinel_password].into_iter().flatten() {
            text = text.replace(secret.expose_secret(), "***");
        }
        text
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}{}", self.kind, if self.tls { " over TLS" } else { "" })
    }
}

/// `host`, `host:port`, `[::1]:port`.
fn split(host: &str, usual: u16) -> Result<(String, u16), UrlError> {
    let (name, port) = match host.strip_prefix('[').map(|rest| rest.split_once(']').ok_or(UrlError::Host)) {
        Some(bracketed) => bracketed.map(|(name, port)| (name, port.strip_prefix(':')))?,
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    let port = port.map_or(Ok(usual), str::parse).map_err(|_| UrlError::Port)?;
    match name {
        "" => Err(UrlError::Host),
        _ if port == 0 => Err(UrlError::Port),
        _ => Ok((name.to_owned(), port)),
    }
}

fn decode(text: &str) -> Result<String, UrlError> {
    percent_decode_str(text).decode_utf8().map(Into::into).map_err(|_| UrlError::Encoding)
}

fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(url: &str) -> Vec<String> {
        Address::parse(url).unwrap().hosts.iter().map(|(host, port)| format!("{host} {port}")).collect()
    }

    #[test]
    fn each_form_is_understood() {
        assert_eq!(hosts("redis://h"), ["h 6379"]);
        assert_eq!(hosts("rediss://default:p%40ss@[::1]:7000/3"), ["::1 7000"]);
        assert_eq!(hosts("redis+sentinel://a,b:1/main/2"), ["a 26379", "b 1"]);
        assert_eq!(hosts("rediss+cluster://:x@a,b"), ["a 6379", "b 6379"]);
        let address = Address::parse("rediss+sentinel://me:p%40:s@a/main/2?ca=/etc/ca.pem&sentinel_password=q").unwrap();
        assert_eq!((address.kind, address.tls, address.db), (Kind::Sentinel("main".into()), true, 2));
        assert_eq!((address.user.as_deref(), address.ca), (Some("me"), Some("/etc/ca.pem".into())));
        assert_eq!(address.password.unwrap().expose_secret(), "p@:s");
        assert_eq!(address.sentinel_password.unwrap().expose_secret(), "q");
    }

    #[test]
    fn each_mistake_has_its_name() {
        for (url, error) in [
            ("http://h", UrlError::Scheme),
            ("h:6379", UrlError::Scheme),
            ("redis://", UrlError::Host),
            ("redis://a,,b", UrlError::Host),
            ("redis://:secret/@h:1", UrlError::Port),
            ("redis://h:many", UrlError::Port),
            ("redis://h:0", UrlError::Port),
            ("redis://a,b", UrlError::Hosts),
            ("redis+sentinel://a,b", UrlError::Name),
            ("redis+sentinel://me:1/secret@a/main", UrlError::Name),
            ("redis://h/many", UrlError::Database),
            ("redis+cluster://h/1", UrlError::Database),
            ("redis://:%ff@h", UrlError::Encoding),
            ("redis://h?ca=x", UrlError::Parameter),
        ] {
            assert_eq!(Address::parse(url).unwrap_err(), error, "{url}");
        }
    }

    #[test]
    fn what_is_shown_holds_no_secret() {
        let address = Address::parse("rediss://me:secret@h").unwrap();
        assert_eq!(format!("{address:?}"), "Single over TLS");
        assert_eq!(address.clean("no secret here".into()), "no *** here");
    }
}
