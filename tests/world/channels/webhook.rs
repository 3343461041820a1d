//! Webhooks, and QStash, which carries the same message further.

use std::{collections::BTreeMap, time::Duration};

use isobar::{
    alert::{
        channels::{self, Shared},
        settings::{ChannelKind, ChannelSettings},
    },
    model::alert::AlertEvent::{self, Acknowledged, Escalation, Firing, Reminder, Resolved, Severity, Test, Update},
};
use serde_json::json;

use super::fixture::{Changed, SOON, ago, build, digest, in_doubt, may_retry, parcel, refused, run, sent, settings};
use crate::doubles::{Qstash, Receiver, Refusal};

const EVENTS: [AlertEvent; 7] = [Firing, Severity, Escalation, Reminder, Acknowledged, Resolved, Test];

fn webhook(receiver: &Receiver, secret: Option<&str>) -> Shared {
    let headers = BTreeMap::from([("Authorization".to_owned(), "Bearer header-secret-value".into())]);
    build(ChannelKind::Webhook { url: receiver.url().into(), secret: secret.map(Into::into), headers })
}

fn qstash(qstash: &Qstash, receiver: &Receiver, callback: Option<String>) -> ChannelKind {
    ChannelKind::Qstash {
        base_url: qstash.base_url(),
        token: Qstash::TOKEN.into(),
        destination: receiver.url().into(),
        secret: Some(Receiver::SECRET.into()),
        retries: 2,
        retry_delay: "1000 * (1 + retried)".into(),
        callback_url: callback,
        current_signing_key: Some(Qstash::CURRENT_KEY.into()),
        next_signing_key: Some(Qstash::NEXT_KEY.into()),
    }
}

#[test]
fn a_receiver_that_verifies_gets_every_event_with_the_alert_itself() {
    let receiver = Receiver::start(Some(Receiver::SECRET));
    let webhook = webhook(&receiver, Some(Receiver::SECRET));
    for event in EVENTS {
        assert_eq!(sent(&webhook, &parcel(event)).answer, "204");
    }
    sent(&webhook, &parcel(Update)); // nothing
    let taken = receiver.expect(EVENTS.len(), SOON);
    for (message, event) in taken.iter().zip(EVENTS) {
        let parcel = parcel(event);
        assert_eq!(message.id, parcel.key);
        assert_eq!(message.body["event"], event.as_str());
        assert_eq!(message.body["alert"], json!(parcel.order.alerts[0]));
        let header = |name: &str| message.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        assert_eq!(header("authorization"), Some("Bearer header-secret-value"));
        assert!(header("user-agent").is_some_and(|agent| agent.starts_with("isobar/")));
    }
}

#[test]
fn a_repeat_has_the_same_id_and_says_that_it_may_be_one() {
    let receiver = Receiver::start(None);
    let webhook = webhook(&receiver, None);
    receiver.refuse_next(Refusal::CutAfter);
    in_doubt(&webhook, &parcel(Firing));
    let mut again = parcel(Firing);
    again.possible_repeat = true;
    sent(&webhook, &again);
    let taken = receiver.expect(2, SOON);
    assert_eq!(receiver.distinct().len(), 1);
    assert!(taken[0].body.get("notes").is_none(), "nothing to note: {}", taken[0].body);
    assert!(taken[1].body["notes"][0].is_string(), "{}", taken[1].body);
}

#[test]
fn a_storm_is_one_message_with_all_its_alerts() {
    let receiver = Receiver::start(Some(Receiver::SECRET));
    sent(&webhook(&receiver, Some(Receiver::SECRET)), &digest(30));
    let body = &receiver.expect(1, SOON)[0].body;
    assert_eq!((body["event"].as_str(), body["alerts"].as_array().map(Vec::len)), (Some("digest"), Some(30)));
    assert!(body.get("alert").is_none());
}

#[test]
fn a_wrong_secret_or_clock_is_refused_for_good() {
    let receiver = Receiver::start(Some(Receiver::SECRET));
    let wrong = webhook(&receiver, Some("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="));
    assert_eq!(refused(&wrong, &parcel(Firing)), "401 wrong signature");
    assert_eq!(refused(&webhook(&receiver, None), &parcel(Firing)), "401 wrong signature");
    let late = parcel(Firing);
    let late = late.clone().at(ago(late.now, 400));
    assert_eq!(refused(&webhook(&receiver, Some(Receiver::SECRET)), &late), "401 too old");
}

#[test]
fn a_check_of_a_webhook_takes_any_answer() {
    let receiver = Receiver::start(None);
    let found = run(webhook(&receiver, None).check());
    assert_eq!(found[0].result, Ok("answers 405".into()));
    assert_eq!(receiver.messages().len(), 0);
}

#[test]
fn qstash_carries_the_message_to_a_receiver_that_verifies() {
    let (stash, receiver, callbacks) = (Qstash::start(), Receiver::start(Some(Receiver::SECRET)), Receiver::start(None));
    let channel = build(qstash(&stash, &receiver, Some(callbacks.url())));
    let receipt = sent(&channel, &parcel(Firing));
    assert_eq!((receipt.answer.as_str(), receipt.reference.as_deref()), ("200 msg_1", Some("msg_1")));
    let taken = &receiver.expect(1, SOON)[0];
    assert_eq!((&taken.id, taken.event.as_str()), (&parcel(Firing).key, "firing"));
    let published = &stash.expect(1, SOON)[0];
    let header = |name: &str| published.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    assert_eq!(header("upstash-retries"), Some("2"));
    assert_eq!(header("upstash-retry-delay"), Some("1000 * (1 + retried)"));
    assert_eq!(header("upstash-callback"), Some(callbacks.url().as_str()));
    assert_eq!(header("upstash-failure-callback"), Some(callbacks.url().as_str()));
    assert_eq!(header("upstash-method"), Some("POST"));
}

