//! Alertmanager: what fires there is what fires here, at every peer that can be reached.

use std::{collections::BTreeMap, time::Duration};

use chrono::TimeDelta;
use isobar::{
    alert::{
        channels::{Failure, Shared},
        settings::ChannelKind,
    },
    model::{
        Severity,
        alert::AlertEvent::{Acknowledged, Firing, Resolved, Severity as Changed_, Test, Update},
    },
};

use super::fixture::{Changed, SOON, build, digest, may_retry, parcel, run, send, sent};
use crate::doubles::{Alertmanager, Refusal};

fn channel(peers: &[&Alertmanager]) -> Shared {
    let urls = peers.iter().map(|peer| peer.url().into()).collect();
    let labels = BTreeMap::from([("team".to_owned(), "storage".to_owned())]);
    build(ChannelKind::Alertmanager { urls, token: Some(Alertmanager::TOKEN.into()), labels })
}

fn peer() -> Alertmanager {
    Alertmanager::start(Some(Alertmanager::TOKEN))
}

#[test]
fn an_alert_fires_at_every_peer_until_it_is_resolved() {
    let peers = [peer(), peer(), peer()];
    let channel = channel(&peers.each_ref());
    let first = parcel(Firing);
    let now = first.now.0;
    let receipt = sent(&channel, &first);
    assert_eq!(receipt.answer, "3 of 3 took it");
    for peer in &peers {
        let firing = peer.firing(now);
        assert_eq!(firing.len(), 1);
        let labels: Vec<_> = firing[0].labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let fingerprint = "fingerprint=5a1e0f3c2b4d6e8f";
        assert_eq!(
            labels,
            ["alertname=pool_saturated", fingerprint, "region=us-east-1", "severity=high", "target=marketing", "team=storage"]
        );
        assert_eq!(firing[0].ends_at.timestamp_millis(), (now + TimeDelta::minutes(4)).timestamp_millis());
        assert!(firing[0].annotations["runbook_url"].ends_with("pool_saturated.md"));
    }
    let over = parcel(Resolved).with(|alert| alert.resolved_at = Some(first.now)).after(&receipt);
    sent(&channel, &over);
    assert!(peers.iter().all(|peer| peer.firing(over.now.0).is_empty()));
}

#[test]
fn it_is_sent_again_before_it_would_end() {
    let peer = peer();
    let channel = channel(&[&peer]);
    let refresh = channel.nature().refresh.expect("a refresh");
    assert!(refresh * 3 < Duration::from_mins(4), "three may be lost");
    let first = parcel(Firing);
    let receipt = sent(&channel, &first);
    let later = parcel(Update).at(isobar::model::Timestamp(first.now.0 + TimeDelta::minutes(3))).after(&receipt);
    sent(&channel, &later);
    assert_eq!(peer.firing(first.now.0 + TimeDelta::minutes(6)).len(), 1);
    assert_eq!(peer.firing(first.now.0 + TimeDelta::minutes(8)).len(), 0, "when Isobar dies, it ends");
}

#[test]
fn another_severity_ends_the_alert_with_the_old_one() {
    for is_reference_known in [true, false] {
        let peer = peer();
        let channel = channel(&[&peer]);
        let mut receipt = sent(&channel, &parcel(Firing));
        if !is_reference_known {
            receipt.reference = None; // after a crash
        }
        let worse = parcel(Changed_).severity(Severity::Critical).after(&receipt);
        sent(&channel, &worse);
        let firing = peer.firing(worse.now.0);
        assert_eq!(firing.iter().map(|alert| alert.labels["severity"].as_str()).collect::<Vec<_>>(), ["critical"]);
    }
}

#[test]
fn who_takes_it_is_an_annotation_and_a_storm_is_all_its_alerts() {
    let peer = peer();
    let channel = channel(&[&peer]);
    sent(&channel, &parcel(Acknowledged));
    assert_eq!(peer.messages()[0].annotations["acknowledged_by"], "ada");
    sent(&channel, &digest(40));
    peer.expect(41, SOON);
    sent(&channel, &parcel(Test));
    assert_eq!(peer.expect(42, SOON)[41].labels["alertname"], "isobar_test");
}

#[test]
fn one_peer_that_takes_it_is_enough_and_the_others_are_named_by_number() {
    let peers = [peer(), peer(), peer()];
    let channel = channel(&peers.each_ref());
    peers[1].refuse_next(Refusal::Status(503, None));
    let answer = sent(&channel, &parcel(Firing)).answer;
    assert_eq!(answer, "2 of 3 took it; peer 2 of 3: 503 refused by order");
    peers[0].refuse_next(Refusal::Status(400, None));
    peers[1].refuse_next(Refusal::Status(429, Some(9)));
    peers[2].refuse_next(Refusal::Status(429, Some(5)));
    assert_eq!(may_retry(&channel, &parcel(Firing)).1, Some(Duration::from_secs(5)), "the first that is ready will do");
    for peer in &peers {
        peer.refuse_next(Refusal::Status(400, None));
    }
    assert!(matches!(send(&channel, &parcel(Firing)), Err(Failure::Permanent(why)) if why.contains("peer 3 of 3: 400")));
}

#[test]
fn a_check_asks_each_peer_for_its_status() {
    let (good, stranger) = (peer(), Alertmanager::start(Some("another-token")));
    let found = run(channel(&[&good, &stranger]).check());
    assert_eq!(found.iter().map(|checked| checked.what.as_str()).collect::<Vec<_>>(), ["peer 1 of 2", "peer 2 of 2"]);
    assert!(found[0].result.is_ok() && found[1].result.as_ref().is_err_and(|said| said.contains("401")), "{found:?}");
}
