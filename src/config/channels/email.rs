//! `kind = "email"`: a mail server, a sender, and who gets mail.

use std::path::Path;

use crate::{
    alert::settings::{EmailSettings, EmailTls},
    config::{
        links,
        section::{Findings, Section, Text},
    },
};

pub(super) const KEYS: [&str; 8] = ["ca", "from", "host", "password", "port", "tls", "to", "username"];

const TLS: [(&str, EmailTls); 3] = [("implicit", EmailTls::Implicit), ("none", EmailTls::None), ("starttls", EmailTls::Starttls)];

pub(super) fn read(findings: &mut Findings<'_>, section: &Section<'_>, folder: &Path) -> Option<EmailSettings> {
    let host = section.required(findings, "host", "\"smtp.example.com\"");
    if let Some(host) = host.as_ref().filter(|host| host.value.contains(|it: char| it.is_whitespace() || "/@:,".contains(it))) {
        findings.problem(&host.at, "is not the name of a host", "write the mail server's name alone; its port is another key");
    }
    let tls = section.choice(findings, "tls", "a way to protect the connection", &TLS).unwrap_or(EmailTls::Starttls);
    let usual_port = if tls == EmailTls::Implicit { 465 } else { 587 };
    let port = section.whole(findings, "port", 1..=u32::from(u16::MAX)).and_then(|port| u16::try_from(port).ok());
    let ca = section.given(findings, "ca");
    if let Some(ca) = &ca
        && let Err(error) = (findings.sources.read)(&ca.value)
    {
        let fix = "name a readable PEM file; paths are relative to the configuration's folder";
        findings.problem(&ca.at, format!("the file cannot be read ({})", error.kind()), fix);
    }
    let (username, password) = (section.given(findings, "username"), section.given(findings, "password"));
    if username.is_some() != password.is_some() {
        let (has, lacks) = if username.is_some() { ("username", "password") } else { ("password", "username") };
        findings.problem(&section.at(has), format!("comes without {lacks}"), format!("add {lacks}, or remove both"));
    }
    let elsewhere = host.as_ref().is_some_and(|host| !links::is_loopback(&host.value));
    if let Some(password) = password.as_ref().filter(|_| elsewhere && tls == EmailTls::None) {
        findings.problem(&password.at, "would be sent for all to read", "use tls = \"starttls\" or tls = \"implicit\"");
    }
    let from = section.required(findings, "from", "\"Isobar <isobar@example.com>\"").filter(|from| address(findings, from));
    let problems = findings.problems.len();
    let mut to: Vec<String> = Vec::new();
    for text in section.texts(findings, "to") {
        if address(findings, &text) && !to.contains(&text.value) {
            to.push(text.value);
        }
    }
    if to.is_empty() && findings.problems.len() == problems {
        findings.problem(&section.at("to"), "the mail goes to nobody", "add to = [\"oncall@example.com\"]");
    }
    Some(EmailSettings {
        host: host?.value,
        port: port.unwrap_or(usual_port),
        tls,
        ca: ca.map(|ca| folder.join(ca.value)),
        username: username.map(|username| username.value),
        password: password.map(|password| password.value.into()),
        from: from?.value,
        to: Some(to).filter(|to| !to.is_empty())?,
    })
}

/// `name@host` or `Somebody <name@host>`; notes a problem otherwise.
fn address(findings: &mut Findings<'_>, text: &Text<'_>) -> bool {
    let well_formed = is_address(text.value.trim());
    if !well_formed {
        findings.problem(&text.at, "is not an email address", "write name@example.com or \"Somebody <name@example.com>\"");
    }
    well_formed
}

fn is_address(text: &str) -> bool {
    if text.contains(char::is_control) {
        return false;
    }
    let address = match text.split_once('<') {
        None => text,
        Some((_, rest)) => match rest.strip_suffix('>') {
            Some(address) => address,
            None => return false,
        },
    };
    let plain =
        |part: &str| !part.is_empty() && !part.contains(|letter: char| letter.is_whitespace() || "<>@,;".contains(letter));
    address.split_once('@').is_some_and(|(name, host)| plain(name) && plain(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_what_is_none() {
        for (text, expected) in [
            ("a@b.example", true),
            ("On Call <on-call+db@b.example>", true),
            ("<a@b>", true),
            ("a@localhost", true),
            ("a", false),
            ("@b", false),
            ("a@", false),
            ("a@b@c", false),
            ("a b@c", false),
            ("a@b, c@d", false),
            ("A <a@b", false),
            ("A <a@b> x", false),
            ("a@b\r\nBcc: c@d", false),
        ] {
            assert_eq!(is_address(text), expected, "{text}");
        }
    }
}
