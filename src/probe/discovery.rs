//! One `[[target]]` that stands for many: all databases of a server, or all members of a Patroni cluster.
//!
//! ```text
//!  template ──┐
//!             ├──► named ──► targets, as if each stood in the file
//!  Found ◄────┘
//!    ▲ databases: pg_database over a short connection, or at once when the slow lane sees that something came or went
//!    ▲ patroni:   GET /cluster of the first REST API that answers
//! ```
//! Whoever is asked may be away, and then nothing changes: only a list that says so takes a target away. What a name is derived from is
//! the found thing alone, so that every node of a region calls it the same, whatever else it has found so far.

pub mod databases;
pub mod patroni;

use std::{collections::BTreeSet, time::Duration};

use wildmatch::WildMatch;

use super::{
    PoolerSettings, TargetSettings,
    conninfo::{ConnInfo, Host, SessionAttrs},
};
use crate::model::TargetId;
use patroni::Member;

/// How often it is asked. A new database is watched within this and the moment that the list takes; a fresh connection costs the server
/// some 7 ms.
pub const EVERY: Duration = Duration::from_secs(10);
/// More are not taken from one list: a node's limits are meant for targets that somebody chose.
pub const MOST: usize = 1_000;
/// As long as a target's name may be.
const LONGEST_NAME: usize = 63;
/// In the database of a pooler's `client_url`: each target's own.
const OWN_DATABASE: &str = "{database}";

/// Where the targets are found.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// All databases of the template's server that match.
    Databases(Patterns),
    /// The members of a cluster.
    Patroni(patroni::Settings),
}

impl Source {
    /// Whether it finds things of that kind.
    pub const fn finds(&self, found: &Found) -> bool {
        matches!((self, found), (Self::Databases(_), Found::Database(_)) | (Self::Patroni(_), Found::Member(_)))
    }
}

/// A `[[target]]` that stands for many.
#[derive(Debug, Clone, PartialEq)]
pub struct Discovery {
    /// What all of them have in common; its name is the beginning of theirs.
    pub template: TargetSettings,
    /// Where they are found.
    pub source: Source,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A database.
    Database(String),
    /// A member of a cluster.
    Member(Member),
}

impl Found {
    /// How its source calls it.
    pub fn name(&self) -> &str {
        match self {
            Self::Database(name) => name,
            Self::Member(member) => &member.name,
        }
    }
}

/// `include` and `exclude`: `*` is any text, `?` any character. No `include` means everything.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Patterns {
    /// One of these must match.
    pub include: Vec<String>,
    /// None of these may.
    pub exclude: Vec<String>,
}

impl Patterns {
    /// Whether a database of that name is meant.
    pub fn takes(&self, name: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|pattern| WildMatch::new(pattern).matches(name));
        (self.include.is_empty() || any(&self.include)) && !any(&self.exclude)
    }
}

impl Discovery {
    /// The targets that were found, in the order of their names, none of which is among `taken`; and the things that no name is left for.
    pub fn targets(&self, found: &[Found], taken: &BTreeSet<&str>) -> (Vec<TargetSettings>, Vec<String>) {
        let mut names: BTreeSet<String> = BTreeSet::new();
        let (mut targets, mut nameless) = (Vec::new(), Vec::new());
        for found in found {
            let free = |name: &String| !taken.contains(name.as_str()) && !names.contains(name);
            match names_for(self.template.id.target.as_str(), found.name()).into_iter().find(free) {
                Some(name) => {
                    targets.push(self.named(&name, found));
                    names.insert(name);
                }
                None => nameless.push(found.name().to_owned()),
            }
        }
        targets.sort_by(|a, b| a.id.cmp(&b.id));
        (targets, nameless)
    }

    fn named(&self, name: &str, found: &Found) -> TargetSettings {
        let template = &self.template;
        let id = TargetId::new(template.id.region.as_str(), name);
        match found {
            Found::Database(database) => TargetSettings {
                id,
                url: ConnInfo { dbname: database.clone(), ..template.url.clone() },
                poolers: template.poolers.iter().filter_map(|pooler| in_front_of(pooler, database)).collect(),
                listed: true,
                ..template.clone()
            },
            Found::Member(member) => {
                let host = Host { name: member.host.clone(), addr: None, port: member.port };
                // Each is watched whatever it is now: the other roles are no failures.
                let url = ConnInfo { hosts: vec![host], session_attrs: SessionAttrs::Any, ..template.url.clone() };
                TargetSettings { id, url, ..template.clone() }
            }
        }
    }
}

/// The pooler as this database's clients meet it; none when there is nothing of it to watch for them. A `client_url` with a database of its
/// own is that database's alone: the pooler need not know the others.
fn in_front_of(pooler: &PoolerSettings, database: &str) -> Option<PoolerSettings> {
    let client = pooler.client.as_ref().and_then(|client| match client.dbname.as_str() {
        OWN_DATABASE => Some(ConnInfo { dbname: database.to_owned(), ..client.clone() }),
        own => (own == database).then(|| client.clone()),
    });
    (client.is_some() || pooler.tells()).then(|| PoolerSettings { client, ..pooler.clone() })
}

/// The names that a found thing may have, the better one first. A name that had to be changed, or that is taken, ends in a number made of
/// the original, so that `Shop` and `shop` are told apart, and always the same way.
fn names_for(prefix: &str, found: &str) -> Vec<String> {
    let letter = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() || "_.-".contains(c) { c } else { '-' };
    let slug: String = found.to_lowercase().chars().map(letter).collect();
    let plain = format!("{prefix}-{slug}");
    let sure: String = plain.chars().take(LONGEST_NAME - 9).collect();
    let sure = format!("{}-{:08x}", sure.trim_end_matches('-'), fingerprint(found));
    if slug == found && plain.len() <= LONGEST_NAME { vec![plain, sure] } else { vec![sure] }
}

/// FNV-1a: short, the same everywhere, and nobody gains by a collision.
fn fingerprint(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests;
