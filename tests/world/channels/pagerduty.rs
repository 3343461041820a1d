//! PagerDuty: one incident for each problem, whoever sends it and however often.

use std::{sync::Arc, time::Duration};

use isobar::{
    alert::{channels::Shared, settings::ChannelKind},
    model::{
        Severity,
        alert::AlertEvent::{Acknowledged, Escalation, Firing, Reminder, Resolved, Severity as Changed_, Test, Update},
    },
};

use super::fixture::{Changed, SOON, build, digest, may_retry, parcel, refused, run, sent};
use crate::doubles::{Pagerduty, Refusal};

fn channel(pagerduty: &Pagerduty) -> Shared {
    build(ChannelKind::Pagerduty { routing_key: Pagerduty::ROUTING_KEY.into(), events_url: pagerduty.events_url() })
}

#[test]
fn everything_about_an_episode_is_one_incident() {
    let pagerduty = Pagerduty::start();
    let channel = channel(&pagerduty);
    sent(&channel, &parcel(Firing));
    sent(&channel, &parcel(Changed_).severity(Severity::Critical));
    sent(&channel, &parcel(Escalation));
    sent(&channel, &parcel(Reminder));
    sent(&channel, &parcel(Update)); // nothing
    assert_eq!(pagerduty.incidents()[0].state, "triggered");
    sent(&channel, &parcel(Acknowledged));
    assert_eq!(pagerduty.incidents()[0].state, "acknowledged");
    sent(&channel, &parcel(Resolved));
    let incidents = pagerduty.incidents();
    assert_eq!(incidents.len(), 1, "{incidents:?}");
    assert_eq!((incidents[0].state, incidents[0].triggers), ("resolved", 4));
    assert_eq!(incidents[0].key, parcel(Firing).order.alerts[0].fingerprint);
    let actions: Vec<_> = pagerduty.expect(6, SOON).iter().map(|event| event["event_action"].clone()).collect();
    assert_eq!(actions, ["trigger", "trigger", "trigger", "trigger", "acknowledge", "resolve"]);

    sent(&channel, &parcel(Firing)); // another episode
    assert_eq!(pagerduty.incidents().len(), 2);
}

#[test]
fn severities_are_named_as_pagerduty_names_them() {
    let pagerduty = Pagerduty::start();
    let channel = channel(&pagerduty);
    let names =
        [(Severity::Critical, "critical"), (Severity::High, "error"), (Severity::Medium, "warning"), (Severity::Low, "info")];
    for (severity, name) in names {
        sent(&channel, &parcel(Firing).severity(severity));
        assert_eq!(pagerduty.messages().last().map(|event| event["payload"]["severity"].clone()), Some(name.into()));
    }
}

#[test]
fn fired_and_recovered_is_an_incident_that_is_over() {
    let pagerduty = Pagerduty::start();
    let mut late = parcel(Resolved);
    late.fired_and_recovered = true;
    assert!(sent(&channel(&pagerduty), &late).answer.starts_with("trigger: 202"));
    let incidents = pagerduty.incidents();
    assert_eq!((incidents.len(), incidents[0].state), (1, "resolved"));
    pagerduty.expect(2, SOON);
}

#[test]
fn a_storm_is_one_incident_of_its_own_and_so_is_a_test() {
    let pagerduty = Pagerduty::start();
    let channel = channel(&pagerduty);
    sent(&channel, &digest(500));
    sent(&channel, &digest(600));
    sent(&channel, &parcel(Test));
    let keys: Vec<_> = pagerduty.incidents().into_iter().map(|incident| incident.key).collect();
    assert_eq!(keys, ["digest-ops-1", parcel(Test).order.lane.about.as_str()]);
}

#[test]
fn a_storm_is_over_there_when_all_of_it_is() {
    let pagerduty = Pagerduty::start();
    let channel = channel(&pagerduty);
    let ended = |count: usize| {
        let mut parcel = digest(3);
        for alert in parcel.order.alerts.iter_mut().take(count) {
            Arc::make_mut(alert).resolved = true;
        }
        parcel
    };
    for (count, state) in [(0, "triggered"), (2, "triggered"), (3, "resolved")] {
        sent(&channel, &ended(count));
        assert_eq!(pagerduty.incidents()[0].state, state, "{count} of 3 are over");
    }
}

#[test]
fn whatever_an_alert_holds_fits_into_an_event() {
    let pagerduty = Pagerduty::start();
    for text in ["x", "🛑", "\u{0}", "\"\\"].map(|part| part.repeat(300_000)) {
        let hostile = parcel(Firing).with(|alert| {
            alert.message.clone_from(&text);
            alert.evidence.detail = Some(text.clone());
        });
        sent(&channel(&pagerduty), &hostile);
    }
    pagerduty.expect(4, SOON);
}

#[test]
fn what_it_refuses_is_refused_for_good_and_too_much_waits_a_minute() {
    let pagerduty = Pagerduty::start();
    let other = "R0otherx7xkq2m4n8p6s1t3v5w9y0z2a";
    let stranger = build(ChannelKind::Pagerduty { routing_key: other.into(), events_url: pagerduty.events_url() });
    assert!(refused(&stranger, &parcel(Firing)).contains("'routing_key' is invalid"));
    pagerduty.refuse_next(Refusal::Status(429, None));
    assert_eq!(may_retry(&channel(&pagerduty), &parcel(Firing)).1, Some(Duration::from_mins(1)));
    pagerduty.refuse_next(Refusal::Status(503, None));
    assert_eq!(may_retry(&channel(&pagerduty), &parcel(Firing)).1, None);
    assert!(run(channel(&pagerduty).check())[0].result.is_ok());
    assert_eq!(pagerduty.messages().len(), 0);
}
