//! An alert as people and services see it: one incident, from first breach to recovery, with whom it was told to. The alert stage
//! publishes an [`AlertBook`] that readers share; whoever acts on alerts mails one of the commands below.

mod commands;

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    AlertType, Evidence, RegionName, Rule, Severity, TargetName, Timestamp,
    sample::{ConnectionPool, Database, QueryPerformance},
};

pub use commands::{Acknowledge, AlertRefusal, Callback, EndSilence, NewSilence, Provider, TestChannel};

/// How far an incident is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// The condition holds, its `for` runs; nobody is told yet.
    Pending,
    /// In breach.
    Firing,
    /// In breach, and somebody has taken it.
    Acknowledged,
    /// No longer in breach, but not for long enough to call it over.
    Recovering,
    /// Over.
    Resolved,
}

impl AlertState {
    /// The state in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Acknowledged => "acknowledged",
            Self::Recovering => "recovering",
            Self::Resolved => "resolved",
        }
    }
}

/// What a message is about: `event` of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertEvent {
    /// The first notice of an incident to this channel.
    Firing,
    /// The severity rose or fell.
    Severity,
    /// A further step of the escalation reaches a channel that knows of it already.
    Escalation,
    /// Still in breach and nobody has taken it.
    Reminder,
    /// Somebody has taken it.
    Acknowledged,
    /// Over; also "fired and recovered" when the first notice could not be delivered in time.
    Resolved,
    /// Somebody asked for a test message.
    Test,
    /// Many at once, in one message.
    Digest,
    /// More of the same: an edit where the channel can, nothing elsewhere.
    Update,
}

impl AlertEvent {
    /// The event in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Severity => "severity",
            Self::Escalation => "escalation",
            Self::Reminder => "reminder",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
            Self::Test => "test",
            Self::Digest => "digest",
            Self::Update => "update",
        }
    }
}

/// The figures of the target when the alert last changed; null where they cannot be known, empty for a region.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertMetrics {
    /// Connections.
    pub connection_pool: Option<ConnectionPool>,
    /// Statements and transactions.
    pub query_performance: Option<QueryPerformance>,
    /// The database itself.
    pub database: Option<Database>,
}

/// The figure that a rule judges, over the last minutes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Chart {
    /// What it shows, e.g. `oldest wait`.
    pub figure: String,
    /// Its unit: `ms`, `s`, `%`, or empty for a plain number.
    pub unit: String,
    /// Unix milliseconds and value, oldest first; null is a gap.
    pub points: Vec<(i64, Option<f64>)>,
}

/// How far a message to a channel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// Waits for its turn, or for the next attempt.
    Queued,
    /// A call is under way.
    Sending,
    /// The provider took it.
    Sent,
    /// Given up: refused for good, or its deadline passed. Another channel was told instead.
    Failed,
    /// Overtaken: acknowledged or resolved before it was sent.
    Cancelled,
}

/// One message to one channel, without its text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Its idempotency key: the same at every attempt.
    pub key: String,
    /// The channel's name in the configuration.
    pub channel: String,
    /// The address, for a channel with several.
    pub recipient: Option<String>,
    /// What it is about.
    pub event: AlertEvent,
    /// How far it is.
    pub state: DeliveryState,
    /// When it was decided.
    pub queued_at: Timestamp,
    /// When the provider took it.
    pub sent_at: Option<Timestamp>,
    /// Calls so far.
    pub attempts: u32,
    /// What the provider said last, without secrets.
    pub answer: Option<String>,
    /// Whether it went out as part of a digest.
    pub in_digest: bool,
    /// Whether it may have been delivered twice, after a crash between the call and its record.
    pub possible_repeat: bool,
}

/// One step in what happened and why, for `explain`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertStep {
    /// When.
    pub at: Timestamp,
    /// A short name of what happened: `pending`, `firing`, `suppressed`, `released`, `severity`, `told`, `sent`, `retry`, `failed`,
    /// `cancelled`, `acknowledged`, `expired`, `escalated`, `late`, `flapped`, `recovering`, `resolved`, ...
    pub what: String,
    /// One sentence for a person, with its reason.
    pub text: String,
}

