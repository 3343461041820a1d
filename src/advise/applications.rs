//! Which application to fix first: whose sessions keep the server's connections busy while clients wait for one. Pure.

use std::collections::BTreeMap;

use super::{
    findings::{Said, recommendation},
    wording::fact,
};
use crate::model::{
    Report,
    advice::{Change, Kind, Recommendation},
    queries::Statement,
};

/// So much of the busy time is most of it.
const MOST: f64 = 0.5;
/// So many looks, for a mean that says something.
const FEWEST: f64 = 5.0;
/// Less than one busy session is no crowd.
const CROWD: f64 = 1.0;
/// A queue at one look in five.
const QUEUED: f64 = 0.2;
/// A text is cut to this; the API of statements has all of it.
const TEXT: usize = 120;

/// Busy sessions of one target by application and role, summed over looks of which older ones count less and less.
#[derive(Debug, Default)]
pub(super) struct Busy {
    looks: f64,
    queued: f64,
    of: BTreeMap<(String, String), f64>,
}

impl Busy {
    /// Takes a look in; `keeps` is the share of what was seen before that still counts.
    pub(super) fn see(&mut self, report: &Report, keeps: f64) {
        let Some(activity) = report.activity.as_deref() else { return };
        let waits = report.sample.poolers.iter().flat_map(|pooler| &pooler.pools).any(|pool| pool.queue() > 0);
        self.looks = self.looks * keeps + 1.0;
        self.queued = self.queued * keeps + f64::from(u8::from(waits));
        self.of.values_mut().for_each(|busy| *busy *= keeps);
        for holder in &activity.holders {
            let busy = f64::from(holder.states.active + holder.states.idle_in_transaction);
            if busy > 0.0 {
                *self.of.entry((holder.application.clone(), holder.user.clone())).or_default() += busy;
            }
        }
        self.of.retain(|_, busy| *busy > 0.01);
    }

    /// Who is to be fixed first, when clients wait and most of the time is one application's of several.
    pub(super) fn first(&self, report: &Report) -> Option<Recommendation> {
        let all: f64 = self.of.values().sum();
        let ((application, user), busy) = self.of.iter().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
        let (share, mean) = (busy / all, all / self.looks);
        let is_crowded = self.looks >= FEWEST && self.queued / self.looks >= QUEUED && mean >= CROWD;
        if !is_crowded || share < MOST || self.of.len() < 2 {
            return None;
        }
        let subject = format!("{application} ({user})");
        let statements = report.queries.as_deref().map(|queries| queries.statements.as_slice()).unwrap_or_default();
        let own = statements.iter().filter(|statement| statement.user == *user);
        let longest = own.max_by(|a, b| a.total_ms.total_cmp(&b.total_ms));
        let mut evidence = vec![
            fact("busy sessions, mean", mean, "sessions"),
            fact("of those, this application's", share * 100.0, "%"),
            fact("looks that saw clients wait", self.queued / self.looks * 100.0, "%"),
        ];
        evidence.extend(longest.map(|one| fact("mean time of its role's costliest statement", one.mean_ms, "ms")));
        evidence.extend(longest.map(|one| fact("of all time in statements, that one's", one.share * 100.0, "%")));
        let what = longest.map_or_else(String::new, |one| {
            format!(" Its role's costliest statement: {} (query id {}).", shortened(one), one.query_id)
        });
        Some(recommendation(
            report,
            Said {
                kind: Kind::FixFirst,
                title: format!(
                    "Fix {subject} first: {:.0}% of the time that server connections are busy is its own, and clients wait",
                    share * 100.0
                ),
                subject,
                change: Change { setting: "application".into(), from: None, to: None, command: None, undo: None },
                evidence,
                confidence: (0.6, "its sessions are seen; that their work could be less is for those who know the application"),
                caution: format!(
                    "Where its work is what this database is for, there is nothing to fix: then the size of the pool is the question.{what}"
                ),
                value: share * self.queued / self.looks,
            },
        ))
    }
}

fn shortened(statement: &Statement) -> String {
    let text = statement.text.as_deref().unwrap_or("its text is not known");
    let cut: String = text.chars().take(TEXT).collect();
    if cut.len() < text.len() { cut + " ..." } else { cut }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::activity::{Activity, Holder, States};

    fn report(active: &[(&str, u32)], waiting: u32) -> Report {
        let mut report: Report = serde_json::from_str(include_str!("../../tests/golden/web/report.json")).expect("a report");
        let mut activity = Activity::clone(report.activity.as_ref().expect("sessions"));
        let holder = |&(application, active): &(&str, u32)| Holder {
            application: application.into(),
            user: "app".into(),
            states: States { total: active, active, ..States::default() },
            oldest_transaction_ms: None,
        };
        activity.holders = active.iter().map(holder).collect();
        report.activity = Some(activity.into());
        std::sync::Arc::make_mut(&mut report.sample).poolers[0].pools[0].clients_waiting = Some(waiting);
        report
    }

    #[test]
    fn the_application_with_most_of_the_busy_time_is_first_while_clients_wait() {
        let first = |active: &[(&str, u32)], waiting| {
            let (report, mut busy) = (report(active, waiting), Busy::default());
            (0..10).for_each(|_| busy.see(&report, 0.95));
            busy.first(&report)
        };
        let found = first(&[("reports", 3), ("web", 1)], 2).expect("a finding");
        assert_eq!((found.kind, found.subject.as_str()), (Kind::FixFirst, "reports (app)"));
        assert!(found.title.contains("75%") && found.caution.contains("select $1"), "{found:?}");
        assert_eq!(first(&[("reports", 3), ("web", 1)], 0), None, "nobody waits");
        assert_eq!(first(&[("reports", 3)], 2), None, "it is alone");
        assert_eq!(first(&[("a", 2), ("b", 2), ("c", 1)], 2), None, "no one of them");
    }
}
