//! Slack: one incident is one message that changes; a webhook's are new ones.

use isobar::{
    alert::{channels::Shared, settings::ChannelKind},
    model::{
        Severity,
        alert::AlertEvent::{Acknowledged, Digest, Escalation, Firing, Reminder, Resolved, Severity as Changed_, Test, Update},
    },
};

use super::fixture::{Changed, SOON, build, digest, in_doubt, may_retry, parcel, refused, run, sent};
use crate::doubles::{Refusal, Slack};

fn bot(slack: &Slack, channel: &str) -> Shared {
    build(ChannelKind::SlackBot {
        token: Slack::TOKEN.into(),
        channel: channel.into(),
        signing_secret: Some(Slack::SIGNING_SECRET.into()),
        api_url: slack.api_url(),
    })
}

fn incoming(slack: &Slack) -> Shared {
    build(ChannelKind::SlackWebhook { url: slack.webhook_url().into() })
}

#[test]
fn an_incident_is_one_message_that_changes() {
    let slack = Slack::start().at_any_rate();
    let bot = bot(&slack, "#ops");

    let first = sent(&bot, &parcel(Firing));
    let message = &slack.expect(1, SOON)[0];
    assert_eq!(first.reference.as_deref(), Some(format!("C0OPS:{}:high", message.ts).as_str()));
    assert!(message.says().contains("FIRING") && message.says().contains("pool_saturated"), "{message:?}");
    assert_eq!(message.button().as_deref(), Some(parcel(Firing).order.alerts[0].id.as_str()));

    let taken = sent(&bot, &parcel(Acknowledged).after(&first));
    let message = &slack.expect(1, SOON)[0];
    assert!(message.says().contains("ACKNOWLEDGED") && !message.says().contains("FIRING"), "{message:?}");
    assert_eq!((message.button(), message.edits), (None, 1), "nobody is wanted any more");

    let over = sent(&bot, &parcel(Resolved).after(&taken));
    let messages = slack.expect(2, SOON);
    assert!(messages[0].says().contains("RESOLVED"), "{messages:?}");
    assert_eq!(messages[1].thread.as_ref(), Some(&messages[0].ts), "the end is also said in its thread");
    assert_eq!(over.reference, first.reference);
    let methods: Vec<_> = slack.expect_calls(4, SOON).into_iter().map(|call| call.method).collect();
    assert_eq!(methods, ["chat.postMessage", "chat.update", "chat.update", "chat.postMessage"]);
}

#[test]
fn the_thread_speaks_when_somebody_should_look_up() {
    for (event, severity, replies) in [
        (Changed_, Severity::Critical, 1),
        (Changed_, Severity::Medium, 0),
        (Escalation, Severity::High, 1),
        (Reminder, Severity::High, 1),
        (Acknowledged, Severity::High, 0),
        (Update, Severity::High, 0),
        (Digest, Severity::High, 0),
        (Resolved, Severity::High, 1),
    ] {
        let slack = Slack::start().at_any_rate();
        let bot = bot(&slack, "ops");
        let first = sent(&bot, &parcel(Firing));
        let next = sent(&bot, &parcel(event).severity(severity).after(&first));
        let messages = slack.expect(1 + replies, SOON);
        assert_eq!(messages[0].edits, 1, "{event:?} to {severity:?}");
        assert!(next.reference.is_some_and(|reference| reference.ends_with(severity.as_str())));
    }
}

#[test]
fn an_update_is_never_a_new_message() {
    let slack = Slack::start().at_any_rate();
    let bot = bot(&slack, "#ops");
    let first = sent(&bot, &parcel(Firing));
    sent(&bot, &parcel(Update));
    sent(&incoming(&slack), &parcel(Update));
    slack.delete(&slack.messages()[0].ts);
    sent(&bot, &parcel(Update).after(&first));
    assert_eq!(slack.calls().len(), 1);
}

#[test]
fn a_message_that_is_gone_or_too_old_is_posted_anew() {
    for code in ["message_not_found", "cant_update_message", "edit_window_closed"] {
        let slack = Slack::start().at_any_rate();
        let bot = bot(&slack, "#ops");
        let first = sent(&bot, &parcel(Firing));
        slack.refuse_next(Refusal::Code(code));
        let over = sent(&bot, &parcel(Resolved).after(&first));
        let messages = slack.expect(2, SOON);
        assert!(messages[1].thread.is_none() && messages[1].says().contains("RESOLVED"), "{code}: {messages:?}");
        assert!(over.reference.is_some_and(|reference| reference.contains(&messages[1].ts)), "{code}: later changes go there");
    }
}

#[test]
fn a_reply_that_fails_is_tried_again_without_doubling_anything() {
    let slack = Slack::start(); // one message a second: the reply comes too early
    let bot = bot(&slack, "#ops");
    let first = sent(&bot, &parcel(Firing));
    let (why, after) = may_retry(&bot, &parcel(Resolved).after(&first));
    assert!(why.contains("429"), "{why}");
    assert_eq!(after, Some(std::time::Duration::from_secs(1)));
    assert!(slack.expect(1, SOON)[0].says().contains("RESOLVED"), "people see it already");
    let slack = slack.at_any_rate();
    sent(&bot, &parcel(Resolved).after(&first));
    let messages = slack.expect(2, SOON);
    assert_eq!((messages[0].edits, messages[1].thread.is_some()), (2, true));
}

