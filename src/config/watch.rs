//! `isobar watch URL... [--pooler URL]...` as a configuration.

use std::net::SocketAddr;

use super::{
    COMMAND_LINE, Config, Problem, Problems, RegionConfig, TargetConfig,
    region::{CONSOLE, LONGEST_NAME, is_name},
};
use crate::{
    alert,
    model::{TargetId, sample::PoolerKind},
    probe::{Dialect, PoolerSettings, Sampling, TargetSettings, conninfo::ConnInfo},
    region::thresholds::Thresholds,
    web,
};

/// The region of everything that the command line names.
const REGION: &str = "local";

pub(super) fn config(urls: &[String], poolers: &[String], listen: Option<SocketAddr>) -> Result<Config, Problems> {
    let mut problems = Vec::new();
    let servers = parse(urls, "URL", &mut problems);
    let fronts = parse(poolers, "--pooler", &mut problems);
    if urls.is_empty() {
        let fix = "name a database: isobar watch postgres://ROLE@HOST/DATABASE".to_owned();
        problems.push(Problem::about(COMMAND_LINE, "there is nothing to watch".to_owned(), fix));
    }
    for (at, server) in servers.iter().enumerate().filter(|(_, server)| server.dbname == CONSOLE) {
        let fix = format!("name the server and database themselves, and {} with --pooler", server.address());
        let problem = Problem::about(COMMAND_LINE, "leads to PgBouncer's console".to_owned(), fix);
        problems.push(Problem { key: key("URL", at), ..problem });
    }
    if !problems.is_empty() {
        return Err(Problems(problems));
    }

    let thresholds = Thresholds::default();
    let mut targets: Vec<TargetConfig> = Vec::new();
    for url in &servers {
        let name = unique(&slug(&url.dbname), |name| targets.iter().any(|target| target.settings.id.target.as_str() == name));
        let settings = TargetSettings {
            id: TargetId::new(REGION, &name),
            url: url.clone(),
            critical: false,
            vantages: Vec::new(),
            supabase: None,
            machine: None,
            poolers: in_front_of(url, &servers, &fronts),
            slow_query_ms: thresholds.average_query_ms,
            listed: false,
        };
        targets.push(TargetConfig { settings, thresholds: thresholds.clone() });
    }
    let mut config = Config {
        web: web::Settings::default(),
        sampling: Sampling::default(),
        alerts: alert::Settings::default(),
        thresholds,
        regions: vec![RegionConfig { name: REGION.into(), targets, discoveries: Vec::new() }],
        bus: None,
        vantages: Vec::new(),
        otlp: None,
        tinybird: None,
        advice: crate::advise::Settings::default(),
        history: crate::history::Settings::default(),
        warnings: Vec::new(),
    };
    if let Some(listen) = listen {
        let fix = "listen on 127.0.0.1; to serve others, write a folder with tokens in global.toml and use isobar run";
        let refuse = |Problems(all)| all.into_iter().map(|problem| Problem { fix: fix.to_owned(), ..problem }).collect();
        config.listen_on(listen).map_err(|problems| Problems(refuse(problems)))?;
    }
    Ok(config)
}

fn key(what: &str, at: usize) -> String {
    format!("{what} {}", at + 1)
}

fn parse(texts: &[String], what: &str, problems: &mut Vec<Problem>) -> Vec<ConnInfo> {
    let mut parsed = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        match ConnInfo::parse(text) {
            Ok(info) => parsed.push(info),
            Err(error) => {
                let problem = Problem::about(COMMAND_LINE, error.to_string(), error.fix());
                problems.push(Problem { key: key(what, at), value: Some("***".to_owned()), ..problem });
            }
        }
    }
    parsed
}

/// The poolers of one target; a console and a client's way at the same address are one pooler.
fn in_front_of(url: &ConnInfo, servers: &[ConnInfo], fronts: &[ConnInfo]) -> Vec<PoolerSettings> {
    let belongs = |front: &ConnInfo| front.dbname == url.dbname || servers.iter().all(|server| server.dbname != front.dbname);
    // A name that a server's own database has is a client's way.
    let console_of = |front: &ConnInfo| {
        let database = servers.iter().any(|server| server.dbname == front.dbname);
        Dialect::guess(&front.dbname).filter(|_| !database)
    };
    let (consoles, clients): (Vec<_>, Vec<_>) =
        fronts.iter().filter(|front| belongs(front)).cloned().partition(|front| console_of(front).is_some());
    let mut poolers: Vec<_> = clients
        .into_iter()
        .map(|client| {
            let console = ConnInfo { dbname: CONSOLE.to_owned(), ..client.clone() };
            PoolerSettings { kind: PoolerKind::Pgbouncer, console: Some(console), client: Some(client), metrics: None }
        })
        .collect();
    for console in consoles {
        let kind = console_of(&console).map_or(PoolerKind::Pgbouncer, Dialect::kind);
        let address = console.address();
        match poolers.iter_mut().find(|pooler| pooler.name() == address) {
            Some(pooler) => (pooler.kind, pooler.console) = (kind, Some(console)),
            None => poolers.push(PoolerSettings { kind, console: Some(console), client: None, metrics: None }),
        }
    }
    poolers
}

/// A database's name as a target's: lower case, anything else a dash.
fn slug(dbname: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c.to_ascii_lowercase() } else { '-' };
    // Room for the number that makes it unique.
    let slug: String = dbname.chars().map(letter).take(LONGEST_NAME - 4).collect();
    let slug = slug.trim_start_matches(['_', '.', '-']);
    if is_name(slug) { slug.to_owned() } else { "database".to_owned() }
}

fn unique(name: &str, taken: impl Fn(&str) -> bool) -> String {
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    std::iter::once(name.to_owned()).chain(numbered).find(|name| !taken(name)).unwrap_or_default()
}
