//! A region that nobody reports is blind: we cannot see, which is not "down". Pure.

use std::time::Instant;

use super::Blindness;
use crate::model::{Evidence, Reason, Rule, Timestamp};

/// Whether a region last heard then is blind now, and why. `trouble`: why this node does not hear its bus, which may be all there is to it.
pub(super) fn judge(
    heard: Option<(Instant, Timestamp)>,
    started: (Instant, Timestamp),
    now: Instant,
    rule: Blindness,
    trouble: Option<&str>,
) -> Option<Reason> {
    let (since, since_wall) = heard.unwrap_or(started);
    let silent = now.saturating_duration_since(since);
    (silent >= rule.after).then(|| Reason {
        rule: Rule::RegionBlind,
        severity: rule.severity,
        value: Some(silent.as_secs_f64()),
        threshold: Some(rule.after.as_secs_f64()),
        since: since_wall,
        message: match (heard, trouble) {
            (Some(_), Some(_)) => format!(
                "no report from any node of the region for {:.0} s, and this node cannot reach its bus: its own view is cut off",
                silent.as_secs_f64()
            ),
            (None, Some(_)) => "this node cannot reach the region's bus: its own view is cut off".to_owned(),
            (Some(_), None) => {
                format!("no report from any node of the region for {:.0} s: its databases cannot be seen", silent.as_secs_f64())
            }
            (None, None) => "no node of the region has reported yet: its databases cannot be seen".to_owned(),
        },
        // What the bus said may tell more than everybody who is alerted should know; `/readyz` and the log have it.
        evidence: Evidence::default(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::Severity;

    #[test]
    fn silence_is_blindness_only_after_its_time() {
        let (start, wall) = (crate::clock::now(), crate::clock::wall());
        let rule = Blindness { enabled: true, after: Duration::from_secs(5), severity: Severity::High };
        let judge = |heard: Option<u64>, now: u64| {
            let at = |ms| start + Duration::from_millis(ms);
            judge(heard.map(|ms| (at(ms), wall)), (start, wall), at(now), rule, None).map(|reason| reason.value)
        };
        assert_eq!(judge(Some(1_000), 5_999), None);
        assert_eq!(judge(Some(1_000), 6_000), Some(Some(5.0)));
        assert_eq!(judge(None, 4_999), None);
        assert_eq!(judge(None, 5_000), Some(Some(5.0)));
    }
}
