//! Whose database a pool leads to. Its own address comes first: attributes of the point, those of the resource, then the pool's name, which
//! node-postgres and the conventions make out of host, port and database. HikariCP names none of them; then the resource says
//! `isobar.target = region/target`. Whoever leads to several of our databases and does not say to which is joined to none.

use std::collections::BTreeSet;

use crate::{
    model::{TargetId, vitals::Address},
    otlp::{KeyValue, text},
};

/// PostgreSQL's port, when a pool does not say.
const USUAL_PORT: u16 = 5432;

/// Host, port and perhaps database.
#[derive(Debug, PartialEq, Eq)]
struct Leads {
    host: String,
    port: u16,
    database: Option<String>,
}

/// The targets of a pool; otherwise why there is none. `is_known` tells whether there is such a target at all, in any region.
pub(super) fn targets(
    addresses: &[Address],
    is_known: impl Fn(&TargetId) -> bool,
    resource: &[KeyValue],
    point: &[KeyValue],
    pool: &str,
) -> Result<Vec<TargetId>, String> {
    let leads = told(point, resource).or_else(|| named(pool));
    let found = leads.as_ref().map(|leads| at(addresses, leads));
    match found {
        Some(Ok(found)) if !found.is_empty() => return Ok(found),
        Some(Err(why)) if text(resource, "isobar.target").is_none() => return Err(why),
        _ => {}
    }
    if let Some(name) = text(resource, "isobar.target") {
        let target = name.split_once('/').map(|(region, target)| TargetId::new(region, target));
        return match target.filter(is_known) {
            Some(target) => Ok(vec![target]),
            None => Err(format!("isobar.target is {name:?}, and no such region/target is watched")),
        };
    }
    Err(match leads {
        Some(Leads { host, port, database }) => {
            let database = database.map_or_else(String::new, |database| format!("/{database}"));
            format!("no watched database is at {host}:{port}{database}; set the resource attribute isobar.target=region/target")
        }
        None => "it says no server.address; set the resource attribute isobar.target=region/target".to_owned(),
    })
}

fn at(addresses: &[Address], leads: &Leads) -> Result<Vec<TargetId>, String> {
    let here: Vec<&Address> =
        addresses.iter().filter(|known| known.port == leads.port && plain(&known.host) == plain(&leads.host)).collect();
    let databases: BTreeSet<&str> = here.iter().map(|known| known.database.as_str()).collect();
    if leads.database.is_none() && databases.len() > 1 {
        return Err(format!("{}:{} has several watched databases; say db.namespace", leads.host, leads.port));
    }
    let wanted = |known: &&Address| leads.database.as_ref().is_none_or(|database| *database == known.database);
    let found: BTreeSet<TargetId> = here.into_iter().filter(wanted).map(|known| known.target.clone()).collect();
    Ok(found.into_iter().collect())
}

/// What the attributes say.
fn told(point: &[KeyValue], resource: &[KeyValue]) -> Option<Leads> {
    let first = |keys: &[&str]| {
        let found = keys.iter().find_map(|key| text(point, key).or_else(|| text(resource, key)));
        found.filter(|value| !value.is_empty())
    };
    let host = first(&["server.address", "net.peer.name"])?;
    let port = first(&["server.port", "net.peer.port"]).map_or(Some(USUAL_PORT), |port| port.parse().ok())?;
    // The conventions of some years have the schema behind a bar.
    let database = first(&["db.namespace", "db.name"]).map(|name| name.split('|').next().unwrap_or_default().to_owned());
    Some(Leads { host, port, database })
}

