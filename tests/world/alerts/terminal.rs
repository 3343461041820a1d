//! `isobar alerts` against a node that runs, and a channel of each kind.

use isobar::alert::settings::EmailTls;

use super::{House, QUICK, bot, hook, receiver, server};
use crate::{
    doubles::{Alertmanager, Heartbeat, Pagerduty, Qstash, Refusal, Slack},
    email::server as mail,
    support::secs,
};

/// Runs it; it must end so and say all of this.
#[track_caller]
fn says(house: &House, arguments: &[&str], code: i32, wanted: &[&str]) -> String {
    let (ended, out, complaints) = house.terminal(arguments);
    let said = format!("{out}{complaints}");
    assert_eq!(ended, code, "isobar alerts {arguments:?}: {said}");
    for wanted in wanted {
        assert!(said.contains(wanted), "isobar alerts {arguments:?} does not say {wanted}: {said}");
    }
    said
}

#[test]
fn the_terminal_lists_shows_takes_holds_back_explains_and_tests_every_kind_of_channel() {
    let (slack, receiver, post, queue) = (Slack::start(), receiver(), mail::Server::start(EmailTls::Starttls), Qstash::start());
    let (duty, manager, pulse) = (Pagerduty::start(), Alertmanager::start(Some(Alertmanager::TOKEN)), Heartbeat::start());
    let end = super::receiver();
    let settings = post.settings("ada@example.com");
    let more = format!(
        "headers = {{ x-key = \"receiver-header-secret\" }}\n\
         [[channel]]\nname = \"incoming\"\nkind = \"slack\"\nwebhook_url = \"{}\"\n\
         [[channel]]\nname = \"post\"\nkind = \"email\"\nhost = \"localhost\"\nport = {}\nca = \"{}\"\nusername = \"isobar\"\n\
         password = \"{}\"\nfrom = \"isobar@example.com\"\nto = [\"ada@example.com\"]\n\
         [[channel]]\nname = \"queue\"\nkind = \"qstash\"\nbase_url = \"{}\"\ntoken = \"{}\"\nurl = \"{}\"\nsecret = \"{}\"\n\
         callback_url = \"http://127.0.0.1:9/api/qstash/callback\"\ncurrent_signing_key = \"{}\"\nnext_signing_key = \"{}\"\n\
         [[channel]]\nname = \"duty\"\nkind = \"pagerduty\"\nevents_url = \"{}\"\nrouting_key = \"{}\"\n\
         [[channel]]\nname = \"manager\"\nkind = \"alertmanager\"\nurls = [\"{}\"]\ntoken = \"{}\"\n",
        slack.webhook_url(),
        settings.port,
        settings.ca.expect("an authority").display(),
        mail::PASSWORD,
        queue.base_url(),
        Qstash::TOKEN,
        end.url(),
        crate::doubles::Receiver::SECRET,
        Qstash::CURRENT_KEY,
        Qstash::NEXT_KEY,
        duty.events_url(),
        Pagerduty::ROUTING_KEY,
        manager.url(),
        Alertmanager::TOKEN,
    );
    let beat = format!("heartbeat_url = \"{}\"\nheartbeat_every = \"10s\"\n", pulse.url());
    let global = [QUICK, &beat, &bot("ops", &slack, Slack::TOKEN, "#ops"), &hook("hook", &receiver), &more].concat();
    let server = server(&["shop"]);
    let house = House::at_level("trace", &global, &[("shop", &server.url("shop"), "")]);
    let channels = ["ops", "hook", "incoming", "post", "queue", "duty", "manager"];

    says(&house, &["channels"], 0, &channels);
    says(&house, &["list"], 0, &["no such alerts"]);
    for channel in channels {
        says(&house, &["test", channel], 0, &[&format!("{channel} took it: ")]);
    }
    assert_eq!(receiver.messages().iter().map(|message| message.event.as_str()).collect::<Vec<_>>(), ["test"]);
    assert_eq!(slack.messages().len(), 2, "one by the bot, one by the webhook");
    assert!(slack.messages().iter().all(|message| message.says().contains("TEST from Isobar")), "{:#?}", slack.messages());
    assert!(post.mails()[0]["content"].as_str().expect("text").contains("TEST from Isobar"));
    assert_eq!(end.expect(1, secs(5))[0].event, "test", "what QStash delivers is signed for its destination");
    assert_eq!([post.mails().len(), queue.messages().len()], [1, 1]);
    receiver.refuse_next(Refusal::Status(403, None));
    says(&house, &["test", "hook"], 1, &["403"]);
    says(&house, &["test", "hok"], 1, &["no channel `hok`", "hook"]);

    server.kill();
    let alert = house.expect_alert("database_down", "shop", "told to all", |alert| {
        let deliveries = alert["deliveries"].as_array().map(Vec::as_slice).unwrap_or_default();
        let sent = |channel: &&str| deliveries.iter().any(|it| it["channel"] == **channel && it["state"] == "sent");
        channels.iter().all(sent)
    });
    let id = alert["id"].as_str().expect("an id");
    says(&house, &["list"], 0, &[id, "firing", "critical", "database_down", "eu/shop", "hook"]);
    says(&house, &["list", "--rule", "pool_waiting"], 0, &["no such alerts"]);
    says(&house, &["show", &id[..8]], 0, &["database_down on eu/shop: critical, firing", id, "The database is down"]);
    says(&house, &["ack", &id[..8], "--by", "ada", "--note", "failing over"], 0, &["database_down on eu/shop is taken by ada"]);
    says(&house, &["show", id], 0, &["critical, acknowledged", "ada", "failing over"]);
    says(
        &house,
        &["explain", id],
        0,
        &["breached", "firing", "told", "sent", "acknowledged", "ada has taken it", "ANSWER", "204"],
    );
    says(&house, &["ack", "nonsense", "--by", "ada"], 1, &["no alert has an ID that begins with \"nonsense\""]);
    let said =
        says(&house, &["silence", "--target", "sh*", "--for", "1h", "--by", "ada", "--reason", "a move"], 0, &["target=sh*"]);
    let silence = said.split_whitespace().nth(1).expect("its id").to_owned();
    says(&house, &["silences"], 0, &[&silence, "by API", "active", "ada: a move"]);
    says(&house, &["unsilence", &silence], 0, &[&format!("silence {silence} has ended")]);
    says(&house, &["unsilence", &silence], 1, &["no silence"]);
    says(&house, &["silences"], 0, &["nothing is silenced"]);

    server.restart().expect("a restart");
    house.expect_quiet();
    says(&house, &["list"], 0, &["no such alerts"]);
    says(&house, &["list", "--all"], 0, &[id, "resolved"]);
    let incidents = duty.incidents();
    let about: Vec<_> = incidents.iter().filter(|incident| incident.summary.contains("database_down")).collect();
    assert_eq!((about.len(), about[0].state), (1, "resolved"), "{incidents:#?}");
    let firing = manager.firing(chrono::Utc::now());
    assert!(!firing.iter().any(|alert| alert.labels["alertname"] == "database_down"), "{firing:#?}");
    assert!(manager.messages().iter().any(|alert| alert.labels["alertname"] == "database_down"));
    pulse.expect(pulse.beats().len().max(1), secs(15));
    house.assert_no_secret();
}
