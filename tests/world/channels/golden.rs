//! The shapes that leave the house, as files: a change of one is a difference to read. `BLESS=1` writes them anew.

use std::{collections::BTreeMap, fs, path::Path};

use isobar::{
    alert::settings::ChannelKind,
    model::alert::AlertEvent::{Acknowledged, Firing, Resolved},
};
use serde_json::Value;

use super::fixture::{Changed, build, digest, nine, parcel, sent};
use crate::doubles::{Pagerduty, Receiver, Slack};

#[track_caller]
fn holds(name: &str, found: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/alerts").join(name);
    let found = format!("{found:#}\n");
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, &found).expect("written");
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{name} (BLESS=1 accepts it)");
}

#[test]
fn slack_blocks() {
    let slack = Slack::start().at_any_rate();
    let bot = build(ChannelKind::SlackBot {
        token: Slack::TOKEN.into(),
        channel: "#ops".into(),
        signing_secret: Some(Slack::SIGNING_SECRET.into()),
        api_url: slack.api_url(),
    });
    let parcels = [
        ("firing", parcel(Firing)),
        ("acknowledged", parcel(Acknowledged)),
        ("resolved", parcel(Resolved)),
        ("digest", digest(3)),
    ];
    for (at, (name, parcel)) in parcels.into_iter().enumerate() {
        sent(&bot, &parcel.at(nine()));
        holds(&format!("slack_{name}.json"), &slack.calls()[at].body);
    }
}

#[test]
fn webhook_bodies() {
    let receiver = Receiver::start(None);
    let webhook = build(ChannelKind::Webhook { url: receiver.url().into(), secret: None, headers: BTreeMap::new() });
    for (at, (name, parcel)) in [("firing", parcel(Firing)), ("digest", digest(2))].into_iter().enumerate() {
        sent(&webhook, &parcel.at(nine()));
        holds(&format!("webhook_{name}.json"), &receiver.messages()[at].body);
    }
}

#[test]
fn pagerduty_events() {
    let pagerduty = Pagerduty::start();
    let events_url = pagerduty.events_url();
    let channel = build(ChannelKind::Pagerduty { routing_key: Pagerduty::ROUTING_KEY.into(), events_url });
    for (at, (name, event)) in [("trigger", Firing), ("resolve", Resolved)].into_iter().enumerate() {
        sent(&channel, &parcel(event).at(nine()));
        holds(&format!("pagerduty_{name}.json"), &pagerduty.messages()[at]);
    }
}
