//! Mail to a real server: every kind of protection, every kind of refusal, and what arrives.

pub(crate) mod server;

use std::{sync::Arc, time::Instant};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use isobar::{
    alert::{
        channels::{Channel, Failure, Parcel, Receipt, email::Email},
        order::{Lane, Order},
        settings::{EmailSettings, EmailTls},
    },
    model::{
        Severity,
        alert::{Alert, AlertEvent},
    },
};

use crate::support::secs;
use server::{PASSWORD, Server};

const ALERT: &str = include_str!("../golden/alerts/alert.json");

fn alert() -> Alert {
    serde_json::from_str(ALERT).expect("an alert")
}

fn parcel(event: AlertEvent, alert: Alert, to: &str) -> Parcel {
    let moment = alert.timestamp;
    let order = Order {
        lane: Lane { about: alert.id.clone(), channel: "mail".into(), recipient: Some(to.into()) },
        event,
        level: "0".into(),
        severity: Severity::Critical,
        due: moment,
        decided: moment,
        alerts: vec![Arc::new(alert)],
        notes: Vec::new(),
    };
    let key = order.key();
    Parcel { order, key, reference: None, possible_repeat: false, fired_and_recovered: false, now: moment }
}

fn wait_for<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work)
}

fn channel(settings: &EmailSettings) -> Email {
    Email::new(settings, None, None).expect("a channel")
}

fn send(settings: &EmailSettings) -> Result<Receipt, Failure> {
    wait_for(channel(settings).send(&parcel(AlertEvent::Firing, alert(), &settings.to[0])))
}

#[track_caller]
fn refused(settings: &EmailSettings, says: &str) {
    match send(settings) {
        Err(Failure::Permanent(why)) => assert!(why.contains(says) && !why.contains(PASSWORD), "{why}"),
        other => panic!("{other:?} where it should be refused for good: {says}"),
    }
}

#[track_caller]
fn later(settings: &EmailSettings, says: &str) {
    match send(settings) {
        Err(Failure::Retry { why, .. }) => assert!(why.contains(says) && !why.contains(PASSWORD), "{why}"),
        other => panic!("{other:?} where it may work later: {says}"),
    }
}

#[test]
fn mail_goes_out_protected_and_signed_in() {
    for (tls, protected) in [(EmailTls::Starttls, true), (EmailTls::Implicit, true), (EmailTls::None, false)] {
        let server = Server::start(tls);
        let receipt = send(&server.settings("ada@example.com")).expect("sent");
        assert!(receipt.answer.starts_with("250 2.0.0 Kept as 42"), "{tls:?}: {}", receipt.answer);
        let mails = server.mails();
        assert_eq!(mails.len(), 1, "{tls:?}");
        assert_eq!(mails[0]["protected"], protected, "{tls:?}");
        assert_eq!(mails[0]["user"], "isobar", "{tls:?}");
        assert_eq!(mails[0]["from"], "isobar@example.com", "{tls:?}");
        assert_eq!(mails[0]["to"], serde_json::json!(["ada@example.com"]), "{tls:?}");
    }
}

#[test]
fn a_relay_that_asks_for_no_password_gets_none() {
    let server = Server::open(EmailTls::None);
    let settings = EmailSettings { username: None, password: None, ..server.settings("ada@example.com") };
    send(&settings).expect("sent");
    assert_eq!(server.events(), "MAIL\nRCPT\n");
}

#[test]
fn without_starttls_nothing_is_said_in_the_clear() {
    let server = Server::start(EmailTls::None);
    let settings = EmailSettings { tls: EmailTls::Starttls, ..server.settings("ada@example.com") };
    refused(&settings, "no STARTTLS");
    assert_eq!((server.events(), server.mails().len()), (String::new(), 0));
}

#[test]
fn a_stranger_s_certificate_gets_neither_password_nor_mail() {
    for tls in [EmailTls::Starttls, EmailTls::Implicit] {
        let (server, other) = (Server::start(tls), Server::start(tls));
        let settings = EmailSettings { ca: other.settings("x@example.com").ca, ..server.settings("ada@example.com") };
        refused(&settings, "certificate");
        assert_eq!(server.events(), "", "{tls:?}");
    }
}

#[test]
fn a_wrong_password_is_refused_for_good_and_not_repeated() {
    let server = Server::start(EmailTls::Starttls);
    let wrong = "correct horse";
    let settings = EmailSettings { password: Some(wrong.into()), ..server.settings("ada@example.com") };
    let Err(Failure::Permanent(why)) = send(&settings) else { panic!("it was not refused for good") };
    assert!(why.starts_with("sign-in: 535") && !why.contains(wrong), "{why}");
    assert_eq!(server.mails().len(), 0);
}

#[test]
fn the_server_s_first_digit_says_whether_to_try_again() {
    let server = Server::start(EmailTls::Starttls);
    later(&server.settings("full@example.com"), "451 4.7.1 Greylisted");
    refused(&server.settings("gone@example.com"), "550 5.1.1 No such user");
    assert_eq!(server.mails().len(), 0);
}

#[test]
fn a_server_that_repeats_the_password_does_not_make_us_repeat_it() {
    let server = Server::start(EmailTls::Starttls);
    refused(&server.settings("echo@example.com"), "550 you said ***");
}

#[test]
fn a_frozen_server_is_given_up_in_time() {
    let server = Server::start(EmailTls::Starttls);
    server.freeze();
    let started = Instant::now();
    later(&server.settings("ada@example.com"), "no answer");
    assert!(started.elapsed() < secs(20), "{:?}", started.elapsed());
}

