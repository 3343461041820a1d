//! What nodes ask of each other, and what leaders tell of alerts.

use std::sync::Arc;

use actix::Message;
use serde::{Deserialize, Serialize};

use crate::model::{
    NodeName, RegionName,
    alert::{Acknowledge, Alert, AlertRefusal, AlertStep, Callback, EndSilence, NewSilence, Silence},
    vitals::Told,
};

/// A wish for the leader of a region's alert stage, wherever it runs. JSON on the bus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Somebody takes an alert.
    Acknowledge(Acknowledge),
    /// Somebody holds alerts back.
    Silence(NewSilence),
    /// Somebody ends that.
    EndSilence(EndSilence),
    /// A provider called back.
    Callback(Callback),
    /// What a node did while the region's Redis was gone: rows and incidents as JSON, for the leader to merge.
    Merge(Arc<Vec<super::Item>>),
    /// Make this call in the leader's place: the parcel as JSON. Answered with how it ended, as JSON.
    Deliver(String),
    /// Pools of applications told the asking node of targets that this one watches. Not answered.
    Applications(Vec<Told>),
}

/// What a command came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// The alert as it is now.
    Alert(Arc<Alert>),
    /// The silence that was made.
    Silence(Silence),
    /// Done; what a provider gets for an answer, or how a call ended.
    Text(String),
    /// Not done.
    Refused(AlertRefusal),
}

/// To whom a command goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Asked {
    /// The region's leader, whoever that is.
    Leader(RegionName),
    /// One node.
    Node(RegionName, NodeName),
}

/// Asks another node. Local mail to the bus; on the way back the same message carries it to whoever answers. The error says why nobody
/// answered.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Whom.
    pub to: Asked,
    /// What.
    pub command: Command,
}

impl Message for Ask {
    type Result = Result<Answer, AlertRefusal>;
}

/// One alert, or one that is gone, as the leader tells it to all nodes.
#[derive(Debug, Clone)]
pub struct NewsItem {
    /// For the live stream: `firing`, `resolved`, ...; empty when it is only said again.
    pub event: String,
    /// The alert, without its chart.
    pub alert: Arc<Alert>,
    /// What happened and why.
    pub steps: Arc<Vec<AlertStep>>,
}

/// News of a region's alerts: from its leader on this node to the bus, and from the bus to the book of every other node.
#[derive(Debug, Clone, Default)]
pub struct AlertNews {
    /// The leader's region; none before it is known.
    pub region: Option<RegionName>,
    /// Alerts that changed or are said again.
    pub items: Vec<NewsItem>,
    /// The silences made by API, when they changed or are said again.
    pub silences: Option<Vec<Silence>>,
}

impl Message for AlertNews {
    type Result = ();
}
