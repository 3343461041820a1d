//! What `GET /cluster` answers, as Patroni 2 to 4 write it. Unknown keys and roles are none of our business.

use serde::Deserialize;

use crate::probe::discovery::MOST;

/// As long as a host name may be, by far.
const LONGEST: usize = 255;

/// One member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name in the cluster.
    pub name: String,
    /// Where its PostgreSQL listens.
    pub host: String,
    /// And on which port.
    pub port: u16,
    /// `leader`, `replica`, `sync_standby`, `standby_leader`, ...
    pub role: String,
    /// `running`, `streaming`, `stopped`, ...
    pub state: String,
}

/// What a member's state says of whether there is a server to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// There is one, or was until a moment ago.
    Serves,
    /// It is made, from nothing or as a copy.
    IsBuilt,
    /// It starts, as the end of either.
    Untold,
}

impl Member {
    /// See [`Stage`]; a state that is not told hides nobody.
    pub(super) fn stage(&self) -> Stage {
        match self.state.as_str() {
            ""
            | "running"
            | "streaming"
            | "in archive recovery"
            | "stopped"
            | "restarting"
            | "restart failed"
            | "stopping"
            | "stop failed"
            | "crashed" => Stage::Serves,
            "creating replica" | "initializing new cluster" | "initdb failed" => Stage::IsBuilt,
            state if state.contains("custom bootstrap") => Stage::IsBuilt,
            _ => Stage::Untold,
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    members: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    name: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    state: String,
    host: Option<String>,
    port: Option<u16>,
}

/// The members that have an address. An answer without any is none: a store that lost its content has not stopped a single server.
pub fn read(body: &[u8]) -> Result<Vec<Member>, String> {
    let answer: Answer =
        serde_json::from_slice(body).map_err(|_| "the answer is not what Patroni tells of a cluster".to_owned())?;
    let fits = |text: &str| !text.is_empty() && text.len() <= LONGEST && !text.contains(|c: char| c.is_control() || c == ',');
    let member = |row: Row| {
        let host = row.host.filter(|host| fits(host) && !host.contains(char::is_whitespace))?;
        let word = |text: String| if text.len() <= LONGEST { text } else { String::new() };
        let port = row.port.unwrap_or(5432);
        (fits(&row.name) && port != 0).then(|| Member {
            name: row.name,
            host,
            port,
            role: word(row.role),
            state: word(row.state),
        })
    };
    let mut members: Vec<Member> = answer.members.into_iter().filter_map(member).take(MOST).collect();
    members.sort_by(|a, b| a.name.cmp(&b.name));
    members.dedup_by(|a, b| a.name == b.name);
    if members.is_empty() { Err("it lists no member with an address".to_owned()) } else { Ok(members) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(body: &str) -> Result<Vec<String>, String> {
        let shown = |member: Member| format!("{} {} {}:{} {}", member.name, member.role, member.host, member.port, member.state);
        Ok(read(body.as_bytes())?.into_iter().map(shown).collect())
    }

    #[test]
    fn members_are_read_as_patroni_writes_them() {
        let body = r#"{"members": [
            {"name": "pg2", "role": "replica", "state": "streaming", "api_url": "http://10.0.0.2:8008/patroni", "host": "10.0.0.2",
             "port": 5432, "timeline": 4, "lag": 0, "tags": {"nofailover": true}},
            {"name": "pg1", "role": "leader", "state": "running", "api_url": "http://10.0.0.1:8008/patroni", "host": "10.0.0.1",
             "port": 5433, "timeline": 4},
            {"name": "pg3", "role": "quorum_standby", "state": "stopped", "host": "fd00::3", "lag": "unknown"},
            {"name": "new", "role": "replica", "state": "creating replica", "lag": "unknown"}
          ], "scope": "main", "pause": true, "scheduled_switchover": {"at": "2026-11-24T10:00:00+00:00"}}"#;
        let expected = [
            "pg1 leader 10.0.0.1:5433 running",
            "pg2 replica 10.0.0.2:5432 streaming",
            "pg3 quorum_standby fd00::3:5432 stopped",
        ];
        assert_eq!(seen(body).expect("members"), expected);
    }

    #[test]
    fn what_is_no_list_of_members_is_no_answer() {
        for body in [
            "",
            "<html>bad gateway</html>",
            "{}",
            r#"{"members": null}"#,
            r#"{"members": []}"#,
            r#"{"members": [{"name": "a"}]}"#,
            r#"{"members": [{"name": "a", "host": "x", "port": 99999}]}"#,
            r#"{"members": [{"name": "", "host": "x"}, {"name": "b", "host": "x,y"}, {"name": "c", "host": "x y"}, {"name": "d", "host": "x", "port": 0}]}"#,
        ] {
            assert!(seen(body).is_err(), "{body}");
        }
    }

    #[test]
    fn a_name_counts_once_and_an_endless_word_is_left_out() {
        let long = "r".repeat(300);
        let body = format!(r#"{{"members": [{{"name": "a", "host": "x", "role": "{long}"}}, {{"name": "a", "host": "y"}}]}}"#);
        assert_eq!(seen(&body).expect("members"), ["a  x:5432 "]);
    }
}
