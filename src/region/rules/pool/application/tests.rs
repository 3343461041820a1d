use std::sync::Arc;

use super::{super::saturated, *};
use crate::{
    model::activity::{Activity, Server},
    region::seen::Signal,
};

/// A pool in which so many requests wait, each for so long, and of whose 10 connections so many are in use.
fn pool(pending: u32, wait_ms: Option<f64>, used: u32) -> ApplicationPool {
    let pool = r#"{"service":"checkout","instance":"i-1","pool":"main","toldAt":"2026-11-23T08:46:00.123Z","used":0,"idle":null,"max":10,
        "pending":null,"timeouts":null,"meanWaitMs":null,"meanUseMs":null}"#;
    let pool: ApplicationPool = serde_json::from_str(pool).unwrap();
    ApplicationPool { used: Some(used), pending: Some(pending), mean_wait_ms: wait_ms, ..pool }
}

fn sees(backends: u32, pools: Vec<ApplicationPool>) -> Seen {
    let server = Server { client_backends: backends, max_connections: 103, reserved_connections: 3, ..Server::default() };
    let activity = Signal::Fresh(Arc::new(Activity { server, ..Activity::default() }));
    Seen { activity, had_sight: true, applications: Signal::Fresh(pools), ..Seen::default() }
}

/// The whole rule, of which the applications' pools are a part.
fn pool_waiting(seen: &Seen, limits: &Thresholds) -> Finding {
    super::super::waiting(seen, limits)
}

fn word(finding: &Finding) -> &'static str {
    match finding {
        Finding::Unseen => "unseen",
        Finding::Clear => "clear",
        Finding::Between(_) => "between",
        Finding::Breach(breach) if breach.critical => "critical",
        Finding::Breach(_) => "breach",
    }
}

#[test]
fn who_waits_long_inside_an_application_is_waiting() {
    let limits = Thresholds::default();
    for (pending, wait, expected) in [
        (0, Some(9_000.0), "clear"),
        (3, None, "clear"),
        (3, Some(100.0), "clear"),
        (3, Some(300.0), "between"),
        (3, Some(600.0), "breach"),
        (3, Some(6_000.0), "critical"),
    ] {
        let found = pool_waiting(&sees(10, vec![pool(0, None, 1), pool(pending, wait, 10)]), &limits);
        assert_eq!(word(&found), expected, "{pending} {wait:?}");
    }
    let Finding::Breach(breach) = pool_waiting(&sees(10, vec![pool(3, Some(1_500.0), 10)]), &limits) else { panic!() };
    let says = "3 requests wait for a connection from the pool main of application checkout at i-1, a wait takes 1.5 s; 10 of 10 connections in use.";
    assert_eq!(breach.message, says);
    assert_eq!((breach.evidence.pooler.as_deref(), breach.value), (Some("checkout main"), Some(1_500.0)));
}

/// As node-postgres tells: no maximum, no waits. A queue has been seen for so long, if over more than one telling.
fn mute(pending: u32, queued_ms: Option<f64>, used: u32, peak: u32) -> ApplicationPool {
    ApplicationPool { max: None, peak: Some(peak), idle: Some(0), queued_ms, ..pool(pending, None, used) }
}

#[test]
fn a_queue_of_a_pool_that_tells_no_waits_is_waiting_but_nobody_knows_how_bad() {
    let limits = Thresholds::default();
    for (pending, queued, expected) in [
        (0, None, "clear"),
        (400, None, "clear"),
        (400, Some(300.0), "between"),
        (400, Some(600.0), "breach"),
        (400, Some(600_000.0), "breach"),
    ] {
        let found = pool_waiting(&sees(10, vec![mute(pending, queued, 10, 10)]), &limits);
        assert_eq!(word(&found), expected, "{pending} {queued:?}");
    }
    let served = ApplicationPool { mean_wait_ms: Some(5.0), ..mute(3, Some(60_000.0), 10, 10) };
    assert_eq!(word(&pool_waiting(&sees(10, vec![served]), &limits)), "clear", "what is known of waits comes first");
    let Finding::Breach(breach) = pool_waiting(&sees(10, vec![mute(400, Some(60_000.0), 10, 10)]), &limits) else { panic!() };
    let says = "400 requests wait for a connection from the pool main of application checkout at i-1; each time it told in the last 60.0 s some did, \
                and none was free; 10 connections in use.";
    assert_eq!((breach.message.as_str(), breach.threshold), (says, Some(limits.pool_wait_ms)));
}

#[test]
fn a_pool_that_tells_no_maximum_is_full_only_while_requests_queue() {
    let limits = Thresholds::default();
    for (queued, used, expected) in
        [(None, 10, "clear"), (Some(60_000.0), 2, "clear"), (Some(60_000.0), 9, "breach"), (Some(60_000.0), 10, "critical")]
    {
        assert_eq!(word(&saturated(&sees(10, vec![mute(4, queued, used, 10)]), &limits)), expected, "{queued:?} {used}");
    }
    let Finding::Breach(breach) = saturated(&sees(10, vec![mute(4, Some(1_000.0), 9, 10)]), &limits) else { panic!() };
    let says = "The pool main of application checkout at i-1 is 90% full: 9 of 10 connections in use, the most it was seen with.";
    assert_eq!(breach.message, says);
}

#[test]
fn a_server_in_question_is_the_cause_of_waiting() {
    let seen = Seen { in_question: true, ..sees(10, vec![pool(3, Some(6_000.0), 10)]) };
    assert_eq!(word(&pool_waiting(&seen, &Thresholds::default())), "unseen");
    let nobody_tells = Seen { in_question: true, applications: Signal::Absent, ..seen };
    assert_eq!(word(&pool_waiting(&nobody_tells, &Thresholds::default())), "clear");
}

#[test]
fn a_full_pool_of_an_application_is_told_when_nothing_else_is_full() {
    let limits = Thresholds::default();
    for (used, expected) in [(5, "clear"), (7, "between"), (9, "breach"), (10, "critical")] {
        assert_eq!(word(&saturated(&sees(10, vec![pool(0, None, used)]), &limits)), expected, "{used}");
    }
    let Finding::Breach(breach) = saturated(&sees(10, vec![pool(0, None, 9)]), &limits) else { panic!() };
    assert_eq!(breach.message, "The pool main of application checkout at i-1 is 90% full: 9 of 10 connections in use.");
    let Finding::Breach(breach) = saturated(&sees(85, vec![pool(0, None, 10)]), &limits) else { panic!() };
    assert!(breach.message.starts_with("The server is 85% full") && !breach.critical, "{}", breach.message);
}
