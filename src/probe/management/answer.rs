//! What the provider answers, taken with care: its texts are cut, its lists are short, and what it refuses is said with the fix.

use serde::Deserialize;

use crate::{
    model::{Timestamp, sample::Missing, vitals::Service},
    probe::classify::bounded,
};

/// There are eight services today.
const MOST_SERVICES: usize = 32;
/// An organisation has some dozens; what is listed is read by people.
const MOST_PROJECTS: usize = 1_000;
/// A name of the provider's.
const LONGEST_WORD: usize = 64;

#[derive(Deserialize)]
struct Health {
    name: String,
    healthy: Option<bool>,
    status: Option<String>,
    error: Option<String>,
}

/// A project as the list of them has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Listed {
    /// Its reference.
    #[serde(alias = "ref")]
    pub id: String,
    /// As people call it.
    pub name: String,
    /// Where it is.
    #[serde(default)]
    pub region: String,
}

/// A way to a project's database: the primary's, or a read replica's.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Way {
    /// The project's reference, or the replica's.
    pub identifier: String,
    /// `PRIMARY` or `READ_REPLICA`.
    pub database_type: String,
    /// Role, with the tenant.
    pub db_user: String,
    /// The pooler's host.
    pub db_host: String,
    /// Its port.
    pub db_port: u16,
    /// Database.
    pub db_name: String,
}

/// The services' state; an error says what is wrong with the answer.
pub fn services(body: &[u8], now: Timestamp) -> Result<Vec<Service>, Missing> {
    let rows: Vec<Health> = read(body)?;
    let service = |row: Health| {
        let status = row.status.unwrap_or_else(|| if row.healthy == Some(true) { "ACTIVE_HEALTHY" } else { "UNHEALTHY" }.into());
        let error = row.error.map(|error| bounded(&error)).filter(|error| !error.is_empty());
        Service { name: word(&row.name), status: word(&status), error, checked_at: now }
    };
    Ok(rows.into_iter().take(MOST_SERVICES).map(service).collect())
}

/// The projects that the token's owner may see.
pub fn projects(body: &[u8]) -> Result<Vec<Listed>, Missing> {
    let mut listed: Vec<Listed> = read(body)?;
    listed.retain(|project| super::is_reference(&project.id));
    listed.truncate(MOST_PROJECTS);
    Ok(listed)
}

/// The ways to a project's databases; those with a host or role that cannot stand in a connection string are left out.
pub fn ways(body: &[u8]) -> Result<Vec<Way>, Missing> {
    let mut ways: Vec<Way> = read(body)?;
    let plain = |text: &str| {
        !text.is_empty() && text.len() <= 253 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    ways.retain(|way| [&way.identifier, &way.db_user, &way.db_host, &way.db_name].into_iter().all(|text| plain(text)));
    Ok(ways)
}

fn read<T: for<'a> Deserialize<'a>>(body: &[u8]) -> Result<T, Missing> {
    // Serde's own words may quote the answer.
    serde_json::from_slice(body).map_err(|error| {
        let why = if error.is_data() { "it has another form than documented" } else { "it is no JSON" };
        missing(format!("the Management API's answer cannot be read: {why}"), None)
    })
}

/// What a refusal means, and what to do.
pub fn refusal(status: u16) -> Missing {
    let (cause, fix) = match status {
        400 => ("refuses the question", Some("check `project`: the 20 letters in the project's URL")),
        401 => (
            "does not accept the access token",
            Some(
                "make a personal access token (sbp_...) in the dashboard under Account, Access Tokens, and give it as `access_token`",
            ),
        ),
        403 => (
            "does not let this token see the project",
            Some("use the token of a member of the project's organisation, with the right to read projects"),
        ),
        404 => ("knows no such project", Some("check `project`: the 20 letters in the project's URL")),
        429 => ("has had enough questions for this minute", None),
        500.. => ("is in trouble itself", None),
        _ => ("gives an answer that is not documented", None),
    };
    missing(format!("the Management API {cause} ({status})"), fix)
}

/// Why services cannot be known.
pub fn missing(cause: String, fix: Option<&str>) -> Missing {
    Missing { field: "vitals.services".into(), cause, fix: fix.map(str::to_owned) }
}

fn word(text: &str) -> String {
    bounded(text).chars().take(LONGEST_WORD).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Timestamp {
        crate::clock::wall()
    }

    #[test]
    fn services_are_read_with_and_without_what_may_be_left_out() {
        let body = br#"[{"name":"db","healthy":true,"status":"ACTIVE_HEALTHY","info":{"db_schema":"x"}},
            {"name":"rest","healthy":false,"status":"UNHEALTHY","error":"it\nfell"},{"name":"auth","healthy":false}]"#;
        let read = services(body, at()).expect("an answer");
        let seen: Vec<_> = read.iter().map(|one| (one.name.as_str(), one.status.as_str(), one.error.as_deref())).collect();
        assert_eq!(seen, [("db", "ACTIVE_HEALTHY", None), ("rest", "UNHEALTHY", Some("it")), ("auth", "UNHEALTHY", None)]);
    }

    #[test]
    fn an_answer_that_lies_is_refused_without_repeating_it() {
        for body in [&b"<html>S3CRET</html>"[..], b"", b"{\"message\":\"S3CRET\"}", b"[{\"healthy\":\"S3CRET\"}]", b"\xff\xfe"] {
            let refused = services(body, at()).expect_err("a refusal");
            assert!(!refused.cause.contains("S3CRET"), "{}", refused.cause);
        }
        let long = format!("[{}]", vec![format!("{{\"name\":\"{}\"}}", "n".repeat(9_000)); 500].join(","));
        let read = services(long.as_bytes(), at()).expect("an answer");
        assert_eq!((read.len(), read[0].name.len()), (MOST_SERVICES, LONGEST_WORD));
    }

    #[test]
    fn only_ways_that_can_stand_in_a_connection_string_are_taken() {
        let way = |host: &str| {
            format!(
                "{{\"identifier\":\"{}\",\"database_type\":\"PRIMARY\",\"db_user\":\"postgres.x\",\"db_host\":\"{host}\",\
                 \"db_port\":6543,\"db_name\":\"postgres\",\"connection_string\":\"...\",\"default_pool_size\":null}}",
                "a".repeat(20)
            )
        };
        let body = format!("[{},{}]", way("aws-0-eu-central-1.pooler.supabase.com"), way("h\\\"]\\n[[target]]"));
        let read = ways(body.as_bytes()).expect("an answer");
        assert_eq!(read.len(), 1);
        assert_eq!((read[0].db_port, read[0].db_host.as_str()), (6543, "aws-0-eu-central-1.pooler.supabase.com"));
    }
}
