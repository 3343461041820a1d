//! `global.toml`: what holds for the whole node.

use std::{net::SocketAddr, ops::RangeInclusive, path::Path, time::Duration};

use super::{
    advice, alerts, bus, history, otlp, places,
    section::{Findings, Place, Section, Text},
    thresholds::{self, Layer},
    tinybird,
};
use crate::{advise, alert, export, probe::Sampling, region::thresholds::Thresholds, web};

/// What this file may hold.
pub(super) const KEYS: [&str; 13] = [
    "advice",
    "alerts",
    "bus",
    "channel",
    "escalation",
    "history",
    "maintenance",
    "otlp",
    "sampling",
    "silence",
    "thresholds",
    "tinybird",
    "web",
];

/// Shorter tokens could be guessed over the network.
const SHORTEST_TOKEN: usize = 16;

/// What is known around the file.
pub(super) struct Around<'a> {
    /// Relative paths start here.
    pub(super) folder: &'a Path,
    /// All regions of the folder, by their files.
    pub(super) regions: &'a [&'a str],
}

/// Everything that `global.toml` settles.
#[derive(Default)]
pub(super) struct Global {
    pub(super) web: web::Settings,
    pub(super) sampling: Sampling,
    pub(super) alerts: alert::Settings,
    pub(super) thresholds: Thresholds,
    pub(super) bus: bus::Base,
    pub(super) otlp: Option<export::Settings>,
    pub(super) tinybird: Option<export::tinybird::Settings>,
    pub(super) advice: advise::Settings,
    pub(super) history: crate::history::Settings,
}

pub(super) fn read(findings: &mut Findings<'_>, root: &Section<'_>, around: &Around<'_>) -> Global {
    root.only(findings, &KEYS, (&["region", "target"], "a region's own file, e.g. us-east-1.toml"));
    let mut global = Global::default();
    if let Some(section) = root.table(findings, "web") {
        global.web = web(findings, &section, around);
    }
    if let Some(section) = root.table(findings, "sampling") {
        global.sampling = sampling(findings, &section);
    }
    thresholds::layer(findings, root, Layer::Global, &mut global.thresholds);
    global.alerts = alerts::read(findings, root, around);
    global.bus = bus::base(findings, root);
    global.otlp = otlp::read(findings, root);
    global.tinybird = tinybird::read(findings, root, around.folder);
    global.advice = advice::read(findings, root);
    global.history = history::read(findings, root, around);
    global
}

fn web(findings: &mut Findings<'_>, section: &Section<'_>, around: &Around<'_>) -> web::Settings {
    let known = ["ingest_token", "listen", "operator_token", "places", "public_details", "tls_cert", "tls_key", "viewer_token"];
    section.only(findings, &known, (&[], ""));
    let viewer = token(findings, section, "viewer_token");
    let operator = token(findings, section, "operator_token");
    if let (Some(viewer), Some(operator)) = (&viewer, &operator)
        && viewer.value == operator.value
    {
        findings.warn(&operator.at, "is the same as viewer_token: every viewer may act", "give each its own token");
    }
    let ingest = token(findings, section, "ingest_token");
    let tls_cert = file(findings, section, "tls_cert");
    let tls_key = file(findings, section, "tls_key");
    for (one, other) in [("tls_cert", "tls_key"), ("tls_key", "tls_cert")] {
        if section.has(one) && !section.has(other) {
            let fix = format!("add {other} = \"...pem\", or remove both to serve plain HTTP");
            findings.problem(&section.at(one), format!("comes without {other}"), fix);
        }
    }
    let mut settings = web::Settings {
        viewer_token: viewer.map(|token| token.value.into()),
        operator_token: operator.map(|token| token.value.into()),
        ingest_token: ingest.map(|token| token.value.into()),
        tls_cert: tls_cert.map(|path| around.folder.join(path.value)),
        tls_key: tls_key.map(|path| around.folder.join(path.value)),
        public_details: section.flag(findings, "public_details").unwrap_or(false),
        places: places::read(findings, section, around),
        ..web::Settings::default()
    };
    if let Some(listen) = section.text(findings, "listen") {
        match listen.value.parse::<SocketAddr>() {
            Ok(address) => settings.listen = address,
            Err(_) => findings.problem(
                &listen.at,
                "is not an address and port",
                "write \"127.0.0.1:3000\", \"[::1]:3000\", or \"0.0.0.0:3000\" for everyone",
            ),
        }
        guard(findings, &listen.at, &settings, |key| section.has(key));
    }
    settings
}

