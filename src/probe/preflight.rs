//! What `isobar check` does with one target before anybody depends on it: connects phase by phase, asks what the role may see,
//! and lets a client try each pooler. Reads only; its connections close at once.

mod page;

use std::{collections::BTreeSet, time::Duration};

use serde::Serialize;

use super::{
    Failure, PoolerSettings, TargetSettings,
    connect::{Connection, resident::resident},
    conninfo::ConnInfo,
    database::counters::Counters,
    management::{Project, client::Asker},
    pool::{
        client_check,
        pgbouncer::{Console, Dialect},
    },
    query::statements,
    session::WITH_TWO_LANES,
};
use crate::{
    clock,
    model::{Outcome, Phase, Phases, vitals::Service},
};

/// A person waits for the answer and wants the cause rather than haste.
const WITHIN: Duration = Duration::from_secs(5);
/// What the tests run against.
const SUPPORTED: std::ops::RangeInclusive<u32> = 13..=18;

/// How one check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Good,
    /// Works, with figures missing.
    Degraded,
    /// Does not work.
    Broken,
}

/// One check.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// `server`, or the pooler's `host:port`.
    pub part: String,
    /// What was checked, e.g. `TCP` or `grants`.
    pub check: &'static str,
    /// How it went.
    pub level: Level,
    /// What was found, without secrets.
    pub detail: String,
    /// What to do about it.
    pub fix: Option<String>,
}

/// Checks one target and its poolers.
pub async fn preflight(target: &TargetSettings) -> Vec<Finding> {
    let mut findings = server(target).await;
    if let Some(project) = &target.supabase {
        findings.push(services(project).await);
    }
    if let Some(source) = &target.machine {
        findings.extend(page::check("supabase", source).await);
    }
    for settings in &target.poolers {
        findings.extend(pooler(target, settings).await);
    }
    findings
}

/// What the provider says of its services; it is evidence, so the worst it can be is that something is missing.
async fn services(project: &Project) -> Finding {
    let finding = |level, detail, fix| Finding { part: "supabase".to_owned(), check: "services", level, detail, fix };
    let heard = match Asker::new(project.clone()) {
        Ok(asker) => asker.health().await.and_then(|(_, _, services)| services),
        Err(missing) => Err(missing),
    };
    let services = match heard {
        Ok(services) => services,
        Err(missing) => return finding(Level::Degraded, missing.cause, missing.fix),
    };
    let troubled = services.iter().filter(|service| service.status != Service::HEALTHY).map(|service| {
        let error = service.error.as_ref().map(|error| format!(" ({error})")).unwrap_or_default();
        format!("{} is {}{error}", service.name, service.status)
    });
    let troubled = troubled.collect::<Vec<_>>().join(", ");
    if troubled.is_empty() {
        return finding(Level::Good, format!("{} services are healthy", services.len()), None);
    }
    finding(Level::Degraded, troubled, Some("see the project's page and status.supabase.com".to_owned()))
}

async fn server(target: &TargetSettings) -> Vec<Finding> {
    let part = "server".to_owned();
    let mut findings = Vec::new();
    let connection = match resident(&target.url, WITHIN).await {
        Ok(connection) => connection,
        Err(failure) => return phases(&part, &failure.phases, Some(&failure), &target.url),
    };
    findings.extend(phases(&part, &connection.phases, None, &target.url));
    match tokio::time::timeout(WITHIN, rights(&connection, &part)).await {
        Ok(Ok(rights)) => findings.extend(rights),
        Ok(Err(error)) => findings.push(broken(&part, "first query", &Failure::of(Phase::Query, Phases::default(), &error))),
        Err(_) => findings.push(broken(&part, "first query", &Failure::timeout(Phase::Query, Phases::default()))),
    }
    findings
}

/// Version, grants, extension, and the role's own connection limit.
async fn rights(connection: &Connection, part: &str) -> Result<Vec<Finding>, tokio_postgres::Error> {
    let client = &connection.client;
    let finding = |check, level, detail: String, fix| Finding { part: part.to_owned(), check, level, detail, fix };
    let mut findings = Vec::new();
    let facts = Counters::prepare(connection).await?.facts(client).await?;
    let supported = SUPPORTED.contains(&(facts.version_number / 10_000));
    findings.push(if supported {
        finding("version", Level::Good, format!("PostgreSQL {}, {} connections", facts.version, facts.max_connections), None)
    } else {
        let fix = "Isobar is tested with PostgreSQL 13 to 18".to_owned();
        finding("version", Level::Degraded, format!("PostgreSQL {}", facts.version), Some(fix))
    });
    let role = client
        .query_typed(
            "SELECT quote_ident(rolname), rolconnlimit, pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') \
             FROM pg_catalog.pg_roles WHERE rolname = current_user",
            &[],
        )
        .await?;
    if let Some(row) = role.first() {
        let (name, limit, sees_all): (String, i32, bool) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        findings.push(if sees_all {
            finding("grants", Level::Good, format!("role {name} sees the activity of all roles"), None)
        } else {
            let fix = format!("GRANT pg_monitor TO {name};");
            finding("grants", Level::Degraded, format!("role {name} sees only its own sessions and statements"), Some(fix))
        });
        if (0..WITH_TWO_LANES).contains(&limit) {
            let fix = format!("ALTER ROLE {name} CONNECTION LIMIT {WITH_TWO_LANES};");
            let detail =
                format!("role {name} may hold {limit} connections; two resident ones and a short check need {WITH_TWO_LANES}");
            findings.push(finding("connection limit", Level::Degraded, detail, Some(fix)));
        }
    }
    findings.push(match statements::locate(connection).await? {
        Ok(_) => finding("pg_stat_statements", Level::Good, "readable".to_owned(), None),
        Err(missing) => finding("pg_stat_statements", Level::Degraded, missing.cause, missing.fix),
    });
    Ok(findings)
}

