//! Version 1, frozen: what every node has read since there is a bus.

mod details;
mod sample;
mod words;

pub(super) use details::{Activity, DatabaseCounters, PoolerDetail, Queries};
pub(super) use sample::{ConnectionPool, Phases, QueryPerformance, Reason, Sample};
pub(super) use words::{Ask, Json, News, Reply};

use super::word::frozen;
use crate::model::{cluster, health, ids, report};

frozen! {
    Report<'a> of report::Report {
        #[serde(borrow)]
        sample: Sample<'a>,
        critical: bool,
        server: &'a str,
        #[serde(borrow)]
        transitions: Vec<Transition<'a>>,
        #[serde(borrow)]
        activity: Option<Activity<'a>>,
        #[serde(borrow)]
        queries: Option<Queries<'a>>,
        #[serde(borrow)]
        counters: Option<DatabaseCounters<'a>>,
        #[serde(borrow)]
        poolers: Vec<PoolerDetail<'a>>,
    }

    Transition<'a> of health::Transition {
        kind: u8,
        at: i64,
        #[serde(borrow)]
        reason: Reason<'a>,
    }

    Figures<'a> of cluster::Figures {
        target: &'a str,
        timestamp: i64,
        connection_pool: ConnectionPool,
        query_performance: QueryPerformance,
        impact: Option<f64>,
    }

    Target<'a> of ids::TargetId {
        region: &'a str,
        target: &'a str,
    }

    Roster of report::RosterState {
        targets: u32,
        probes: u32,
        silent: u32,
        panics: u64,
        hangs: u64,
        given_up: u32,
        dropped: u64,
        seen: u32,
    }
}

/// That a node lives.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Beat {
    pub(super) reads: u16,
    pub(super) roster: Roster,
}
