//! An order: tell one channel one thing. The desk gives them, the outbox carries them out, the journal keeps them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::{
    Severity, Timestamp,
    alert::{Alert, AlertEvent},
};

/// What the level of an end begins with that is the only word of its incident there.
pub(super) const ALONE: &str = "alone";

/// What the level of a severity begins with that is worse than any before it: the same on every node.
pub(super) const WORST: &str = "worst";

/// Messages of one incident to one recipient stay in order; this is whose order it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Lane {
    /// The incident's id, or the digest's.
    pub about: String,
    /// The channel's name.
    pub channel: String,
    /// The address, for a channel with several.
    pub recipient: Option<String>,
}

/// Tell this channel this.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Whose turn it waits for.
    pub lane: Lane,
    /// What it is about.
    pub event: AlertEvent,
    /// What tells two orders of the same event in the same lane apart: round and step of the escalation, or the number of the change.
    pub level: String,
    /// How bad the incident is: criticals are never dropped.
    pub severity: Severity,
    /// When it was due, by the steady clock; earlier than `decided` when it is late.
    pub due: Timestamp,
    /// When it was decided, by the steady clock.
    pub decided: Timestamp,
    /// The alert as it was then, without deliveries and evidence that no message shows; several for a digest.
    pub alerts: Vec<Arc<Alert>>,
    /// What else the message must say, e.g. that another channel could not be reached.
    pub notes: Vec<String>,
}

impl Order {
    /// The idempotency key: the same whichever node and attempt sends it, 32 hexadecimal digits.
    pub fn key(&self) -> String {
        let mut hash = Sha256::new();
        let recipient = self.lane.recipient.as_deref().unwrap_or_default();
        for part in [&self.lane.about, self.event.as_str(), &self.level, &self.lane.channel, recipient] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hex::encode(&hash.finalize()[..16])
    }

    /// Whether it tells of a beginning and an end at once.
    pub fn fired_and_recovered(&self) -> bool {
        self.event == AlertEvent::Resolved && self.level.starts_with(ALONE)
    }

    /// The one alert it is about; the first of a digest.
    pub fn alert(&self) -> Option<&Arc<Alert>> {
        self.alerts.first()
    }
}
