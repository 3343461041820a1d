//! What one message on a stream says, in the words of the model. How it looks in bytes is the [`wire`](super::wire)'s business.

use std::sync::Arc;

use crate::model::{
    NodeName, RegionName, Report, TargetId, TargetName,
    alert::{AlertRefusal, Silence},
    cluster::{Answer, Asked, Command, Figures, NewsItem, View},
    report::RosterState,
    vitals::Vitals,
};

/// Who wrote a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// Its region.
    pub region: RegionName,
    /// Its name.
    pub node: NodeName,
    /// Another one with each start.
    pub boot: u64,
    /// The number of the message on its stream, from 1, without gaps as long as the node lives.
    pub sequence: u64,
}

/// One message.
#[derive(Debug, Clone)]
pub enum Message {
    /// Once a second: the node lives.
    Beat {
        /// The newest version of the wire that it reads.
        reads: u16,
        /// How its probes are.
        roster: RosterState,
    },
    /// Whole reports: on `raw` with their details, on `world` without.
    Reports(Vec<Report>),
    /// What moved of targets whose judgement did not change.
    Figures(Vec<Figures>),
    /// Targets that the configuration no longer has.
    Removed(Vec<TargetId>),
    /// Slow signals that are new, of targets of the sender's region; on `raw`.
    Vitals(Vec<(TargetName, Arc<Vitals>)>),
    /// How targets of other regions look from here.
    Views(Vec<(TargetId, View)>),
    /// What the region's leader tells of its alerts.
    News {
        /// Alerts that changed or are said again.
        items: Vec<NewsItem>,
        /// Its silences, when they are said.
        silences: Option<Vec<Silence>>,
        /// How many of these could not be read, and are left out.
        unreadable: usize,
    },
    /// A question to another node.
    Ask {
        /// Its number, unique with the sender.
        id: u64,
        /// To whom.
        to: Asked,
        /// What.
        command: Command,
    },
    /// The answer to one.
    Reply {
        /// Who asked.
        to: (RegionName, NodeName),
        /// The question's number.
        id: u64,
        /// The answer.
        answer: Result<Answer, AlertRefusal>,
    },
}
