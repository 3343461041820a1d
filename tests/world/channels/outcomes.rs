//! What an answer over HTTP means, the same for every channel.

use std::{collections::BTreeMap, time::Duration};

use chrono::TimeDelta;
use isobar::{
    alert::{
        channels::{Failure, Shared},
        settings::ChannelKind,
    },
    model::alert::AlertEvent::Firing,
};

use super::fixture::{build, in_doubt, may_retry, parcel, refused, send};
use crate::doubles::{Receiver, Refusal};

fn webhook(receiver: &Receiver) -> Shared {
    build(ChannelKind::Webhook { url: receiver.url().into(), secret: None, headers: BTreeMap::new() })
}

#[test]
fn what_may_work_later_is_told_from_what_never_will() {
    let receiver = Receiver::start(None);
    let webhook = webhook(&receiver);
    for status in [408, 425, 429, 500, 502, 503, 504, 599] {
        receiver.refuse_next(Refusal::Status(status, None));
        let (why, after) = may_retry(&webhook, &parcel(Firing));
        assert!(why.starts_with(&status.to_string()) && after.is_none(), "{why}");
    }
    for status in [301, 302, 307, 308, 400, 401, 403, 404, 405, 413, 422, 489] {
        receiver.refuse_next(Refusal::Status(status, None));
        assert!(refused(&webhook, &parcel(Firing)).starts_with(&status.to_string()));
    }
    receiver.refuse_next(Refusal::Status(410, None));
    assert_eq!(refused(&webhook, &parcel(Firing)), "the receiver said 410 Gone: disabled");
    assert_eq!(receiver.messages().len(), 0);
}

#[test]
fn a_redirect_is_not_followed() {
    let (receiver, other) = (Receiver::start(None), Receiver::start(None));
    receiver.refuse_next(Refusal::With(307, vec![("Location", other.url())]));
    assert!(refused(&webhook(&receiver), &parcel(Firing)).contains("redirects are not followed"));
    assert_eq!(other.messages().len(), 0);
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let receiver = Receiver::start(None);
    let webhook = webhook(&receiver);
    let parcel = parcel(Firing);
    let date = (parcel.now.0 + TimeDelta::seconds(90)).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let past = "Wed, 21 Oct 2015 07:28:00 GMT".to_owned();
    for (value, least, most) in [
        ("30".to_owned(), Some(30_000), 30_000),
        ("0".to_owned(), Some(0), 0),
        (date, Some(88_000), 90_000),
        (past, Some(0), 0),
        ("soon".to_owned(), None, 0),
        ("-5".to_owned(), None, 0),
        ("1e300".to_owned(), None, 0),
    ] {
        receiver.refuse_next(Refusal::With(429, vec![("Retry-After", value.clone())]));
        let (_, after) = may_retry(&webhook, &parcel);
        match least {
            None => assert_eq!(after, None, "{value}"),
            Some(least) => {
                let range = Duration::from_millis(least)..=Duration::from_millis(most);
                assert!(after.is_some_and(|after| range.contains(&after)), "{value}: {after:?}");
            }
        }
    }
}

#[test]
fn a_connection_that_breaks_leaves_doubt_and_one_that_is_not_made_may_work_later() {
    let receiver = Receiver::start(None);
    receiver.refuse_next(Refusal::Cut);
    let why = in_doubt(&webhook(&receiver), &parcel(Firing));
    assert!(why.starts_with("the connection broke"), "{why}");
    let gone = webhook(&Receiver::start(None)); // dropped, and with it its port
    let refused = std::iter::repeat_with(|| send(&gone, &parcel(Firing))).take(50);
    let why = refused.into_iter().find_map(|result| match result {
        Err(Failure::Retry { why, .. }) if why.contains("refused") => Some(why),
        _ => None,
    });
    assert!(why.is_some_and(|why| why.starts_with("no connection: ")));
}

#[test]
fn no_answer_is_waited_for_for_fifteen_seconds_and_no_longer() {
    let receiver = Receiver::start(None);
    receiver.refuse_next(Refusal::Hang);
    let started = std::time::Instant::now();
    let why = in_doubt(&webhook(&receiver), &parcel(Firing));
    assert_eq!(why, "no answer within 15 s");
    assert!((14..20).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
}

#[test]
fn a_long_answer_is_quoted_shortly_on_one_line() {
    let receiver = Receiver::start(None);
    receiver.refuse_next(Refusal::Answer(400, format!("<html>\r\n\t{}\u{1b}[31m{}", "é".repeat(5_000), "x".repeat(5_000_000))));
    let why = refused(&webhook(&receiver), &parcel(Firing));
    assert!(why.chars().count() < 220 && !why.chars().any(char::is_control) && why.ends_with('…'), "{why}");
}
