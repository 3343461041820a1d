//! What tests of the bus say to each other: reports of one figure.

use std::sync::Arc;

use crate::model::{
    Evidence, NodeName, Reason, RegionName, Report, Rule, Sample, Severity, Status, TargetId, Timestamp, Transition,
    activity::Activity,
    health::TransitionKind,
    report::{Batch, RosterState},
};

/// The region of all of them.
pub(crate) const REGION: &str = "eu-west-1";

/// A report of a target; the figure is its number of connections and the second at which it was measured.
pub(crate) fn report(target: &str, status: Status, figure: u32) -> Report {
    let text = format!(
        r#"{{"timestamp":"2026-11-23T08:46:00.123Z","region":"{REGION}","target":"{target}","status":"{}","reasons":[],
        "connectionPool":{{"totalConnections":{figure}}},"queryPerformance":{{}},"database":{{}},"poolers":[],
        "reachability":{{"phases":{{}}}},"probe":{{"intervalMs":250,"connections":2,"missing":[]}}}}"#,
        status.as_str()
    );
    let mut sample: Sample = serde_json::from_str(&text).expect("a sample");
    sample.timestamp = at(figure);
    Report {
        sample: Arc::new(sample),
        critical: false,
        server: "db:5432".into(),
        transitions: vec![],
        activity: Some(Arc::new(Activity::default())),
        queries: None,
        counters: None,
        poolers: vec![],
    }
}

/// That second.
pub(crate) fn at(second: u32) -> Timestamp {
    Timestamp(chrono::DateTime::from_timestamp(1_795_423_560 + i64::from(second), 0).expect("a moment"))
}

/// A transition with that number.
pub(crate) fn transition(number: u32) -> Transition {
    let reason = Reason {
        rule: Rule::PoolSaturated,
        severity: Severity::High,
        value: None,
        threshold: None,
        since: at(number),
        message: number.to_string(),
        evidence: Evidence::default(),
    };
    Transition { kind: TransitionKind::Firing, at: at(number), reason }
}

/// The same report with transitions of those numbers.
pub(crate) fn with(report: Report, numbers: &[u32]) -> Report {
    Report { transitions: numbers.iter().copied().map(transition).collect(), ..report }
}

/// The numbers of a report's transitions.
pub(crate) fn numbers(report: &Report) -> Vec<u32> {
    report.transitions.iter().map(|transition| transition.reason.message.parse().expect("a number")).collect()
}

/// The figure of a report.
pub(crate) fn figure(report: &Report) -> u32 {
    report.sample.connection_pool.total_connections.expect("a figure")
}

/// A supervisor's mail.
pub(crate) fn batch(region: &str, node: &str, reports: Vec<Report>) -> Batch {
    Batch {
        region: RegionName::from(region),
        node: NodeName::from(node),
        roster: Some(RosterState::default()),
        reports,
        figures: vec![],
        vitals: vec![],
        copies: vec![],
        views: vec![],
        removed: vec![],
    }
}

/// The same without reports, that a target is gone.
pub(crate) fn removal(target: &str) -> Batch {
    Batch { removed: vec![TargetId::new(REGION, target)], ..batch(REGION, "eu-1", vec![]) }
}
