//! The parameters of libpq, sorted by what Isobar does with them.

use std::collections::BTreeMap;

use super::ConnInfoError;

/// Followed. `pool_mode` is a word of ours and `pgbouncer` one of Prisma's: what is between us and the server.
const FOLLOWED: [&str; 13] = [
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "load_balance_hosts",
    "password",
    "pgbouncer",
    "pool_mode",
    "port",
    "sslmode",
    "sslrootcert",
    "target_session_attrs",
    "user",
];

/// Accepted without effect, so that an application's string can be pasted: Isobar sets its own name, keepalives and encoding, has no
/// GSSAPI to negotiate or compression to offer, and sends SNI always.
const IGNORED: [&str; 12] = [
    "application_name",
    "client_encoding",
    "fallback_application_name",
    "gssencmode",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "sslcompression",
    "sslsni",
    "tcp_user_timeout",
    "tty",
];

const CLIENT_CERTIFICATE: &str = "client certificates are not presented by this version; use a password";
const REVOCATION: &str = "revocation lists are not checked by this version";
const NEGOTIATION: &str = "TLS 1.2 or 1.3 is negotiated by Isobar itself";
const AUTHENTICATION: &str = "the method of authentication cannot be forced by this version";
const NO_GSS: &str = "GSSAPI is not spoken by this version; use a password";
const NO_FILES: &str = "a connection is described here alone; keep the password in `${NAME}` or `file:PATH`";

/// Refused with a reason, since to ignore them would weaken or change what was asked for.
const REFUSED: [(&str, &str); 29] = [
    ("channel_binding", "channel binding is used when the server offers it, but cannot be forced by this version"),
    ("gssdelegation", NO_GSS),
    ("gsslib", NO_GSS),
    ("krbsrvname", NO_GSS),
    ("max_protocol_version", NEGOTIATION),
    ("min_protocol_version", NEGOTIATION),
    ("oauth_client_id", AUTHENTICATION),
    ("oauth_client_secret", AUTHENTICATION),
    ("oauth_issuer", AUTHENTICATION),
    ("oauth_scope", AUTHENTICATION),
    ("options", "Isobar sets its own session options (read-only, timeouts), and poolers refuse them"),
    ("passfile", NO_FILES),
    ("replication", "Isobar watches with plain sessions only"),
    ("require_auth", AUTHENTICATION),
    ("requirepeer", AUTHENTICATION),
    ("requiressl", "it is long deprecated; use sslmode=require"),
    ("scram_client_key", AUTHENTICATION),
    ("scram_server_key", AUTHENTICATION),
    ("service", NO_FILES),
    ("servicefile", NO_FILES),
    ("ssl_max_protocol_version", NEGOTIATION),
    ("ssl_min_protocol_version", NEGOTIATION),
    ("sslcert", CLIENT_CERTIFICATE),
    ("sslcertmode", CLIENT_CERTIFICATE),
    ("sslcrl", REVOCATION),
    ("sslcrldir", REVOCATION),
    ("sslkey", CLIENT_CERTIFICATE),
    ("sslnegotiation", NEGOTIATION),
    ("sslpassword", CLIENT_CERTIFICATE),
];

/// How alike two names must be (Jaro-Winkler, 0..1) for one to be offered for the other: `sslmod` and `hots` pass, `pgbouncer` and
/// `port` do not.
const ALIKE: f64 = 0.85;

/// What a connection string gives; later ones win, as in libpq, and empty ones count as not given.
#[derive(Default)]
pub(super) struct Parameters {
    values: BTreeMap<&'static str, String>,
    seen: usize,
}

impl Parameters {
    /// Takes one parameter as written, or says why not.
    pub(super) fn put(&mut self, name: &str, value: String) -> Result<(), ConnInfoError> {
        self.seen += 1;
        if let Some(name) = FOLLOWED.into_iter().find(|known| *known == name) {
            self.set(name, value);
            return Ok(());
        }
        if name == "ssl" {
            // JDBC's word, which libpq accepts in URLs.
            let require = (value == "true").then(|| "require".to_owned());
            self.set("sslmode", require.ok_or(ConnInfoError::bad("ssl", "true; sslmode says more"))?);
            return Ok(());
        }
        if IGNORED.contains(&name) {
            return Ok(());
        }
        if let Some((name, reason)) = REFUSED.into_iter().find(|(known, _)| *known == name) {
            // The mere default asks for nothing.
            let harmless = name == "channel_binding" && value != "require" || name == "sslnegotiation" && value == "postgres";
            return if harmless { Ok(()) } else { Err(ConnInfoError::Unsupported { name, reason }) };
        }
        let known = FOLLOWED.into_iter().chain(IGNORED).chain(REFUSED.into_iter().map(|(name, _)| name));
        Err(ConnInfoError::Unknown { position: self.seen, nearest: nearest(name, known) })
    }

    /// Sets a parameter that the form itself names, as a URL does the host.
    pub(super) fn set(&mut self, name: &'static str, value: String) {
        if value.is_empty() {
            self.values.remove(name);
        } else {
            self.values.insert(name, value);
        }
    }

    /// The number of the parameter that comes next, from 1.
    pub(super) fn next(&self) -> usize {
        self.seen + 1
    }

    /// A value that is there and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// A value that must be one of a few words.
    pub(super) fn choice<T: Copy>(
        &self,
        name: &'static str,
        words: &'static [(&'static str, T)],
    ) -> Result<Option<T>, ConnInfoError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let found = words.iter().find(|(word, _)| *word == value).map(|(_, meaning)| *meaning);
        let expected = match name {
            "sslmode" => "one of disable, allow, prefer, require, verify-ca, verify-full",
            "load_balance_hosts" => "disable or random",
            "pool_mode" => "one of none, session, transaction",
            _ => "one of any, read-write, read-only, primary, standby, prefer-standby",
        };
        let refuse = || ConnInfoError::Value { name, expected, nearest: nearest(value, words.iter().map(|(word, _)| *word)) };
        found.map(Some).ok_or_else(refuse)
    }
}

fn nearest(name: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let lower = name.to_lowercase();
    let likeness = |known: &'static str| (strsim::jaro_winkler(&lower, known), known);
    let best = known.map(likeness).max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(likeness, _)| *likeness >= ALIKE).map(|(_, known)| known)
}
