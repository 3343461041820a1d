//! The two forms that libpq reads, as libpq reads them where that is unambiguous.

use percent_encoding::percent_decode_str;

use super::{ConnInfoError, parameters::Parameters};

/// The parameters that a connection string gives, from either form.
pub(super) fn read(text: &str) -> Result<Parameters, ConnInfoError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(ConnInfoError::Empty);
    }
    if text.contains('\0') {
        return Err(ConnInfoError::Zero);
    }
    if let Some(rest) = ["postgres://", "postgresql://"].into_iter().find_map(|scheme| text.strip_prefix(scheme)) {
        return url(rest);
    }
    match text.find(['=', ':']) {
        None => Err(ConnInfoError::Unrecognised),
        Some(at) if text[at..].starts_with("://") => Err(ConnInfoError::Scheme),
        Some(_) if !text.contains('=') => Err(ConnInfoError::Unrecognised),
        Some(_) => pairs(text),
    }
}

/// `[role[:password]@][host[:port],...][/database][?name=value&...]`
fn url(rest: &str) -> Result<Parameters, ConnInfoError> {
    let mut given = Parameters::default();
    let (account, rest) = match rest.find(['@', '/']) {
        Some(at) if rest[at..].starts_with('@') => (Some(&rest[..at]), &rest[at + 1..]),
        _ => (None, rest),
    };
    if rest.contains('@') {
        return Err(ConnInfoError::StrayAt);
    }
    if let Some(account) = account {
        if account.contains('?') {
            return Err(ConnInfoError::StrayQuestionMark);
        }
        let (user, password) = account.split_once(':').unwrap_or((account, ""));
        given.set("user", decode(user)?);
        given.set("password", decode(password)?);
    }

    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, dbname) = rest.split_once('/').unwrap_or((rest, ""));
    let (hosts, ports): (Vec<_>, Vec<_>) =
        authority.split(',').map(host_and_port).collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
    given.set("host", decode(&hosts.join(","))?);
    if ports.iter().any(|port| !port.is_empty()) {
        given.set("port", decode(&ports.join(","))?);
    }
    given.set("dbname", decode(dbname)?);

    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or(ConnInfoError::NoEquals { position: given.next() })?;
        given.put(&decode(name)?, decode(value)?)?;
    }
    Ok(given)
}

fn host_and_port(text: &str) -> Result<(&str, &str), ConnInfoError> {
    let Some(bracketed) = text.strip_prefix('[') else {
        let (host, port) = text.split_once(':').unwrap_or((text, ""));
        return if port.contains(':') { Err(ConnInfoError::Port) } else { Ok((host, port)) };
    };
    let (address, behind) =
        bracketed.split_once(']').filter(|(address, _)| !address.is_empty()).ok_or(ConnInfoError::Brackets)?;
    match behind.strip_prefix(':') {
        Some(port) => Ok((address, port)),
        None if behind.is_empty() => Ok((address, "")),
        None => Err(ConnInfoError::Brackets),
    }
}

fn decode(text: &str) -> Result<String, ConnInfoError> {
    let escapes_end = text.split('%').skip(1).all(|rest| rest.len() >= 2 && rest.bytes().take(2).all(|b| b.is_ascii_hexdigit()));
    if !escapes_end {
        return Err(ConnInfoError::Percent);
    }
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| ConnInfoError::Percent)?;
    if decoded.contains('\0') { Err(ConnInfoError::Zero) } else { Ok(decoded.into_owned()) }
}

/// `name = value` separated by white space; a value may stand in single quotes, and a backslash escapes in both.
fn pairs(text: &str) -> Result<Parameters, ConnInfoError> {
    let mut given = Parameters::default();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let no_equals = ConnInfoError::NoEquals { position: given.next() };
        let (name, behind) = rest.split_at(rest.find(|c: char| c == '=' || c.is_whitespace()).ok_or(no_equals)?);
        let behind = behind.trim_start().strip_prefix('=').filter(|_| !name.is_empty()).ok_or(no_equals)?.trim_start();
        let (value, behind) = value(behind).ok_or(ConnInfoError::Quotes { position: given.next() })?;
        given.put(name, value)?;
        rest = behind.trim_start();
    }
    Ok(given)
}

/// A value and what follows it; none when its quotes do not end.
fn value(text: &str) -> Option<(String, &str)> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut chars = text.char_indices().skip(usize::from(quoted));
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Some((value, &text[at + 1..])),
            c if !quoted && c.is_whitespace() => return Some((value, &text[at..])),
            c => value.push(c),
        }
    }
    (!quoted).then_some((value, ""))
}
