//! `${NAME}`, `${NAME:-default}`, `$${` and `file:PATH` in strings. What they stand for may be a secret: an error names the
//! variable or the file, never a value.

use crate::model::Timestamp;

/// Where values come from: the environment, files and the clock, or a test's tables.
pub struct Sources<'a> {
    /// The clock on the wall.
    pub now: Timestamp,
    /// A variable of the environment.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The text of a file, by its path relative to the configuration's folder.
    pub read: &'a dyn Fn(&str) -> std::io::Result<String>,
}

/// Why a string could not be filled in.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ExpandError {
    #[error("the environment variable {0} is not set")]
    Unset(String),
    #[error("a `${{` is not closed, or does not name a variable")]
    Form,
    #[error("the file {path} cannot be read ({why})")]
    File { path: String, why: std::io::ErrorKind },
}

impl ExpandError {
    pub(super) fn fix(&self) -> String {
        match self {
            Self::Unset(name) => format!("set {name} where isobar runs, or give a default: ${{{name}:-...}}"),
            Self::Form => "write ${NAME} or ${NAME:-default}; $${ stands for itself".to_owned(),
            Self::File { .. } => {
                "create it, readable for the user that runs isobar; paths are relative to the configuration's folder".to_owned()
            }
        }
    }
}

/// The string with its references filled in. Variables come first, so that `file:${SECRETS}/password` works; what a variable
/// or a file holds is taken as it is, not looked into again, and a file loses the newline at its end.
pub(super) fn expand(text: &str, from: &Sources<'_>) -> Result<String, ExpandError> {
    let filled = variables(text, from)?;
    // Only what is written may name a file, so that a variable cannot make isobar read one.
    let Some(written) = text.strip_prefix("file:") else { return Ok(filled) };
    let path = filled.strip_prefix("file:").unwrap_or_default();
    let content = (from.read)(path).map_err(|error| ExpandError::File { path: written.to_owned(), why: error.kind() })?;
    Ok(content.trim_end_matches(['\n', '\r']).to_owned())
}

fn variables(text: &str, from: &Sources<'_>) -> Result<String, ExpandError> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            filled.push_str(&rest[..at]);
            filled.push('{');
            rest = &rest[at + 2..];
            continue;
        }
        filled.push_str(&rest[..at]);
        let (inside, behind) = rest[at + 2..].split_once('}').ok_or(ExpandError::Form)?;
        let (name, default) = inside.split_once(":-").map_or((inside, None), |(name, default)| (name, Some(default)));
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !starts_well || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(ExpandError::Form);
        }
        // As in a shell, `:-` also replaces an empty value.
        let value = match ((from.env)(name), default) {
            (Some(value), None) => value,
            (Some(value), Some(_)) if !value.is_empty() => value,
            (_, Some(default)) => default.to_owned(),
            (None, None) => return Err(ExpandError::Unset(name.to_owned())),
        };
        filled.push_str(&value);
        rest = behind;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn expanded(text: &str) -> String {
        let env = |name: &str| match name {
            "HOST" => Some("db.internal".to_owned()),
            "DIR" => Some("run".to_owned()),
            "EMPTY" => Some(String::new()),
            "TRAP" => Some("file:run/password".to_owned()),
            "NESTED" => Some("${HOST}".to_owned()),
            _ => None,
        };
        let read = |path: &str| match path {
            "run/password" => Ok("s3cret ${HOST}\r\n".to_owned()),
            _ => Err(io::ErrorKind::NotFound.into()),
        };
        let expanded = expand(text, &Sources { now: crate::clock::wall(), env: &env, read: &read });
        expanded.unwrap_or_else(|error| format!("{error}; {}", error.fix()))
    }

    #[test]
    fn references_are_filled_in_once() {
        let table = [
            ("plain $5 }", "plain $5 }"),
            ("${HOST}:1 ${HOST}", "db.internal:1 db.internal"),
            ("${NONE:-a:-b}", "a:-b"),
            ("${NONE:-}", ""),
            ("${EMPTY}|${EMPTY:-full}", "|full"),
            ("${HOST:-other}", "db.internal"),
            ("${NESTED}", "${HOST}"),
            ("a$${HOST}b${HOST}", "a${HOST}bdb.internal"),
            ("file:run/password", "s3cret ${HOST}"),
            ("file:${DIR}/password", "s3cret ${HOST}"),
            ("${TRAP}", "file:run/password"),
            ("profile:x", "profile:x"),
        ];
        for (text, expected) in table {
            assert_eq!(expanded(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let table = [
            ("a${NONE}", "variable NONE is not set; set NONE"),
            ("${HOST", "is not closed"),
            ("${}", "does not name a variable"),
            ("${A B}", "does not name a variable"),
            ("${1}", "does not name a variable"),
            ("file:nowhere", "the file nowhere cannot be read (entity not found)"),
            ("file:${HOST}", "the file ${HOST} cannot be read"),
        ];
        for (text, expected) in table {
            assert!(expanded(text).contains(expected), "{text} gave {}", expanded(text));
        }
    }
}