/// Beyond loopback nobody listens without tokens. A token that `has` been tried but is wrong has a problem of its own.
fn guard(findings: &mut Findings<'_>, at: &Place<'_>, settings: &web::Settings, has: impl Fn(&str) -> bool) {
    let missing: Vec<_> = missing_tokens(settings);
    let tried = |key: &&str| has(key) && findings.problems.iter().any(|problem| problem.key == format!("web.{key}"));
    let missing: Vec<_> = missing.into_iter().filter(|key| !tried(key)).collect();
    if !missing.is_empty() {
        findings.problem(at, open(&missing), open_fix(&missing));
    }
}

/// The tokens that these settings need but lack.
pub(super) fn missing_tokens(settings: &web::Settings) -> Vec<&'static str> {
    let mut missing = Vec::new();
    if !settings.listen.ip().to_canonical().is_loopback() {
        let everybody_reads = settings.public_details;
        missing.extend((settings.viewer_token.is_none() && !everybody_reads).then_some("viewer_token"));
        missing.extend(settings.operator_token.is_none().then_some("operator_token"));
    }
    missing
}

/// What is wrong with listening beyond loopback without these tokens.
pub(super) fn open(missing: &[&str]) -> String {
    format!("listens beyond this machine without {}", missing.join(" and "))
}

/// What to do about it.
pub(super) fn open_fix(missing: &[&str]) -> String {
    let set: Vec<_> = missing.iter().map(|key| format!("{key} = \"${{ISOBAR_{}}}\"", key.to_uppercase())).collect();
    format!("set {} in [web] of global.toml (`openssl rand -hex 32` makes one), or listen on 127.0.0.1", set.join(" and "))
}

/// A token; an empty one counts as none, so that `${TOKEN:-}` may stand in the file.
fn token<'a>(findings: &mut Findings<'_>, section: &Section<'a>, key: &str) -> Option<Text<'a>> {
    let token = section.text(findings, key).filter(|token| !token.value.is_empty())?;
    if !token.value.bytes().all(|byte| byte.is_ascii_graphic()) {
        findings.problem(&token.at, "holds characters that an Authorization header cannot carry", "use letters and digits");
        return None;
    }
    if token.value.len() < SHORTEST_TOKEN {
        let fix = format!("use at least {SHORTEST_TOKEN} characters; `openssl rand -hex 32` makes a good one");
        findings.warn(&token.at, "is short enough to be guessed", fix);
    }
    Some(token)
}

/// A file that must be there; an empty path counts as none.
fn file<'a>(findings: &mut Findings<'_>, section: &Section<'a>, key: &str) -> Option<Text<'a>> {
    let path = section.text(findings, key).filter(|path| !path.value.is_empty())?;
    if let Err(error) = (findings.sources.read)(&path.value) {
        let fix = "name a readable PEM file; paths are relative to the configuration's folder";
        findings.problem(&path.at, format!("the file cannot be read ({})", error.kind()), fix);
    }
    Some(path)
}

fn sampling(findings: &mut Findings<'_>, section: &Section<'_>) -> Sampling {
    let known = [
        "client_check",
        "counters",
        "fast",
        "impact_budget",
        "pooler_metrics",
        "provider",
        "replication",
        "size",
        "statements",
        "upkeep",
    ];
    section.only(findings, &known, (&[], ""));
    let usual = Sampling::default();
    let mut duration =
        |key: &str, range: RangeInclusive<Duration>, usual| section.duration(findings, key, range).unwrap_or(usual);
    Sampling {
        fast: duration("fast", Duration::from_millis(100)..=Duration::from_mins(1), usual.fast),
        statements: duration("statements", Duration::from_secs(1)..=Duration::from_mins(10), usual.statements),
        size: duration("size", Duration::from_secs(5)..=Duration::from_hours(24), usual.size),
        counters: duration("counters", Duration::from_millis(250)..=Duration::from_mins(1), usual.counters),
        client_check: duration("client_check", Duration::from_secs(1)..=Duration::from_mins(10), usual.client_check),
        replication: duration("replication", Duration::from_secs(1)..=Duration::from_mins(10), usual.replication),
        provider: duration("provider", Duration::from_secs(1)..=Duration::from_mins(10), usual.provider),
        pooler_metrics: duration("pooler_metrics", Duration::from_secs(1)..=Duration::from_mins(10), usual.pooler_metrics),
        upkeep: duration("upkeep", Duration::from_secs(5)..=Duration::from_hours(24), usual.upkeep),
        impact_budget: section.number(findings, "impact_budget", 0.001..=0.2).unwrap_or(usual.impact_budget),
    }
}
