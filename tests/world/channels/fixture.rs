//! An alert, an order, a parcel and a channel, made by hand.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use isobar::{
    alert::{
        channels::{self, Failure, Parcel, Receipt, Shared},
        order::{Lane, Order},
        settings::{ChannelKind, ChannelSettings},
    },
    model::{
        Evidence, Rule, Severity, Timestamp,
        alert::{Alert, AlertEvent, AlertMetrics, AlertState, Chart},
        health::{QueryEvidence, SessionEvidence},
    },
};

/// Long enough for any answer on this machine.
pub(super) const SOON: Duration = Duration::from_secs(5);

pub(super) fn at(text: &str) -> Timestamp {
    Timestamp(DateTime::parse_from_rfc3339(text).expect("a time").to_utc())
}

/// Nine in the morning of a day that never changes.
pub(super) fn nine() -> Timestamp {
    at("2026-11-23T09:00:00Z")
}

pub(super) fn alert() -> Alert {
    let session = SessionEvidence {
        pid: 4711,
        user: "app".into(),
        application: "billing".into(),
        state: "idle in transaction".into(),
        wait: Some("Client:ClientRead".into()),
        query_id: Some("-1234567890123456789".into()),
        age_ms: 81_234.0,
        blocks: 3,
    };
    let query = QueryEvidence {
        query_id: "-1234567890123456789".into(),
        text: Some("UPDATE invoices SET paid = $1 WHERE id = $2".into()),
        calls: 12,
        mean_ms: 812.5,
        share: 0.61,
    };
    Alert {
        id: "5a1e0f3c2b4d6e8f-6922c4e8".into(),
        kind: Rule::PoolSaturated.alert_type(),
        severity: Severity::High,
        message: "pool utilization is 0.91, above 0.8".into(),
        metrics: AlertMetrics::default(),
        timestamp: nine(),
        resolved: false,
        rule: Rule::PoolSaturated,
        fingerprint: "5a1e0f3c2b4d6e8f".into(),
        region: "us-east-1".into(),
        target: Some("marketing".into()),
        server: Some("db.internal:5432".to_owned()),
        state: AlertState::Firing,
        started_at: at("2026-11-23T08:59:20.500Z"),
        resolved_at: None,
        acknowledged_by: None,
        acknowledgement_note: None,
        acknowledged_until: None,
        value: Some(0.91),
        threshold: Some(0.8),
        evidence: Evidence { sessions: vec![session], queries: vec![query], ..Evidence::default() },
        suppressed_by: None,
        affects: vec!["marketing".into()],
        flaps: 0,
        flapping: false,
        deliveries: Vec::new(),
        runbook: "https://github.com/isobar/isobar/blob/main/docs/alerts/pool_saturated.md".into(),
        dashboard: Some("https://isobar.example.com/".into()),
        chart: Chart {
            figure: "utilization".into(),
            unit: "%".into(),
            points: vec![(1_763_888_360_000, Some(0.5)), (1_763_888_400_000, Some(0.91))],
        },
    }
}

/// A message on its way: `parcel(Firing).of(alert).critical()...`
pub(super) fn parcel(event: AlertEvent) -> Parcel {
    let mut alert = alert();
    match event {
        AlertEvent::Acknowledged => {
            (alert.state, alert.acknowledged_by) = (AlertState::Acknowledged, Some("ada".into()));
        }
        AlertEvent::Resolved => {
            (alert.state, alert.resolved) = (AlertState::Resolved, true);
            alert.resolved_at = Some(nine());
        }
        _ => {}
    }
    let lane = Lane { about: alert.id.clone(), channel: "ops".into(), recipient: None };
    let severity = alert.severity;
    let alerts = vec![Arc::new(alert)];
    let order = Order { lane, event, level: "0/0".into(), severity, due: nine(), decided: nine(), alerts, notes: Vec::new() };
    let key = order.key();
    Parcel { order, key, reference: None, possible_repeat: false, fired_and_recovered: false, now: Timestamp(Utc::now()) }
}

pub(super) trait Changed: Sized {
    /// The alert otherwise.
    fn with(self, change: impl FnOnce(&mut Alert)) -> Self;
    /// With this severity.
    fn severity(self, severity: Severity) -> Self;
    /// After this receipt in its lane.
    fn after(self, receipt: &Receipt) -> Self;
    /// At another moment.
    fn at(self, now: Timestamp) -> Self;
}

impl Changed for Parcel {
    fn with(mut self, change: impl FnOnce(&mut Alert)) -> Self {
        change(Arc::make_mut(&mut self.order.alerts[0]));
        self
    }

    fn severity(mut self, severity: Severity) -> Self {
        self.order.severity = severity;
        self.with(|alert| alert.severity = severity)
    }

    fn after(mut self, receipt: &Receipt) -> Self {
        self.reference.clone_from(&receipt.reference);
        self
    }

    fn at(mut self, now: Timestamp) -> Self {
        self.now = now;
        self
    }
}

/// So many alerts in one message.
pub(super) fn digest(count: usize) -> Parcel {
    let mut digest = parcel(AlertEvent::Digest);
    digest.order.lane.about = "digest-ops-1".into();
    digest.order.alerts = (0..count)
        .map(|number| {
            let target = format!("target-{number}");
            Arc::new(Alert { target: Some(target.as_str().into()), fingerprint: format!("{number:016x}"), ..alert() })
        })
        .collect();
    digest
}

pub(super) fn settings(kind: ChannelKind) -> ChannelSettings {
    ChannelSettings { name: "ops".into(), kind, title: None, body: None }
}

pub(super) fn build(kind: ChannelKind) -> Shared {
    channels::build(&settings(kind)).expect("a channel")
}

/// Sends on a runtime of its own, as the actor would on its.
pub(super) fn send(channel: &Shared, parcel: &Parcel) -> Result<Receipt, Failure> {
    run(channel.send(parcel))
}

pub(super) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

#[track_caller]
pub(super) fn sent(channel: &Shared, parcel: &Parcel) -> Receipt {
    send(channel, parcel).unwrap_or_else(|failure| panic!("{:?}: {failure:?}", parcel.order.event))
}

/// The permanent refusal's words.
#[track_caller]
pub(super) fn refused(channel: &Shared, parcel: &Parcel) -> String {
    match send(channel, parcel) {
        Err(Failure::Permanent(why)) => why,
        other => panic!("not refused for good: {other:?}"),
    }
}

/// What to wait for before another attempt.
#[track_caller]
pub(super) fn may_retry(channel: &Shared, parcel: &Parcel) -> (String, Option<Duration>) {
    match send(channel, parcel) {
        Err(Failure::Retry { why, after }) => (why, after),
        other => panic!("not to be tried again: {other:?}"),
    }
}

/// Why nobody knows whether it was taken.
#[track_caller]
pub(super) fn in_doubt(channel: &Shared, parcel: &Parcel) -> String {
    match send(channel, parcel) {
        Err(Failure::Doubt { why }) => why,
        other => panic!("there is no doubt about it: {other:?}"),
    }
}

pub(super) fn ago(now: Timestamp, seconds: i64) -> Timestamp {
    Timestamp(now.0 - TimeDelta::seconds(seconds))
}