async fn pooler(target: &TargetSettings, settings: &PoolerSettings) -> Vec<Finding> {
    let part = settings.name();
    let finding = |check, level, detail: String, fix| Finding { part: part.clone(), check, level, detail, fix };
    let mut findings = Vec::new();
    if let Some((dialect, url)) = Dialect::of(settings.kind).zip(settings.console.as_ref()) {
        match Console::new(dialect, url.clone()).read(clock::now(), WITHIN).await {
            Err(failure) => findings.push(broken(&part, "console", &failure)),
            Ok(view) => {
                let client = settings.client.as_ref().map(|client| client.dbname.as_str());
                let leading = view.for_target(client, &target.url.hosts, &target.url.dbname);
                let version = leading.detail.version.unwrap_or_default();
                findings.push(finding(
                    "console",
                    Level::Good,
                    format!("{} {version}", dialect.title()).trim_end().to_owned(),
                    None,
                ));
                let databases = leading.detail.databases.iter().map(|row| row.name.as_str());
                let names: BTreeSet<_> = databases.chain(leading.pools.iter().map(|pool| pool.database.as_str())).collect();
                findings.push(if names.is_empty() {
                    let fix = format!(
                        "name the pooler's database with client_url, or check the databases that {} serves",
                        dialect.title()
                    );
                    finding("pools", Level::Degraded, format!("nothing leads to database {}", target.url.dbname), Some(fix))
                } else {
                    let names: Vec<_> = names.into_iter().collect();
                    finding("pools", Level::Good, format!("databases: {}", names.join(", ")), None)
                });
            }
        }
    } else if let Some(source) = settings.metrics.as_ref().filter(|source| Some(*source) != target.machine.as_ref()) {
        findings.extend(page::check(&part, source).await);
    }
    if let Some(client) = &settings.client {
        match client_check::check(client, true, WITHIN).await {
            Ok(phases) => {
                let total = phases.acquire() + phases.first_query.unwrap_or_default();
                findings.push(finding("client", Level::Good, format!("a client gets an answer in {total:.1} ms"), None));
            }
            Err(failure) => findings.push(broken(&part, "client", &failure)),
        }
    }
    findings
}

/// One finding per phase that was reached.
fn phases(part: &str, phases: &Phases, failure: Option<&Failure>, url: &ConnInfo) -> Vec<Finding> {
    let reached = [("DNS", phases.dns), ("TCP", phases.tcp), ("TLS", phases.tls), ("authentication", phases.auth)];
    let good = reached.into_iter().filter_map(|(check, ms)| {
        let detail = format!("{:.1} ms", ms?);
        Some(Finding { part: part.to_owned(), check, level: Level::Good, detail, fix: None })
    });
    let mut findings: Vec<_> = good.collect();
    if let Some(failure) = failure {
        let fix = fix(failure.outcome, url);
        findings.push(Finding { fix, ..broken(part, failure.phase.as_str(), failure) });
    }
    findings
}

fn broken(part: &str, check: &'static str, failure: &Failure) -> Finding {
    let detail = format!("{}: {}", failure.outcome.as_str(), failure.message);
    Finding { part: part.to_owned(), check, level: Level::Broken, detail, fix: None }
}

/// What usually helps.
fn fix(outcome: Outcome, url: &ConnInfo) -> Option<String> {
    let at = url.address();
    Some(match outcome {
        Outcome::DnsFailed => "check the host in `url`, and this machine's resolver".to_owned(),
        Outcome::TcpRefused => format!("check that PostgreSQL runs and listens at {at} (listen_addresses, port)"),
        Outcome::TcpTimeout => format!("check firewalls and security groups between here and {at}"),
        Outcome::TlsFailed => "check sslmode and sslrootcert in `url` against the server's certificate".to_owned(),
        Outcome::AuthFailed => format!("check user and password in `url`, and pg_hba.conf for {} from here", url.user),
        Outcome::NoSuchDatabase => format!("check the database name in `url`, or CREATE DATABASE {}", url.dbname),
        Outcome::TooManyConnections => "free some slots, or raise max_connections".to_owned(),
        Outcome::StartingUp | Outcome::InRecovery => "wait until the server is ready".to_owned(),
        _ => return None,
    })
}