#[test]
fn qstash_knows_a_repeat_and_delivers_it_once() {
    let (stash, receiver) = (Qstash::start(), Receiver::start(Some(Receiver::SECRET)));
    let channel = build(qstash(&stash, &receiver, None));
    stash.refuse_next(Refusal::CutAfter);
    in_doubt(&channel, &parcel(Firing));
    assert!(sent(&channel, &parcel(Firing)).answer.contains("known already"));
    receiver.expect(1, SOON);
    assert_eq!((stash.messages().len(), stash.repeats()), (1, vec![parcel(Firing).key]));
    sent(&channel, &parcel(Resolved));
    assert_eq!(receiver.expect(2, SOON)[1].event, "resolved");
}

#[test]
fn qstash_tries_the_receiver_again_by_itself() {
    let (stash, receiver) = (Qstash::start(), Receiver::start(Some(Receiver::SECRET)));
    receiver.refuse_next(Refusal::Status(500, None));
    receiver.refuse_next(Refusal::Status(500, None));
    sent(&build(qstash(&stash, &receiver, None)), &parcel(Firing));
    receiver.expect(1, SOON);
}

#[test]
fn a_group_of_receivers_is_one_message_with_several_ids() {
    let (stash, receiver) = (Qstash::start(), Receiver::start(None));
    let channel = build(qstash(&stash, &receiver, None));
    for body in [r#"{"messages":[{"messageId":"msg_a"},{"messageId":"msg_b"}]}"#, r#"[{"messageId":"msg_a"}]"#] {
        stash.refuse_next(Refusal::Answer(201, body.into()));
        assert_eq!(sent(&channel, &parcel(Firing)).reference.as_deref(), Some("msg_a"));
    }
}

#[test]
fn a_check_of_qstash_asks_for_its_keys() {
    let (stash, receiver) = (Qstash::start(), Receiver::start(None));
    assert!(run(build(qstash(&stash, &receiver, None)).check())[0].result.is_ok());
    let mut kind = qstash(&stash, &receiver, None);
    if let ChannelKind::Qstash { token, .. } = &mut kind {
        *token = "another-token-altogether".into();
    }
    let wrong = build(kind);
    let said = run(wrong.check())[0].result.clone().expect_err("a wrong token");
    assert!(said.contains("401") && said.contains("base_url"), "{said}");
    assert!(refused(&wrong, &parcel(Firing)).starts_with("401"));
    assert_eq!(stash.messages().len(), 0);
}

#[test]
fn settings_that_cannot_work_are_refused_by_their_keys() {
    let (stash, receiver) = (Qstash::start(), Receiver::start(None));
    let said = |kind: ChannelKind| channels::build(&settings(kind)).err().expect("refused");
    let url = |url: &str| ChannelKind::Webhook { url: url.into(), secret: None, headers: BTreeMap::new() };
    for bad in ["", "example.com/hook", "ftp://example.com", "http://", "file:///etc/passwd"] {
        assert_eq!(said(url(bad)), "`url` is not an http:// or https:// URL");
    }
    let headers = |name: &str, value: &str| {
        let headers = BTreeMap::from([(name.to_owned(), value.into())]);
        ChannelKind::Webhook { url: receiver.url().into(), secret: None, headers }
    };
    assert!(said(headers("X Y", "v")).contains("`headers.X Y`"));
    assert!(said(headers("X-Y", "line\nbreak")).contains("`headers.X-Y`"));
    let mut many = qstash(&stash, &receiver, None);
    if let ChannelKind::Qstash { retries, .. } = &mut many {
        *retries = 21;
    }
    assert!(said(many).contains("`retries`"));
    let worded = ChannelSettings { title: Some("{{ title }}".into()), ..settings(url(&receiver.url())) };
    assert!(channels::build(&worded).err().is_some_and(|said| said.contains("`title`")));
    assert!(said(ChannelKind::Pagerduty { routing_key: "short".into(), events_url: receiver.url() }).contains("`routing_key`"));
}

#[test]
fn a_limit_of_qstash_ends_at_its_own_moment() {
    let channel_limits = Duration::from_mins(15);
    let (stash, receiver) = (Qstash::start(), Receiver::start(None));
    stash.refuse_next(Refusal::Status(429, Some(7)));
    let (_, after) = may_retry(&build(qstash(&stash, &receiver, None)), &parcel(Firing));
    assert!(after.is_some_and(|after| after == Duration::from_secs(7) && after < channel_limits));
    let now = parcel(Firing).now;
    let soon = (now.0.timestamp() + 42).to_string();
    stash.refuse_next(Refusal::With(429, vec![("Burst-RateLimit-Remaining", "0".into()), ("Burst-RateLimit-Reset", soon)]));
    let (_, after) = may_retry(&build(qstash(&stash, &receiver, None)), &parcel(Firing).at(now));
    assert_eq!(after, Some(Duration::from_secs(42)));
}
