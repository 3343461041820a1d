//! What the desk keeps of an incident, and the journal on disk. Serialised as JSON; a field that is added later needs a default.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::settings::Policy;
use crate::model::{
    Reason, RegionName, Rule, Severity, TargetName, Timestamp,
    alert::{AlertMetrics, AlertState, AlertStep, Chart},
};

/// Steps kept of one incident; the first and the newest tell most.
pub const MOST_STEPS: usize = 200;

/// What an incident is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// Region.
    pub region: RegionName,
    /// Target; none for a region as a whole.
    pub target: Option<TargetName>,
    /// Rule.
    pub rule: Rule,
    /// What tells two of the same rule and target apart; empty where there can be only one.
    pub scope: String,
}

impl Subject {
    /// The same for every episode of the same problem, on every node: 16 hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        let target = self.target.as_ref().map_or("", TargetName::as_str);
        let mut hash = Sha256::new();
        for part in [self.region.as_str(), target, self.rule.as_str(), &self.scope] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hex::encode(&hash.finalize()[..8])
    }
}

/// Who has taken an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Who.
    pub by: String,
    /// What they said.
    pub note: Option<String>,
    /// When it ends, by the steady clock; none: with the incident.
    pub expires: Option<Timestamp>,
}

/// How far its escalation is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Escalation {
    /// The policies as they were when it opened, by rising severity.
    pub policies: Vec<Policy>,
    /// When the first step counts from, by the steady clock; none while nobody may be told yet.
    pub started: Option<Timestamp>,
    /// The severity whose policy it follows.
    pub severity: Severity,
    /// Steps of it already taken.
    pub taken: usize,
    /// How often the steps began anew: part of the keys of what is told.
    pub round: u32,
    /// The last time anybody was told to act, by the steady clock: reminders count from it.
    pub reminded: Option<Timestamp>,
    /// Reminders so far.
    pub reminders: u32,
}

/// One incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// `<fingerprint>-<hexadecimal number of the episode>`: the same on every node.
    pub id: String,
    /// What it is about.
    pub subject: Subject,
    /// `host:port` of the target's server.
    pub server: Option<String>,
    /// Whether its region is unhealthy when the target is.
    pub important: bool,
    /// How far it is.
    pub state: AlertState,
    /// The newest reason; `reason.since` is when the breach began, by the wall clock.
    pub reason: Reason,
    /// The worst severity so far.
    pub worst: Severity,
    /// When it began, by the steady clock.
    pub opened: Timestamp,
    /// When it last changed, by the wall clock.
    pub changed: Timestamp,
    /// Since when it recovers, by the steady clock; starts anew after darkness.
    pub recovering: Option<Timestamp>,
    /// When it was over, by the wall clock.
    pub resolved_at: Option<Timestamp>,
    /// How often it came back while it recovered.
    pub flaps: u32,
    /// Who has taken it.
    pub acknowledgement: Option<Acknowledgement>,
    /// How far its escalation is.
    pub escalation: Escalation,
    /// What hides it: an incident's id, `silence/ID` or `maintenance/NAME`.
    pub suppressed_by: Option<String>,
    /// Channels that got, or are to get, its first notice, and the severity they know of.
    pub told: BTreeMap<String, Severity>,
    /// The worst that any channel was told, whatever it was told since.
    #[serde(default)]
    pub worst_told: Option<Severity>,
    /// Channels that know of it only through a digest.
    pub digested: Vec<String>,
    /// Other targets with the same trouble on the same server.
    pub affects: Vec<TargetName>,
    /// The target's figures.
    pub metrics: AlertMetrics,
    /// The figure that its rule judges.
    pub chart: Chart,
    /// What happened and why.
    pub steps: Vec<AlertStep>,
}
