//! Whether a Redis would do as the bus of a region, tried step by step before anybody depends on it. What it writes is gone at once.

use std::time::Duration;

use redis::{RedisError, RedisResult, cmd};
use secrecy::SecretString;

use super::{
    address::Address,
    keys,
    line::{Connection, Line},
};
use crate::{
    bus::transport::Stream,
    clock,
    model::{RegionName, cluster::Unreachable},
};
use secrecy::ExposeSecret;

/// Streams and scripts as they are used came with this version.
const NEEDED: (u32, u32) = (6, 2);

/// How one step went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// What was tried, e.g. `version`.
    pub what: &'static str,
    /// What was found; an error says what is wrong, without secrets.
    pub result: Result<String, String>,
    /// What to do about it, when something is wrong.
    pub fix: &'static str,
    /// Whether there is no bus with it.
    pub fatal: bool,
}

const fn good(what: &'static str, detail: String) -> Checked {
    Checked { what, result: Ok(detail), fix: "", fatal: false }
}

const fn wrong(what: &'static str, why: String, fix: &'static str) -> Checked {
    Checked { what, result: Err(why), fix, fatal: true }
}

/// Tries all that a node of that region does with its bus; a step that fails ends it.
pub async fn check(region: &RegionName, url: &SecretString) -> Vec<Checked> {
    let address = match Address::parse(url.expose_secret()) {
        Ok(address) => address,
        Err(error) => return vec![wrong("address", error.to_string(), "write it as regions/global.toml shows")],
    };
    let line = Line::new(std::sync::Arc::new(address));
    let mut done = Vec::new();
    for step in [Step::Reach, Step::Version, Step::Read, Step::Write, Step::Lua] {
        let checked = step.check(&line, region).await;
        let ends = checked.fatal;
        done.push(checked);
        if ends {
            break;
        }
    }
    done
}

#[derive(Clone, Copy)]
enum Step {
    Reach,
    Version,
    Read,
    Write,
    Lua,
}

impl Step {
    async fn check(self, line: &Line, region: &RegionName) -> Checked {
        let began = clock::now();
        let (what, fix) = match self {
            Self::Reach => ("reach", "correct [bus] redis, or let this machine through to it"),
            Self::Version => ("version", "use Redis 6.2 or later"),
            Self::Read => ("read", "let its user read isobar:*: ACL SETUSER NAME ~isobar:* ~database:health:* +@all"),
            Self::Write => (
                "write",
                "let its user write isobar:* (and not on a replica): ACL SETUSER NAME ~isobar:* ~database:health:* +@all",
            ),
            Self::Lua => ("scripts", "allow EVAL for its user: leases and alerts need it"),
        };
        let asked = line.run(Duration::ZERO, |connection| self.ask(connection, region)).await;
        let ms = clock::now().saturating_duration_since(began).as_secs_f64() * 1_000.0;
        match asked {
            Ok(version) if matches!(self, Self::Version) => judge(&version),
            Ok(_) if matches!(self, Self::Reach) => good(what, format!("answers; {ms:.1} ms with connecting")),
            Ok(_) => good(what, "works".to_owned()),
            Err(Unreachable(why)) if why.contains("password") => wrong("login", why, "correct user and password in [bus] redis"),
            // Some services do not tell it.
            Err(Unreachable(why)) if matches!(self, Self::Version) => {
                Checked { fatal: false, ..wrong(what, format!("not told: {why}"), fix) }
            }
            Err(Unreachable(why)) => wrong(what, why, fix),
        }
    }

    async fn ask(self, mut to: Connection, region: &RegionName) -> RedisResult<String> {
        let key = format!("{}:check", keys::stream(region, Stream::World));
        match self {
            Self::Reach => cmd("PING").query_async::<()>(&mut to).await?,
            Self::Version => return cmd("INFO").arg("server").query_async(&mut to).await,
            Self::Read => {
                let world = keys::stream(region, Stream::World);
                cmd("XRANGE").arg(world).arg("-").arg("+").arg("COUNT").arg(1).query_async::<redis::Value>(&mut to).await?;
            }
            Self::Write => {
                cmd("XADD").arg(&key).arg("MAXLEN").arg("~").arg(1).arg("*").arg("m").arg("").query_async::<()>(&mut to).await?;
                cmd("DEL").arg(&key).query_async::<()>(&mut to).await?;
            }
            Self::Lua => {
                let script = "return redis.call('EXISTS', KEYS[1])";
                cmd("EVAL").arg(script).arg(1).arg(&key).query_async::<()>(&mut to).await?;
            }
        }
        Ok::<_, RedisError>(String::new())
    }
}

/// What the answer to `INFO server` says of the version.
fn judge(info: &str) -> Checked {
    let found = info.lines().find_map(|line| line.trim().strip_prefix("redis_version:"));
    let number = |found: &str| {
        let mut parts = found.split('.').map(|part| part.parse::<u32>().ok());
        Some((parts.next()??, parts.next()??))
    };
    let fix = "use Redis 6.2 or later";
    match found.map(|found| (found, number(found))) {
        Some((found, Some(version))) if version >= NEEDED => good("version", found.to_owned()),
        Some((found, Some(_))) => wrong("version", format!("{found} is too old"), fix),
        _ => Checked { fatal: false, ..wrong("version", "not told".to_owned(), fix) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_apart() {
        for (info, fatal, said) in [
            ("# Server\r\nredis_version:7.0.15\r\nos:x", false, Ok("7.0.15")),
            ("redis_version:6.2.0", false, Ok("6.2.0")),
            ("redis_version:6.0.16", true, Err("6.0.16 is too old")),
            ("redis_version:beta", false, Err("not told")),
            ("", false, Err("not told")),
        ] {
            let checked = judge(info);
            let result = checked.result.as_deref().map_err(String::as_str);
            assert_eq!((checked.fatal, result), (fatal, said), "{info}");
        }
    }
}
