//! One incident from its first message to its last, as each channel shows it.

use std::time::{SystemTime, UNIX_EPOCH};

use isobar::alert::settings::EmailTls;

use super::{House, QUICK, SOON, bot, hook, receiver, server, told};
use crate::{
    doubles::{Message, Slack},
    email::server as mail,
    support::until,
};

/// Somebody presses the button; the status of the answer.
fn press(house: &House, button: &str, forge: impl Fn(String) -> String) -> u16 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs().cast_signed();
    let (headers, body) = Slack::press(button, "ada", now);
    let request = headers.into_iter().fold(house.node().request("POST", "/api/slack/actions"), |request, (name, value)| {
        request.header(name.clone(), if name == "x-slack-signature" { forge(value) } else { value })
    });
    request.body(body).send().expect("an answer").status().as_u16()
}

#[track_caller]
fn expect_message(slack: &Slack, what: &str) -> Message {
    let look = || {
        let messages = slack.messages();
        let own: Vec<_> = messages.iter().filter(|message| message.thread.is_none()).collect();
        assert!(own.len() < 2, "one incident is one message: {messages:#?}");
        own.first()
            .filter(|message| message.says().contains(what))
            .map(|it| (*it).clone())
            .ok_or_else(|| format!("{messages:#?}"))
    };
    until(&format!("a message that says {what}"), SOON, look).0
}

#[test]
fn one_incident_is_one_slack_message_one_webhook_per_event_and_one_mail_thread() {
    let (slack, receiver, post) = (Slack::start(), receiver(), mail::Server::start(EmailTls::Starttls));
    let settings = post.settings("ada@example.com");
    let email = format!(
        "[[channel]]\nname = \"post\"\nkind = \"email\"\nhost = \"localhost\"\nport = {}\nca = \"{}\"\nusername = \"isobar\"\n\
         password = \"{}\"\nfrom = \"Isobar <isobar@example.com>\"\nto = [\"ada@example.com\"]\n",
        settings.port,
        settings.ca.expect("an authority").display(),
        mail::PASSWORD
    );
    let global = [QUICK, &bot("ops", &slack, Slack::TOKEN, "#ops"), &hook("hook", &receiver), &email].concat();
    let server = server(&["shop"]);
    let house = House::open(&global, &[("shop", &server.url("shop"), "")]);

    server.kill();
    let firing = expect_message(&slack, "FIRING critical");
    assert!(firing.says().contains("database_down on eu/shop"), "{}", firing.says());
    assert_eq!(firing.channel, "C0OPS");
    let alert = house.expect_state("database_down", "shop", "firing");
    assert_eq!(firing.button().as_deref(), alert["id"].as_str(), "the button leads to the incident");

    assert_eq!(press(&house, alert["id"].as_str().expect("an id"), |right| format!("{right}0")), 403);
    assert_eq!(press(&house, alert["id"].as_str().expect("an id"), |_| String::new()), 403);
    assert_eq!(house.alert("database_down", "shop")["state"], "firing", "a forged call changes nothing");

    assert_eq!(press(&house, firing.button().as_deref().expect("a button"), |right| right), 200);
    let taken = expect_message(&slack, "ACKNOWLEDGED by ada (Slack)");
    assert_eq!((&taken.ts, taken.button()), (&firing.ts, None), "the same message, without its button");
    assert_eq!(house.expect_state("database_down", "shop", "acknowledged")["acknowledgedBy"], "ada (Slack)");

    server.restart().expect("a restart");
    let over = expect_message(&slack, "RESOLVED");
    assert_eq!(over.ts, firing.ts);
    house.expect_quiet();

    let events = ["firing", "acknowledged", "resolved"];
    assert_eq!(told(&receiver), events.map(|event| format!("{event} database_down shop")));
    let replies: Vec<_> = slack.messages().into_iter().filter(|message| message.thread.is_some()).collect();
    assert_eq!(replies.len(), 1, "its end alone makes a sound: {replies:#?}");
    assert_eq!(replies[0].thread.as_ref(), Some(&firing.ts));
    let mails = post.mails();
    let content = |mail: usize| mails[mail]["content"].as_str().expect("text");
    assert_eq!(mails.len(), 3, "{mails:#?}");
    assert!(content(0).contains("FIRING critical") && content(2).contains("RESOLVED"), "{mails:#?}");
    assert!(content(1).contains("\r\nReferences: ") && content(2).contains("\r\nReferences: "), "one thread: {mails:#?}");

    let alert = house.alert("database_down", "shop");
    let deliveries = alert["deliveries"].as_array().expect("deliveries");
    for channel in ["ops", "hook", "post"] {
        let sent: Vec<_> = deliveries.iter().filter(|it| it["channel"] == channel && it["event"] != "update").collect();
        assert_eq!(sent.iter().map(|it| it["event"].as_str().unwrap_or("-")).collect::<Vec<_>>(), events, "{channel}: {sent:?}");
        assert!(sent.iter().all(|it| it["state"] == "sent" && it["sentAt"].is_string()), "{sent:?}");
    }
    house.assert_steps(
        &alert["id"],
        &["breached", "firing", "told", "sent", "acknowledged", "sent", "recovering", "resolved", "told", "sent"],
    );
    assert_eq!(house.alerts().iter().filter(|alert| alert["rule"] == "database_down").count(), 1);
    house.assert_no_secret();
}