/// One incident, as the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// Its identity: the fingerprint and the number of the episode, the same on every node.
    pub id: String,
    /// What kind of trouble.
    #[serde(rename = "type")]
    pub kind: AlertType,
    /// How bad it is now.
    pub severity: Severity,
    /// One sentence for a person.
    pub message: String,
    /// The target's figures.
    pub metrics: AlertMetrics,
    /// When it last changed.
    pub timestamp: Timestamp,
    /// Whether it is over.
    pub resolved: bool,
    /// Which rule.
    pub rule: Rule,
    /// The same for every episode of the same problem: region, target, rule and scope.
    pub fingerprint: String,
    /// Region.
    pub region: RegionName,
    /// Target; null when it is about the region as a whole.
    pub target: Option<TargetName>,
    /// `host:port` of the target's server; null when there is none.
    #[serde(default)]
    pub server: Option<String>,
    /// How far it is.
    pub state: AlertState,
    /// When the breach began.
    pub started_at: Timestamp,
    /// When it was over.
    pub resolved_at: Option<Timestamp>,
    /// Who has taken it.
    pub acknowledged_by: Option<String>,
    /// What they said.
    pub acknowledgement_note: Option<String>,
    /// When that ends, unless it is resolved before.
    pub acknowledged_until: Option<Timestamp>,
    /// The measured value, in the unit of the threshold.
    pub value: Option<f64>,
    /// The threshold that it passed.
    pub threshold: Option<f64>,
    /// Who or what causes it.
    pub evidence: Evidence,
    /// What hides it: the id of the alert that causes it, `silence/ID` or `maintenance/NAME`.
    pub suppressed_by: Option<String>,
    /// Targets with the same trouble on the same server, this one first; just this one otherwise.
    pub affects: Vec<TargetName>,
    /// How often it came back while it recovered.
    pub flaps: u32,
    /// Whether it comes and goes so often that it is kept open for longer.
    pub flapping: bool,
    /// Who was told.
    pub deliveries: Vec<Delivery>,
    /// What to do: the address of the rule's page.
    pub runbook: String,
    /// Where to look: the address of the dashboard, when it is configured.
    pub dashboard: Option<String>,
    /// The figure over the last minutes.
    pub chart: Chart,
}

/// What a silence holds back. All fields that are given must match; `*` and `?` stand for any text and any character.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Matchers {
    /// The region's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The target's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The rule's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The severity's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
}

/// Where a silence comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SilenceKind {
    /// By API or page; kept across restarts.
    Api,
    /// `[[silence]]` of the configuration.
    Silence,
    /// `[[maintenance]]` of the configuration.
    Maintenance,
}

/// Holds back what matches, while it is active. What was told already is still told to be over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Silence {
    /// Its identity.
    pub id: String,
    /// Where it comes from.
    pub kind: SilenceKind,
    /// What it holds back.
    pub matchers: Matchers,
    /// When it begins; null with a schedule, or from the start.
    pub starts_at: Option<Timestamp>,
    /// When it ends; null with a schedule, or never.
    pub ends_at: Option<Timestamp>,
    /// When it recurs, in words: `0 2 * * * for 2h Europe/Berlin`.
    pub schedule: Option<String>,
    /// Who made it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Whether it holds back something now.
    pub active: bool,
}

/// How a channel is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelState {
    /// Its name in the configuration.
    pub name: String,
    /// `slack`, `email`, `webhook`, `qstash`, `pagerduty` or `alertmanager`.
    pub kind: String,
    /// Messages that wait.
    pub queued: usize,
    /// Messages sent since the start.
    pub sent: u64,
    /// Calls that failed since the start.
    pub failures: u64,
    /// Messages given up since the start.
    pub dead: u64,
    /// When the provider last took one.
    pub last_sent_at: Option<Timestamp>,
    /// What it said when it last refused one, without secrets; null after a success.
    pub last_error: Option<String>,
}

/// Everything about alerts as this node sees it; immutable, replaced as a whole.
#[derive(Debug, Clone, Default)]
pub struct AlertBook {
    /// Newest first; open ones and those resolved lately, by id.
    pub alerts: Vec<Arc<Alert>>,
    /// What happened to each, oldest first, by id.
    pub steps: BTreeMap<String, Arc<Vec<AlertStep>>>,
    /// All that have not ended.
    pub silences: Vec<Silence>,
    /// The channels.
    pub channels: Vec<ChannelState>,
    /// Steps told later than five seconds after they were due, since the start.
    pub late_steps: u64,
    /// Why alerts are not kept on disk, when they are not.
    pub not_kept: Option<String>,
}

impl AlertBook {
    /// One alert, when it is known.
    pub fn alert(&self, id: &str) -> Option<&Arc<Alert>> {
        self.alerts.iter().find(|alert| alert.id == id)
    }
}

/// The alert actor's mail to the live stream: alerts that changed, with the event that says how.
#[derive(Debug, Clone)]
pub struct AlertChange(pub Vec<(&'static str, Arc<Alert>)>);

impl actix::Message for AlertChange {
    type Result = ();
}