/// What a pool's name says, when it is made of an address: `host:port/database`, perhaps as a URL.
fn named(pool: &str) -> Option<Leads> {
    let rest = pool.split_once("://").map_or(pool, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let (at, database) = rest.split_once('/').map_or((rest, None), |(at, database)| (at, Some(database)));
    let (host, port) = at.rsplit_once(':')?;
    let database = database.map(|database| database.split(['?', '|']).next().unwrap_or_default());
    Some(Leads {
        host: host.to_owned(),
        port: port.parse().ok()?,
        database: database.filter(|database| !database.is_empty()).map(str::to_owned),
    })
}

/// A host as it is compared: this machine has several names.
fn plain(host: &str) -> String {
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
    match host.as_str() {
        "127.0.0.1" | "::1" => "localhost".to_owned(),
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(target: &str, host: &str, port: u16, database: &str) -> Address {
        Address { target: TargetId::new("eu", target), host: host.into(), port, database: database.into() }
    }

    fn join(resource: &[(&str, &str)], point: &[(&str, &str)], pool: &str) -> Result<Vec<String>, String> {
        let addresses = [
            address("shop", "db.example.com", 5432, "shop"),
            address("shop", "pooler.example.com", 6432, "shop"),
            address("billing", "db.example.com", 5432, "billing"),
            address("alone", "127.0.0.1", 5433, "alone"),
        ];
        let all = |list: &[(&str, &str)]| list.iter().map(|(key, value)| KeyValue::text(key, *value)).collect::<Vec<_>>();
        let is_known = |target: &TargetId| target.region.as_str() == "us" || target.target.as_str() == "shop";
        let found = targets(&addresses, is_known, &all(resource), &all(point), pool)?;
        Ok(found.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn an_address_leads_to_the_database_that_is_there() {
        let server = [("server.address", "DB.example.com."), ("server.port", "5432"), ("db.namespace", "shop")];
        assert_eq!(join(&[], &server, "p").unwrap(), ["eu/shop"]);
        assert_eq!(join(&server, &[], "p").unwrap(), ["eu/shop"], "the resource may say it");
        let old = [("net.peer.name", "db.example.com"), ("db.name", "billing")];
        assert_eq!(join(&[], &old, "p").unwrap(), ["eu/billing"], "older names, and the usual port");
        let schema = [("server.address", "db.example.com"), ("db.namespace", "billing|public")];
        assert_eq!(join(&[], &schema, "p").unwrap(), ["eu/billing"]);
        assert_eq!(join(&[], &[("server.address", "localhost"), ("server.port", "5433")], "p").unwrap(), ["eu/alone"]);
        let pooler = [("server.address", "pooler.example.com"), ("server.port", "6432")];
        assert_eq!(join(&[], &pooler, "p").unwrap(), ["eu/shop"], "through a pooler");
    }

    #[test]
    fn a_name_made_of_an_address_leads_there_too() {
        assert_eq!(join(&[], &[], "db.example.com:5432/billing").unwrap(), ["eu/billing"]);
        assert_eq!(join(&[], &[], "postgresql://app@db.example.com:5432/shop?x=1").unwrap(), ["eu/shop"]);
    }

    #[test]
    fn a_pool_that_names_no_address_is_joined_by_the_resource() {
        assert_eq!(join(&[("isobar.target", "us/far")], &[], "HikariPool-1").unwrap(), ["us/far"]);
        let elsewhere = [("server.address", "10.0.0.1"), ("server.port", "5432")];
        assert_eq!(join(&[("isobar.target", "eu/shop")], &elsewhere, "p").unwrap(), ["eu/shop"], "behind another name");
        let many = [("server.address", "db.example.com")];
        assert_eq!(join(&[("isobar.target", "eu/shop")], &many, "p").unwrap(), ["eu/shop"]);
    }

    #[test]
    fn what_leads_nowhere_is_told_why() {
        let why = |resource: &[(&str, &str)], point: &[(&str, &str)], pool| join(resource, point, pool).unwrap_err();
        assert!(why(&[], &[], "HikariPool-1").contains("no server.address"));
        assert!(why(&[], &[("server.address", "db.example.com")], "p").contains("several watched databases"));
        assert!(why(&[], &[("server.address", "x"), ("db.name", "y")], "p").contains("no watched database is at x:5432/y"));
        assert!(why(&[("isobar.target", "eu/nothing")], &[], "p").contains("eu/nothing"));
        assert!(why(&[("isobar.target", "nothing")], &[], "p").contains("no such region/target"));
    }
}
