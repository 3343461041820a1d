//! What was in breach, how long, and how soon somebody knew.

use std::{cmp::Reverse, collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::{
    super::gather::{Gathered, Scope},
    median,
};
use crate::{
    cli::report::words,
    model::{
        Severity, Timestamp,
        alert::{Alert, AlertEvent, AlertState, DeliveryState},
    },
};

/// What is over sooner is noise: nobody can do anything about it.
const NOISE: f64 = 60.0;

/// Listed one by one.
const LISTED: usize = 15;

/// A node forgets an incident so long after its end.
const REMEMBERED: Duration = Duration::from_hours(7 * 24);

/// The worst first.
const SEVERITIES: [Severity; 4] = [Severity::Critical, Severity::High, Severity::Medium, Severity::Low];

/// What was in breach.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Incidents {
    /// How many.
    pub total: usize,
    /// Of them not over.
    pub open: usize,
    /// Over within a minute.
    pub noise: usize,
    /// Told to nobody, since a cause, a silence or maintenance hid them.
    pub hidden: usize,
    /// By severity, the worst first, those that there are.
    pub by_severity: Vec<(Severity, usize)>,
    /// By rule, the most first.
    pub by_rule: Vec<ByRule>,
    /// How soon people were told.
    pub told: Told,
    /// The one that lasted longest.
    pub longest: Option<Incident>,
    /// What came back most often, when anything did.
    pub most_frequent: Option<Frequent>,
    /// The worst, by severity and length.
    pub worst: Vec<Incident>,
    /// All of them, for bands in plots.
    #[serde(skip)]
    pub all: Vec<Incident>,
}

/// One rule's.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ByRule {
    /// The rule.
    pub rule: String,
    /// How many.
    pub total: usize,
    /// By severity, the worst first, those that there are.
    pub by_severity: Vec<(Severity, usize)>,
    /// How long within the report's time, all together, seconds.
    pub seconds: f64,
    /// The longest, seconds.
    pub longest_seconds: f64,
    /// Of them over within a minute.
    pub noise: usize,
}

/// How soon people were told.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Told {
    /// Incidents that somebody was told of.
    pub incidents: usize,
    /// From the beginning of the breach to the first message that a provider took, seconds.
    pub median_seconds: Option<f64>,
    /// The slowest, seconds.
    pub slowest_seconds: Option<f64>,
    /// Channel by channel.
    pub channels: Vec<ByChannel>,
}

/// One channel's.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ByChannel {
    /// Its name.
    pub channel: String,
    /// Incidents that it was told of.
    pub incidents: usize,
    /// From the beginning to its first message, seconds.
    pub median_seconds: Option<f64>,
    /// The slowest, seconds.
    pub slowest_seconds: Option<f64>,
    /// Messages given up.
    pub failed: usize,
}

/// What came back most often.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Frequent {
    /// The rule.
    pub rule: String,
    /// Where.
    pub place: String,
    /// How often.
    pub times: usize,
}

/// One incident.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Incident {
    /// Its identity.
    pub id: String,
    /// The rule.
    pub rule: String,
    /// How bad.
    pub severity: Severity,
    /// Region, or region/target.
    pub place: String,
    /// Targets that it concerned, as region/target.
    #[serde(skip)]
    pub places: Vec<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was over.
    pub resolved_at: Option<Timestamp>,
    /// How long, seconds; until now when it is not over.
    pub seconds: f64,
    /// After how long the first provider took a message, seconds; none when nobody was told.
    pub told_after_seconds: Option<f64>,
    /// What hid it.
    pub hidden_by: Option<String>,
    /// What it said.
    pub message: String,
}

impl Incidents {
    /// Those that were within the report's time.
    pub(super) fn of(gathered: &Gathered) -> Self {
        let scope = &gathered.scope;
        let within: Vec<&Alert> = gathered.alerts.iter().filter(|alert| is_within(alert, scope)).collect();
        let mut all: Vec<Incident> = within.iter().map(|alert| incident(alert, cause(alert, &within), scope.to)).collect();
        all.sort_by(|one, other| {
            let order = one.hidden_by.is_some().cmp(&other.hidden_by.is_some());
            let order = order.then(Reverse(one.severity).cmp(&Reverse(other.severity)));
            let order = order.then(other.seconds.total_cmp(&one.seconds));
            order.then_with(|| one.id.cmp(&other.id))
        });
        let longest = all.iter().max_by(|one, other| one.seconds.total_cmp(&other.seconds)).cloned();
        Self {
            total: all.len(),
            open: all.iter().filter(|one| one.resolved_at.is_none()).count(),
            noise: all.iter().filter(|one| one.is_noise()).count(),
            hidden: all.iter().filter(|one| one.hidden_by.is_some() && one.told_after_seconds.is_none()).count(),
            by_severity: severities(&all.iter()),
            by_rule: by_rule(&all, scope),
            told: told(&within),
            longest,
            most_frequent: most_frequent(&within),
            worst: all.iter().take(LISTED).cloned().collect(),
            all,
        }
    }
}

impl Incident {
    fn is_noise(&self) -> bool {
        self.resolved_at.is_some() && self.seconds < NOISE
    }
}

/// What was only about to be in breach is no incident.
fn is_within(alert: &Alert, scope: &Scope) -> bool {
    let is_there = alert.state != AlertState::Pending && alert.started_at < scope.to;
    is_there && (!alert.resolved || alert.resolved_at.unwrap_or(alert.timestamp) >= scope.from)
}

fn place(alert: &Alert) -> String {
    alert.target.as_ref().map_or_else(|| alert.region.to_string(), |target| format!("{}/{target}", alert.region))
}

