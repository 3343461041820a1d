//! What providers call back, verified before it is read.

use isobar::{
    alert::{
        channels::{CallbackAction, callback},
        settings::{ChannelKind, ChannelSettings},
    },
    model::{
        Timestamp,
        alert::{AlertRefusal, Callback, Provider},
    },
};
use serde_json::json;

use super::fixture::{ago, nine, settings};
use crate::doubles::{Qstash, Slack};

const CALLBACK: &str = "https://isobar.example.com/api/qstash/callback";

/// Two bots, of which the second has the double's secret, and QStash.
fn all() -> Vec<ChannelSettings> {
    let bot = |secret: Option<&str>| ChannelKind::SlackBot {
        token: Slack::TOKEN.into(),
        channel: "#ops".into(),
        signing_secret: secret.map(Into::into),
        api_url: "https://slack.com/api".into(),
    };
    let qstash = ChannelKind::Qstash {
        base_url: "https://qstash.upstash.io".into(),
        token: Qstash::TOKEN.into(),
        destination: "https://example.com/hook".into(),
        secret: None,
        retries: 3,
        retry_delay: String::new(),
        callback_url: Some(CALLBACK.into()),
        current_signing_key: Some(Qstash::CURRENT_KEY.into()),
        next_signing_key: Some(Qstash::NEXT_KEY.into()),
    };
    [bot(None), bot(Some("another secret")), bot(Some(Slack::SIGNING_SECRET)), qstash].map(settings).to_vec()
}

fn from_slack((headers, body): (Vec<(String, String)>, Vec<u8>)) -> Callback {
    Callback { provider: Provider::Slack, headers, body }
}

fn from_qstash(key: &str, body: &[u8], now: Timestamp) -> Callback {
    let signature = Qstash::sign(key, CALLBACK, body, now.0.timestamp());
    Callback { provider: Provider::Qstash, headers: vec![("upstash-signature".into(), signature)], body: body.into() }
}

#[track_caller]
fn forbidden(found: Result<CallbackAction, AlertRefusal>, expected: &str) {
    match found {
        Err(AlertRefusal::Forbidden(why)) => assert!(why.contains(expected), "{why}"),
        other => panic!("{expected}: {other:?}"),
    }
}

#[test]
fn a_pressed_button_takes_the_alert_for_who_pressed_it() {
    let now = nine();
    let call = from_slack(Slack::press("5a1e0f3c2b4d6e8f-6922c4e8", "ada + co", now.0.timestamp()));
    let expected = CallbackAction::Acknowledge { id: "5a1e0f3c2b4d6e8f-6922c4e8".into(), by: "ada + co (Slack)".into() };
    assert_eq!(callback(&all(), &call, now), Ok(expected.clone()));
    assert_eq!(callback(&all(), &call, now), Ok(expected), "pressed twice is taken twice by the same");
}

#[test]
fn a_press_that_is_old_changed_or_unsigned_is_forbidden() {
    let now = nine();
    let press = || from_slack(Slack::press("an-alert", "ada", now.0.timestamp()));
    forbidden(callback(&all(), &press(), ago(now, -301)), "too old");
    forbidden(callback(&all(), &press(), ago(now, 301)), "too old");
    let mut other = press();
    other.body = Slack::press("another-alert", "ada", now.0.timestamp()).1;
    forbidden(callback(&all(), &other, now), "wrong");
    let mut moved = press();
    moved.headers[1].1 = (now.0.timestamp() + 1).to_string();
    forbidden(callback(&all(), &moved, now), "wrong");
    let unsigned = Callback { headers: Vec::new(), ..press() };
    forbidden(callback(&all(), &unsigned, now), "missing");
    forbidden(callback(&all()[..1], &press(), now), "no channel has a `signing_secret`");
}

#[test]
fn anything_else_that_slack_says_is_nothing() {
    let now = nine();
    for said in [
        json!({ "type": "view_submission", "user": { "id": "U0ADA" } }),
        json!({ "type": "block_actions", "actions": [{ "action_id": "another", "value": "x" }] }),
        json!({ "type": "block_actions", "actions": [{ "action_id": "isobar_ack" }] }),
        json!({ "type": "shortcut", "actions": [{ "action_id": "isobar_ack", "value": "x" }] }),
    ] {
        let call = from_slack(Slack::send(&said, now.0.timestamp()));
        assert_eq!(callback(&all(), &call, now), Ok(CallbackAction::Nothing), "{said}");
    }
}

#[test]
fn the_end_of_a_delivery_is_believed_from_either_key() {
    let now = nine();
    let body = |status: u16, retried: u32, dlq: Option<&str>| {
        let end = json!({ "status": status, "body": "", "retried": retried, "maxRetries": 2, "sourceMessageId": "msg_1", "dlqId": dlq });
        end.to_string().into_bytes()
    };
    let delivered =
        |failed: Option<&str>| Ok(CallbackAction::Delivered { message_id: "msg_1".into(), failed: failed.map(Into::into) });
    for (body, expected) in [
        (body(200, 0, None), delivered(None)),
        (body(204, 2, None), delivered(None)),
        (body(500, 0, None), Ok(CallbackAction::Nothing)), // it tries again
        (body(500, 2, None), delivered(Some("the receiver answered 500"))),
        (body(410, 0, Some("dlq_1")), delivered(Some("the receiver answered 410"))),
    ] {
        for key in [Qstash::CURRENT_KEY, Qstash::NEXT_KEY] {
            assert_eq!(callback(&all(), &from_qstash(key, &body, now), now), expected);
        }
        forbidden(callback(&all(), &from_qstash("sig_other", &body, now), now), "wrong");
    }
}

#[test]
fn a_delivery_that_is_old_changed_or_unsigned_is_forbidden() {
    let (now, body) = (nine(), br#"{"sourceMessageId":"msg_1","status":200}"#);
    let call = from_qstash(Qstash::CURRENT_KEY, body, now);
    assert!(callback(&all(), &call, now).is_ok());
    forbidden(callback(&all(), &call, ago(now, -400)), "too old");
    forbidden(callback(&all(), &call, ago(now, 60)), "too old");
    forbidden(callback(&all(), &Callback { body: b"{}".to_vec(), ..call.clone() }, now), "another body");
    forbidden(callback(&all(), &Callback { headers: Vec::new(), ..call.clone() }, now), "missing");
    forbidden(callback(&all()[..3], &call, now), "no channel has a `callback_url`");
    let elsewhere = Qstash::sign(Qstash::CURRENT_KEY, "https://elsewhere.example.com/", body, now.0.timestamp());
    let elsewhere = Callback { headers: vec![("upstash-signature".into(), elsewhere)], ..call };
    forbidden(callback(&all(), &elsewhere, now), "another address");
}

#[test]
fn a_signed_body_that_cannot_be_read_is_invalid() {
    let now = nine();
    let call = from_qstash(Qstash::CURRENT_KEY, b"not json", now);
    assert!(matches!(callback(&all(), &call, now), Err(AlertRefusal::Invalid(_))));
    let call = from_slack(Slack::send(&json!("text"), now.0.timestamp()));
    assert!(matches!(callback(&all(), &call, now), Err(AlertRefusal::Invalid(_))));
}
