//! No text of a channel holds a secret, whatever its provider answers: some echo what they were sent.

use std::collections::BTreeMap;

use isobar::{
    alert::settings::ChannelKind,
    model::alert::AlertEvent::{Firing, Resolved},
};

use super::fixture::{build, parcel, run, send};
use crate::doubles::{Alertmanager, Pagerduty, Qstash, Receiver, Refusal, Slack};

/// A channel, all that it must not say, and how to make its provider answer something.
type Case<'a> = (&'a str, ChannelKind, Vec<String>, Box<dyn Fn(Refusal) + 'a>);

#[test]
fn no_answer_brings_a_secret_to_light() {
    let (slack, receiver, qstash) = (Slack::start().at_any_rate(), Receiver::start(None), Qstash::start());
    let (pagerduty, alertmanager) = (Pagerduty::start(), Alertmanager::start(Some(Alertmanager::TOKEN)));
    let text = str::to_owned;
    let pieces = ["receiver-path-secret", "receiver-query-secret"].map(text);
    let bearer = "Bearer header-secret-value";
    let cases: Vec<Case<'_>> = vec![
        (
            "slack webhook",
            ChannelKind::SlackWebhook { url: slack.webhook_url().into() },
            vec![slack.webhook_url(), text("hook-secret-24-characters"), text("/services/T0ISOBAR/B0HOOK")],
            Box::new(|refusal| slack.refuse_next(refusal)),
        ),
        (
            "slack bot",
            ChannelKind::SlackBot {
                token: Slack::TOKEN.into(),
                channel: "#ops".into(),
                signing_secret: Some(Slack::SIGNING_SECRET.into()),
                api_url: slack.api_url(),
            },
            vec![text(Slack::TOKEN)],
            Box::new(|refusal| slack.refuse_next(refusal)),
        ),
        (
            "webhook",
            ChannelKind::Webhook {
                url: receiver.url().into(),
                secret: Some(Receiver::SECRET.into()),
                headers: BTreeMap::from([("Authorization".to_owned(), bearer.into())]),
            },
            [vec![receiver.url(), text(Receiver::SECRET), text("header-secret-value")], pieces.to_vec()].concat(),
            Box::new(|refusal| receiver.refuse_next(refusal)),
        ),
        (
            "qstash",
            ChannelKind::Qstash {
                base_url: qstash.base_url(),
                token: Qstash::TOKEN.into(),
                destination: receiver.url().into(),
                secret: Some(Receiver::SECRET.into()),
                retries: 0,
                retry_delay: String::new(),
                callback_url: None,
                current_signing_key: None,
                next_signing_key: None,
            },
            [vec![receiver.url(), text(Receiver::SECRET), text(Qstash::TOKEN)], pieces.to_vec()].concat(),
            Box::new(|refusal| qstash.refuse_next(refusal)),
        ),
        (
            "pagerduty",
            ChannelKind::Pagerduty { routing_key: Pagerduty::ROUTING_KEY.into(), events_url: pagerduty.events_url() },
            vec![text(Pagerduty::ROUTING_KEY)],
            Box::new(|refusal| pagerduty.refuse_next(refusal)),
        ),
        (
            "alertmanager",
            ChannelKind::Alertmanager {
                urls: vec![alertmanager.url().into()],
                token: Some(Alertmanager::TOKEN.into()),
                labels: BTreeMap::new(),
            },
            vec![alertmanager.url(), text(Alertmanager::TOKEN), text("am-path-prefix-secret")],
            Box::new(|refusal| alertmanager.refuse_next(refusal)),
        ),
    ];
    for (name, kind, secrets, refuse) in cases {
        let channel = build(kind);
        let mut texts = Vec::new();
        for secret in &secrets {
            let echoes = [
                format!("you sent {secret} twice: {secret}{secret}"),
                format!("{{\"ok\":false,\"error\":\"{secret}\",\"messageId\":\"{secret}\"}}"),
                format!("{{\"error\":\"{}\"}}", secret.replace('/', "\\/")),
                format!("{}{secret}", "x".repeat(185)),           // where the quote is cut
                format!("{}{secret}", " ".repeat(8 * 1024 - 10)), // where the reading is cut
            ];
            for (status, echo) in
                [200, 302, 400, 404, 429, 500].into_iter().flat_map(|status| echoes.iter().map(move |echo| (status, echo)))
            {
                refuse(Refusal::Answer(status, echo.clone()));
                texts.push(format!("{:?}", send(&channel, &parcel(Firing))));
            }
        }
        refuse(Refusal::Cut);
        texts.push(format!("{:?}", send(&channel, &parcel(Resolved))));
        texts.push(format!("{:?}", run(channel.check())));
        for said in &texts {
            for secret in &secrets {
                let half = &secret[..secret.len().min(10)];
                let is_public = half.starts_with("http") || half.starts_with("/services");
                assert!(!said.contains(secret.as_str()) && (is_public || !said.contains(half)), "{name}: {said}");
            }
        }
    }
}

#[test]
fn an_address_that_nobody_answers_at_stays_secret_too() {
    for host in ["127.0.0.1:1", "host.invalid"] {
        let url = format!("https://user:userinfo-secret@{host}/path-secret-abc?query-secret-abc");
        let channel = build(ChannelKind::Webhook { url: url.into(), secret: None, headers: BTreeMap::new() });
        let said = format!("{:?} {:?}", send(&channel, &parcel(Firing)), run(channel.check()));
        assert!(!said.contains("secret"), "{said}");
    }
}
