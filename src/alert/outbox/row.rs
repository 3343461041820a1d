//! One order on its way, as the outbox and the journal keep it. Serialised as JSON; a field that is added later needs a default.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    alert::order::Order,
    model::{
        Severity, Timestamp,
        alert::{AlertEvent, Delivery, DeliveryState},
    },
};

/// See the module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Its place in the order of all decisions.
    pub seq: u64,
    /// What to tell whom; without its alerts once it is finished.
    pub order: Order,
    /// The ids of the alerts that it tells of, since these stay.
    pub members: Vec<String>,
    /// Its idempotency key: the same at every attempt.
    pub key: String,
    /// How far it is.
    pub state: DeliveryState,
    /// Calls so far.
    pub attempts: u32,
    /// By node: the number of its newest call, and whether its end is known there, if only as in doubt.
    #[serde(default)]
    pub calls: BTreeMap<String, (u32, bool)>,
    /// When it was decided, by the wall clock.
    pub queued_at: Timestamp,
    /// Not to be tried before, by the steady clock.
    pub next_due: Timestamp,
    /// Given up after, by the steady clock.
    pub deadline: Timestamp,
    /// When it came to its end, by the steady clock.
    pub finished: Option<Timestamp>,
    /// When the provider took it, by the wall clock.
    pub sent_at: Option<Timestamp>,
    /// What the provider said last, without secrets.
    pub answer: Option<String>,
    /// What later messages of the lane refer to.
    pub reference: Option<String>,
    /// Whether a call was made of which nobody knows how it ended.
    pub in_doubt: bool,
    /// Whether people may get it twice.
    pub possible_repeat: bool,
    /// Whether it tells beginning and end in one.
    pub fired_and_recovered: bool,
    /// Whether it lost its sense while a call was under way: it is not tried again.
    pub void: bool,
}

impl Row {
    /// Whether nothing will happen to it any more.
    pub fn is_finished(&self) -> bool {
        !matches!(self.state, DeliveryState::Queued | DeliveryState::Sending)
    }

    /// Whether it may never be dropped.
    pub fn is_critical(&self) -> bool {
        self.order.severity == Severity::Critical
    }

    /// Whether it is only more of the same: an edit of an earlier message.
    pub fn is_update(&self) -> bool {
        self.order.event == AlertEvent::Update
    }

    /// As the API shows it.
    pub fn delivery(&self) -> Delivery {
        Delivery {
            key: self.key.clone(),
            channel: self.order.lane.channel.clone(),
            recipient: self.order.lane.recipient.clone(),
            event: self.order.event,
            state: self.state,
            queued_at: self.queued_at,
            sent_at: self.sent_at,
            attempts: self.attempts,
            answer: self.answer.clone(),
            in_digest: self.order.event == AlertEvent::Digest,
            possible_repeat: self.possible_repeat,
        }
    }
}
