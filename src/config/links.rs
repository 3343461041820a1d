//! Addresses on the web: whether one is well-formed, and who could read what is sent there.

use std::net::IpAddr;

use super::section::{Findings, Place, Text};

/// What an address says of itself.
#[derive(Debug, PartialEq, Eq)]
struct Link<'a> {
    encrypted: bool,
    host: &'a str,
}

/// The parts of `http(s)://[user@]host[:port][/...]`; an error says what is wrong with it, without repeating it.
fn parse(url: &str) -> Result<Link<'_>, &'static str> {
    let (scheme, rest) = url.split_once("://").ok_or("has no scheme")?;
    let encrypted = match scheme.to_ascii_lowercase().as_str() {
        "https" => true,
        "http" => false,
        _ => return Err("is neither http nor https"),
    };
    if url.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
        return Err("holds spaces or control characters");
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let address = authority.rsplit_once('@').map_or(authority, |(_, address)| address);
    let (host, port) = match address.strip_prefix('[') {
        Some(inner) => {
            let (host, behind) = inner.split_once(']').ok_or("has a host with an open bracket")?;
            (host, behind.strip_prefix(':'))
        }
        None => address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return Err("names no host");
    }
    if !host.chars().all(|letter| letter.is_alphanumeric() || "-._:%".contains(letter)) {
        return Err("has a host that is no name");
    }
    if port.is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port == 0) || port.parse::<u16>().is_err()) {
        return Err("has a port that is no number from 1 to 65535");
    }
    Ok(Link { encrypted, host })
}

/// Whether what is sent to this host stays on this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// Notes what is wrong with an address; says whether it can be used.
pub(super) fn check(findings: &mut Findings<'_>, text: &Text<'_>) -> bool {
    let parsed = parse(&text.value);
    if let Err(wrong) = &parsed {
        let message = format!("is not an address on the web: it {wrong}");
        findings.problem(&text.at, message, "write it like https://host/path or http://127.0.0.1:8080");
    }
    parsed.is_ok()
}

/// Warns of an address to which secrets travel for all to read.
pub(super) fn warn_unless_private(findings: &mut Findings<'_>, url: &str, at: &Place<'_>) {
    if parse(url).is_ok_and(|link| !link.encrypted && !is_loopback(link.host)) {
        let message = "is not encrypted: everybody on the way reads what is sent, secrets included";
        findings.warn(at, message, "use https://");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        for (url, expected) in [
            ("https://hooks.slack.com/services/T/B/x", Ok((true, "hooks.slack.com"))),
            ("http://am-0:9093", Ok((false, "am-0"))),
            ("HTTPS://h", Ok((true, "h"))),
            ("http://[::1]:80/x", Ok((false, "::1"))),
            ("https://me:p@ss@h:1?x=http://y", Ok((true, "h"))),
            ("hooks.slack.com/x", Err("has no scheme")),
            ("ftp://h", Err("is neither http nor https")),
            ("https://", Err("names no host")),
            ("https:///x", Err("names no host")),
            ("https://h h/", Err("holds spaces or control characters")),
            ("https://h:0", Err("has a port that is no number from 1 to 65535")),
            ("https://h:port", Err("has a port that is no number from 1 to 65535")),
            ("https://[::1", Err("has a host with an open bracket")),
            ("https://a,b", Err("has a host that is no name")),
        ] {
            assert_eq!(parse(url).map(|link| (link.encrypted, link.host)), expected, "{url}");
        }
    }

    #[test]
    fn loopback_goes_by_several_names() {
        for (host, expected) in [
            ("localhost", true),
            ("LOCALHOST", true),
            ("a.localhost", true),
            ("127.0.0.9", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("10.0.0.1", false),
            ("localhost.example.com", false),
        ] {
            assert_eq!(is_loopback(host), expected, "{host}");
        }
    }
}
