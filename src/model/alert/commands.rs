//! What people and providers ask of the alert stage.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{super::Timestamp, Alert, Matchers, Silence};

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum AlertRefusal {
    /// No such alert, silence or channel.
    #[error("{0}")]
    NotFound(String),
    /// It cannot be done, and why.
    #[error("{0}")]
    Invalid(String),
    /// A callback whose signature is missing, wrong or too old.
    #[error("{0}")]
    Forbidden(String),
}

/// Somebody takes an alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Acknowledge {
    /// Which alert.
    pub id: String,
    /// Who.
    pub by: String,
    /// What they say.
    pub note: Option<String>,
}

impl actix::Message for Acknowledge {
    type Result = Result<Arc<Alert>, AlertRefusal>;
}

/// Somebody holds alerts back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewSilence {
    /// What; at least one matcher.
    pub matchers: Matchers,
    /// From when; now unless given.
    pub starts_at: Option<Timestamp>,
    /// Until when; either this or `lasts`.
    pub ends_at: Option<Timestamp>,
    /// For how long.
    pub lasts: Option<Duration>,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
}

impl actix::Message for NewSilence {
    type Result = Result<Silence, AlertRefusal>;
}

/// Somebody ends a silence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndSilence(pub String);

impl actix::Message for EndSilence {
    type Result = Result<(), AlertRefusal>;
}

/// Somebody wants a test message sent to a channel; answers with what the provider said.
#[derive(Debug, Clone)]
pub struct TestChannel(pub String);

impl actix::Message for TestChannel {
    type Result = Result<String, AlertRefusal>;
}

/// Which provider calls back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Provider {
    /// `POST /api/slack/actions`: somebody pressed a button.
    Slack,
    /// `POST /api/qstash/callback`: how a delivery ended.
    Qstash,
}

/// A provider's call, exactly as it came; the alert stage verifies its signature before it reads it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Callback {
    /// Which provider.
    pub provider: Provider,
    /// Header names, lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The raw body.
    pub body: Vec<u8>,
}

impl actix::Message for Callback {
    /// The body to answer with: JSON.
    type Result = Result<String, AlertRefusal>;
}
