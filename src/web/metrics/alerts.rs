//! `isobar_alert*`: how many alerts there are, and whether people are reached.

use super::{
    super::alerts::{SEVERITIES, STATES},
    Exposition, Kind, flag,
};
use crate::model::alert::{AlertBook, ChannelState};

type Outcome = (&'static str, fn(&ChannelState) -> u64);

/// How calls to channels end.
const OUTCOMES: [Outcome; 3] =
    [("sent", |channel| channel.sent), ("failed", |channel| channel.failures), ("dead", |channel| channel.dead)];

pub(super) fn families(page: &mut Exposition, book: &AlertBook) {
    let mut family = page.family("isobar_alerts", Kind::Gauge, "Alerts by state, those resolved lately included.");
    for state in STATES {
        for severity in SEVERITIES {
            let count = book.alerts.iter().filter(|alert| (alert.state, alert.severity) == (state, severity)).count();
            family.sample(&[("state", state.as_str()), ("severity", severity.as_str())], count as f64);
        }
    }
    let mut family =
        page.family("isobar_alert_deliveries_total", Kind::Counter, "Messages sent, calls failed, and messages given up.");
    for channel in &book.channels {
        for (outcome, count) in OUTCOMES {
            family.sample(&[("channel", &channel.name), ("outcome", outcome)], count(channel) as f64);
        }
    }
    let mut family = page.family("isobar_alert_queue", Kind::Gauge, "Messages that wait for a channel.");
    for channel in &book.channels {
        family.sample(&[("channel", &channel.name)], channel.queued as f64);
    }
    page.family("isobar_alert_late_steps_total", Kind::Counter, "Steps of escalations told more than five seconds late.")
        .sample(&[], book.late_steps as f64);
    page.family("isobar_alert_journal_ok", Kind::Gauge, "Whether alerts are kept on disk.")
        .sample(&[], flag(book.not_kept.is_none()));
}
