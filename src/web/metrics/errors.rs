//! What fails, by cause. A bounded number of series: the causes are known, ways in are as many as there are poolers, and ends as many as
//! [`Outcome`](crate::model::Outcome) has.

use super::{Kind, Page};
use crate::model::vitals::Failures;

type Cause = (&'static str, fn(&Failures) -> Option<u64>);

const CAUSES: &[Cause] = &[
    ("rollback", |failures| failures.rollbacks),
    ("deadlock", |failures| failures.deadlocks),
    ("conflict", |failures| failures.conflicts),
    ("session_killed", |failures| failures.sessions_killed),
    ("session_fatal", |failures| failures.sessions_fatal),
    ("session_abandoned", |failures| failures.sessions_abandoned),
    ("pooler", |failures| failures.pooler),
];

pub(super) fn families(page: &mut Page<'_>) {
    page.many(
        "isobar_errors_total",
        Kind::Counter,
        "Failures by cause; deadlocks and conflicts are rollbacks too.",
        |target, sample| {
            let Some(errors) = &target.vitals.errors else { return };
            for (cause, count) in CAUSES {
                if let Some(count) = count(&errors.total) {
                    sample(&[("cause", cause)], count as f64);
                }
            }
        },
    );
    let help = "Isobar's own clients that did not get in, by way and end.";
    page.many("isobar_connection_errors_total", Kind::Counter, help, |target, sample| {
        let Some(errors) = &target.vitals.errors else { return };
        for one in &errors.total.connections {
            let outcome = serde_json::to_value(one.outcome).unwrap_or_default();
            sample(&[("path", &one.path), ("outcome", outcome.as_str().unwrap_or_default())], one.count as f64);
        }
    });
}