#[test]
fn a_server_that_is_gone_may_come_back() {
    let settings = Server::start(EmailTls::Starttls).settings("ada@example.com");
    let settings = EmailSettings { ca: None, ..settings };
    later(&settings, "connect: ");
}

#[test]
fn a_check_goes_up_to_the_sign_in_and_sends_nothing() {
    let server = Server::start(EmailTls::Starttls);
    let settings = server.settings("ada@example.com");
    let steps = |settings: &EmailSettings| {
        let steps = wait_for(channel(settings).check());
        steps.into_iter().map(|step| (step.what, step.result.is_ok())).collect::<Vec<_>>()
    };
    let is = |what: &str, good: bool| (what.to_owned(), good);
    assert_eq!(steps(&settings), [is("connect", true), is("tls", true), is("sign-in", true)]);
    let wrong = EmailSettings { password: Some("wrong".into()), ..settings };
    assert_eq!(steps(&wrong), [is("connect", true), is("tls", true), is("sign-in", false)]);
    assert_eq!(server.mails().len(), 0);
}

#[test]
fn an_incident_is_one_thread() {
    let server = Server::start(EmailTls::Implicit);
    let channel = channel(&server.settings("ada@example.com"));
    let mut parcel = parcel(AlertEvent::Firing, alert(), "ada@example.com");
    let first = wait_for(channel.send(&parcel)).expect("sent");
    let again = wait_for(channel.send(&parcel)).expect("sent");
    assert_eq!(first.reference, again.reference, "the same key is the same mail");
    parcel.order.event = AlertEvent::Resolved;
    parcel.key = parcel.order.key();
    parcel.reference.clone_from(&first.reference);
    let last = wait_for(channel.send(&parcel)).expect("sent");
    assert_eq!(last.reference, first.reference);
    let id = first.reference.expect("a reference");
    let mails = server.mails();
    let has = |mail: usize, line: &str| mails[mail]["content"].as_str().expect("text").contains(&format!("\r\n{line}\r\n"));
    assert!(has(0, &format!("Message-ID: {id}")) && !has(0, &format!("References: {id}")));
    assert!(
        has(2, &format!("References: {id}")) && has(2, &format!("In-Reply-To: {id}")) && !has(2, &format!("Message-ID: {id}"))
    );
}

#[test]
fn the_picture_arrives_as_it_was_drawn() {
    let server = Server::start(EmailTls::Starttls);
    send(&server.settings("ada@example.com")).expect("sent");
    let mail = server.mails().remove(0);
    let content = mail["content"].as_str().expect("text");
    let part = content.split("Content-Type: image/png").nth(1).expect("a picture");
    let encoded: String =
        part.split("\r\n\r\n").nth(1).expect("its body").split("\r\n--").next().expect("an end").split_whitespace().collect();
    let picture = tiny_skia::Pixmap::decode_png(&STANDARD.decode(encoded).expect("base64")).expect("a PNG");
    assert_eq!((picture.width(), picture.height()), (480, 120));
    assert!(content.contains("multipart/alternative") && content.contains("multipart/related"), "{content}");
    assert!(content.contains("Content-ID: <chart@isobar>") && content.contains("cid:chart@isobar"), "{content}");
}

#[test]
fn a_name_with_line_breaks_makes_no_header_and_no_recipient() {
    let server = Server::start(EmailTls::Starttls);
    let evil = Alert { target: Some("x\r\nBcc: eve@example.com\r\n\r\n.\r\nRCPT TO:<eve@example.com>".into()), ..alert() };
    let settings = server.settings("ada@example.com");
    wait_for(channel(&settings).send(&parcel(AlertEvent::Firing, evil, "ada@example.com"))).expect("sent");
    let mails = server.mails();
    assert_eq!((mails.len(), &mails[0]["to"]), (1, &serde_json::json!(["ada@example.com"])));
    assert!(!mails[0]["content"].as_str().expect("text").contains("\r\nBcc:"));
    assert_eq!(server.events(), "AUTH PLAIN\nMAIL\nRCPT\n");
}

#[test]
fn what_cannot_work_is_refused_before_anything_is_sent() {
    let good = || EmailSettings { ca: None, ..Server::open(EmailTls::None).settings("ada@example.com") };
    let table = [
        (EmailSettings { from: "nobody".into(), ..good() }, "from `nobody` is no address"),
        (EmailSettings { to: vec!["ada@".into()], ..good() }, "to `ada@` is no address"),
        (EmailSettings { password: None, ..good() }, "belong together"),
        (EmailSettings { host: "mail.example.com".into(), ..good() }, "in the clear"),
        (EmailSettings { tls: EmailTls::Starttls, ca: Some("/nowhere.pem".into()), ..good() }, "ca /nowhere.pem: "),
        (EmailSettings { tls: EmailTls::Starttls, ca: Some("Cargo.toml".into()), ..good() }, "no certificate"),
    ];
    for (settings, expected) in table {
        let refusal = Email::new(&settings, None, None).map(drop).expect_err(expected);
        assert!(refusal.contains(expected) && !refusal.contains(PASSWORD), "{refusal}");
    }
    let refusal = Email::new(&good(), Some("{{ titel }}".into()), None).map(drop).expect_err("a template");
    assert!(refusal.starts_with("title: line 1: "), "{refusal}");
}
