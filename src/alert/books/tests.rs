use super::*;
use crate::{
    alert::outbox::tests::{alert, at},
    model::alert::{AlertEvent, AlertState, Delivery},
};

fn region(name: &str) -> RegionName {
    name.into()
}

fn after(seconds: i64) -> Timestamp {
    at(seconds * 1_000).steady
}

fn with(id: &str, change: impl FnOnce(&mut Alert)) -> Arc<Alert> {
    let mut alert = Alert::clone(&alert(id));
    change(&mut alert);
    Arc::new(alert)
}

fn news(of: &str, event: &str, alerts: &[Arc<Alert>]) -> AlertNews {
    let item = |alert: &Arc<Alert>| NewsItem { event: event.into(), alert: Arc::clone(alert), steps: Arc::default() };
    AlertNews { region: Some(region(of)), items: alerts.iter().map(item).collect(), silences: None }
}

fn told(state: DeliveryState) -> Delivery {
    Delivery {
        key: "k".into(),
        channel: "hook".into(),
        recipient: None,
        event: AlertEvent::Firing,
        state,
        queued_at: after(0),
        sent_at: None,
        attempts: 1,
        answer: None,
        in_digest: false,
        possible_repeat: false,
    }
}

fn ids(books: &Books) -> Vec<String> {
    books.whole().alerts.iter().map(|alert| alert.id.clone()).collect()
}

#[test]
fn what_nobody_says_again_is_let_go_and_what_is_over_is_shown_for_a_day() {
    let mut books = Books::default();
    let over = with("over", |alert| {
        (alert.resolved, alert.state, alert.resolved_at) = (true, AlertState::Resolved, Some(after(0)));
    });
    books.hear(news("us", "", &[alert("a"), alert("b"), over]), after(0));
    books.hear(news("us", "", &[alert("a")]), after(50));
    assert!(!books.forget(after(59)));
    assert!(books.forget(after(61)), "b");
    assert_eq!(ids(&books), ["a", "over"]);
    assert!(books.forget(after(111)));
    assert_eq!(ids(&books), ["over"]);
    assert_eq!(books.region_of("over"), Some(region("us")));
    assert!(books.forget(after(24 * 60 * 60)));
    assert!(ids(&books).is_empty());
}

#[test]
fn what_ended_before_anybody_was_told_is_gone_at_once() {
    let mut books = Books::default();
    books.hear(news("us", "pending", &[alert("a")]), after(0));
    books.hear(news("us", "withdrawn", &[alert("a")]), after(1));
    assert!(ids(&books).is_empty());
}

#[test]
fn who_leads_no_longer_shows_what_it_knew_until_the_next_one_speaks() {
    let mut books = Books::default();
    let book = AlertBook { alerts: vec![alert("a")], ..AlertBook::default() };
    books.keep(&region("eu"), book, true, after(0));
    books.hear(news("eu", "", &[alert("stranger")]), after(1));
    assert_eq!(ids(&books), ["a"], "nobody else speaks for what this node leads");
    books.keep(&region("eu"), AlertBook::default(), false, after(2));
    assert_eq!(ids(&books), ["a"]);
    books.hear(news("eu", "", &[alert("b")]), after(3));
    assert_eq!(ids(&books), ["a", "b"]);
    books.forget(after(62));
    assert_eq!(ids(&books), ["b"]);
}

#[test]
fn an_alert_that_two_regions_have_is_shown_as_the_one_has_it_that_tells_it() {
    let mut books = Books::default();
    let teller = with("a", |alert| alert.deliveries = vec![told(DeliveryState::Sent)]);
    books.hear(news("ap", "", &[with("a", |alert| alert.suppressed_by = Some("region/us".into()))]), after(0));
    books.hear(news("us", "", &[teller]), after(0));
    let whole = books.whole();
    assert_eq!((whole.alerts.len(), whole.alerts[0].deliveries.len()), (1, 1));
}

#[test]
fn what_a_region_told_of_another_stays_with_it_while_it_is_seen() {
    let mut books = Books::default();
    let dark = |id: &str, state: Option<DeliveryState>| {
        with(id, |alert| {
            (alert.target, alert.fingerprint) = (None, id.to_owned());
            alert.deliveries = state.map(told).into_iter().collect();
        })
    };
    let said = [dark("told", Some(DeliveryState::Queued)), dark("failed", Some(DeliveryState::Failed)), dark("untold", None)];
    books.hear(news("us", "", &said), after(0));
    let of = |home: &str, seen: bool| books.told_elsewhere(&region(home), |_| seen).into_iter().collect::<Vec<_>>();
    assert_eq!(of("eu", true), ["told"]);
    assert!(of("us", true).is_empty(), "it is its own");
    assert!(of("eu", false).is_empty(), "who is gone does not tell the end");
}

#[test]
fn a_region_says_by_its_news_that_it_cannot_see_another_one_until_that_is_over() {
    let mut books = Books::default();
    let dark = |resolved: bool| {
        with("d", |alert| {
            (alert.target, alert.rule, alert.resolved) = (None, Rule::RegionBlind, resolved);
            alert.suppressed_by = Some("region/ap".into());
        })
    };
    let of = |books: &Books, home: &str, seen: bool| {
        books.blind_from(&region(home), |_| seen).into_values().flatten().collect::<Vec<RegionName>>()
    };
    books.hear(news("us", "firing", &[dark(false), alert("a target's")]), after(0));
    assert_eq!(of(&books, "eu", true), [region("us")]);
    assert!(of(&books, "us", true).is_empty(), "it is its own");
    assert!(of(&books, "eu", false).is_empty(), "who is not seen says nothing");
    books.hear(news("us", "resolved", &[dark(true)]), after(1));
    assert!(of(&books, "eu", true).is_empty(), "it sees it again");
}