/// When the first provider took a message about it.
fn first_told(alert: &Alert, channel: Option<&str>) -> Option<Timestamp> {
    let about = alert.deliveries.iter().filter(|it| it.event != AlertEvent::Test && it.state == DeliveryState::Sent);
    about.filter(|it| channel.is_none_or(|only| it.channel == only)).filter_map(|it| it.sent_at).min()
}

fn told_after(alert: &Alert, channel: Option<&str>) -> Option<f64> {
    first_told(alert, channel).map(|at| at.since(alert.started_at).as_secs_f64())
}

/// Where a server is gone, what fails with it began about then.
const TOGETHER: Duration = Duration::from_secs(5);
/// What waited for it may still be in breach for so long after it is back.
const AFTER: Duration = Duration::from_mins(1);

/// What hides it, or hid it while it lasted: of one that is over, no node says that any more.
fn cause(alert: &Alert, all: &[&Alert]) -> Option<String> {
    let target = alert.target.as_ref()?;
    let is_cause = |other: &&&Alert| {
        let is_same = other.rule == alert.rule && other.target == alert.target;
        let ends = other.resolved_at.map(|at| at.after(AFTER));
        other.rule.is_server_away()
            && !is_same
            && other.region == alert.region
            && other.affects.contains(target)
            && other.started_at <= alert.started_at.after(TOGETHER)
            && ends.is_none_or(|ends| alert.started_at <= ends)
    };
    alert.suppressed_by.clone().or_else(|| all.iter().find(is_cause).map(|other| other.id.clone()))
}

fn incident(alert: &Alert, hidden_by: Option<String>, to: Timestamp) -> Incident {
    let over = alert.resolved.then(|| alert.resolved_at.unwrap_or(alert.timestamp));
    let affected = alert.target.iter().chain(&alert.affects).map(|target| format!("{}/{target}", alert.region));
    Incident {
        id: alert.id.clone(),
        rule: alert.rule.as_str().to_owned(),
        severity: alert.severity,
        place: place(alert),
        places: affected.collect(),
        started_at: alert.started_at,
        resolved_at: over,
        seconds: over.unwrap_or(to).since(alert.started_at).as_secs_f64(),
        told_after_seconds: told_after(alert, None),
        hidden_by,
        message: alert.message.clone(),
    }
}

fn severities<'a>(of: &(impl Iterator<Item = &'a Incident> + Clone)) -> Vec<(Severity, usize)> {
    let count = |severity| of.clone().filter(|one| one.severity == severity).count();
    SEVERITIES.into_iter().map(|severity| (severity, count(severity))).filter(|(_, count)| *count > 0).collect()
}

fn by_rule(all: &[Incident], scope: &Scope) -> Vec<ByRule> {
    let mut rules: BTreeMap<&str, Vec<&Incident>> = BTreeMap::new();
    for one in all {
        rules.entry(&one.rule).or_default().push(one);
    }
    let within = |one: &&Incident| {
        let ends = one.resolved_at.unwrap_or(scope.to).min(scope.to);
        ends.since(one.started_at.max(scope.from)).as_secs_f64()
    };
    let mut rules: Vec<ByRule> = rules
        .into_iter()
        .map(|(rule, of)| ByRule {
            rule: rule.to_owned(),
            total: of.len(),
            by_severity: severities(&of.iter().copied()),
            seconds: of.iter().map(within).sum(),
            longest_seconds: of.iter().map(|one| one.seconds).fold(0.0, f64::max),
            noise: of.iter().filter(|one| one.is_noise()).count(),
        })
        .collect();
    rules.sort_by(|one, other| other.total.cmp(&one.total).then(other.seconds.total_cmp(&one.seconds)));
    rules
}

fn told(within: &[&Alert]) -> Told {
    let mut channels: Vec<&str> = within.iter().flat_map(|alert| alert.deliveries.iter().map(|it| it.channel.as_str())).collect();
    channels.sort_unstable();
    channels.dedup();
    let delays = |channel| within.iter().filter_map(|alert| told_after(alert, channel)).collect::<Vec<_>>();
    let slowest = |delays: &[f64]| delays.iter().copied().reduce(f64::max);
    let given_up = |channel: &str| {
        let deliveries = within.iter().flat_map(|alert| &alert.deliveries);
        deliveries.filter(|it| it.channel == channel && it.state == DeliveryState::Failed).count()
    };
    let mut all = delays(None);
    Told {
        incidents: all.len(),
        slowest_seconds: slowest(&all),
        median_seconds: median(&mut all),
        channels: channels
            .into_iter()
            .map(|channel| {
                let mut own = delays(Some(channel));
                ByChannel {
                    channel: channel.to_owned(),
                    incidents: own.len(),
                    slowest_seconds: slowest(&own),
                    median_seconds: median(&mut own),
                    failed: given_up(channel),
                }
            })
            .collect(),
    }
}

/// The problem with most episodes, those that flapping kept together among them.
fn most_frequent(within: &[&Alert]) -> Option<Frequent> {
    let mut problems: BTreeMap<&str, (usize, &Alert)> = BTreeMap::new();
    for alert in within {
        problems.entry(&alert.fingerprint).or_insert((0, alert)).0 += 1 + alert.flaps as usize;
    }
    let (times, alert) = problems.into_values().filter(|(times, _)| *times > 1).max_by_key(|(times, _)| *times)?;
    Some(Frequent { rule: alert.rule.as_str().to_owned(), place: place(alert), times })
}

/// What nobody remembers of a longer time.
pub(super) fn forgotten(scope: &Scope) -> Option<String> {
    let long = scope.to.since(scope.from) > REMEMBERED;
    let days = words::lasting(REMEMBERED.as_secs_f64());
    long.then(|| format!("incidents: a node forgets them {days} after their end, so those before are missing here"))
}