#[test]
fn what_was_posted_without_an_answer_leaves_doubt_and_what_was_changed_does_not() {
    let slack = Slack::start().at_any_rate();
    let bot = bot(&slack, "#ops");
    let first = sent(&bot, &parcel(Firing));
    let over = parcel(Resolved).after(&first);
    for refusal in [Refusal::Cut, Refusal::CutAfter] {
        slack.refuse_next(refusal.clone());
        in_doubt(&bot, &parcel(Firing));
        slack.refuse_next(refusal.clone());
        in_doubt(&incoming(&slack), &parcel(Firing));
        slack.refuse_next(refusal);
        may_retry(&bot, &over);
    }
}

#[test]
fn what_slack_refuses_inside_a_200_names_the_fix() {
    let slack = Slack::start().at_any_rate();
    for (channel, fix) in [("#private", "/invite @isobar"), ("#archived", "archived"), ("#nowhere", "check `channel`")] {
        let why = refused(&bot(&slack, channel), &parcel(Firing));
        assert!(why.contains(fix), "{channel}: {why}");
    }
    let stranger = build(ChannelKind::SlackBot {
        token: "xoxb-another-token-altogether".into(),
        channel: "#ops".into(),
        signing_secret: None,
        api_url: slack.api_url(),
    });
    assert!(refused(&stranger, &parcel(Firing)).contains("set `token`"));
    for code in ["ratelimited", "internal_error", "service_unavailable"] {
        slack.refuse_next(Refusal::Code(code));
        assert!(may_retry(&bot(&slack, "#ops"), &parcel(Firing)).0.contains(code));
    }
    slack.refuse_next(Refusal::Code("something_new"));
    assert!(refused(&bot(&slack, "#ops"), &parcel(Firing)).contains("something_new"));
    assert_eq!(slack.messages().len(), 0);
}

#[test]
fn a_webhook_makes_each_notice_a_message_of_its_own() {
    let slack = Slack::start().at_any_rate();
    let incoming = incoming(&slack);
    for event in [Firing, Changed_, Escalation, Reminder, Acknowledged, Resolved, Test] {
        let receipt = sent(&incoming, &parcel(event));
        assert_eq!((receipt.answer.as_str(), receipt.reference), ("200 ok", None), "{event:?}");
    }
    let messages = slack.expect(7, SOON);
    assert!(messages.iter().all(|message| message.button().is_none()), "a webhook has no button");
}

#[test]
fn a_webhook_succeeds_with_ok_and_nothing_else() {
    let slack = Slack::start().at_any_rate();
    let incoming = incoming(&slack);
    slack.refuse_next(Refusal::Answer(200, "<html>Sign in to the hotel's network</html>".into()));
    assert!(may_retry(&incoming, &parcel(Firing)).0.contains("not Slack's `ok`"));
    for (status, code, fix) in [
        (404, "no_service", "make a new one"),
        (403, "invalid_token", "make a new one"),
        (410, "channel_is_archived", "restore it"),
        (403, "action_prohibited", "administrators"),
        (400, "invalid_payload", "invalid_payload"),
    ] {
        slack.refuse_next(Refusal::Answer(status, code.into()));
        let why = refused(&incoming, &parcel(Firing));
        assert!(why.contains(code) && why.contains(fix), "{why}");
    }
    slack.refuse_next(Refusal::Answer(500, "rollup_error".into()));
    may_retry(&incoming, &parcel(Firing));
    assert_eq!(slack.messages().len(), 0);
}

#[test]
fn the_rate_is_one_message_a_second_and_the_wait_is_told() {
    let slack = Slack::start();
    for channel in [incoming(&slack), bot(&slack, "#ops")] {
        sent(&channel, &parcel(Firing));
        assert_eq!(may_retry(&channel, &parcel(Firing)).1, Some(std::time::Duration::from_secs(1)));
        assert!(channel.nature().burst == 1 && channel.nature().every >= std::time::Duration::from_secs(1));
    }
    assert_eq!(slack.messages().len(), 2);
}

#[test]
fn whatever_an_alert_holds_fits_into_the_blocks() {
    let slack = Slack::start().at_any_rate();
    let (bot, incoming) = (bot(&slack, "#ops"), incoming(&slack));
    for text in ["x", "&", "<!channel>", "🛑", "` "].map(|part| part.repeat(20_000)) {
        let hostile = parcel(Firing).with(|alert| {
            alert.message.clone_from(&text);
            alert.evidence.queries[0].text = Some(text.clone());
            alert.evidence.detail = Some(text.clone());
            alert.evidence.sessions[0].application.clone_from(&text);
        });
        sent(&bot, &hostile);
        sent(&incoming, &hostile);
    }
    sent(&bot, &digest(500));
    let messages = slack.expect(11, SOON);
    assert!(messages.iter().all(|message| !message.says().contains("<!channel>")));
}

#[test]
fn there_is_a_button_only_with_a_secret_to_verify_it() {
    let slack = Slack::start().at_any_rate();
    let settings = |secret: Option<&str>| ChannelKind::SlackBot {
        token: Slack::TOKEN.into(),
        channel: "#ops".into(),
        signing_secret: secret.map(Into::into),
        api_url: slack.api_url(),
    };
    sent(&build(settings(None)), &parcel(Firing));
    for event in [Test, Resolved, Digest, Acknowledged] {
        sent(&build(settings(Some("secret"))), &parcel(event));
    }
    assert!(slack.messages().iter().all(|message| message.button().is_none()));
}

#[test]
fn a_check_signs_in_and_tells_nobody() {
    let slack = Slack::start();
    let found = run(bot(&slack, "#ops").check());
    assert_eq!(found[0].result, Ok("isobar in Weather".into()));
    assert!(run(incoming(&slack).check())[0].result.as_ref().is_ok_and(|said| said.contains("405")));
    assert_eq!(slack.calls().len(), 0);
}
