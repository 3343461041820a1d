use super::super::*;
use crate::{
    clock,
    model::{
        Outcome, Phases, Rule, Sample, TargetId,
        reading::{Attempt, Path, ProbeKind},
        sample::{Pooler, PoolerKind},
    },
    probe::{
        PoolerSettings,
        conninfo::ConnInfo,
        scrape::{Kind, Source},
    },
};

fn url(database: &str) -> ConnInfo {
    ConnInfo::parse(&format!("postgres://isobar@127.0.0.1:6432/{database}")).unwrap()
}

fn target(poolers: Vec<PoolerSettings>) -> Joined {
    let settings = TargetSettings {
        id: TargetId::new("local", "shop"),
        url: url("shop"),
        critical: false,
        vantages: Vec::new(),
        supabase: None,
        machine: None,
        poolers,
        slow_query_ms: 1000.0,
        listed: false,
    };
    Joined::new(&settings, &Thresholds::default(), &Sampling::default())
}

fn reading(at: Instant, wall: Timestamp, body: Body) -> Reading {
    let cost = Cost { interval_ms: 250, ..Cost::default() };
    Reading { target: TargetId::new("local", "shop"), probe: ProbeKind::Pool, generation: 1, at, wall, cost, body }
}

fn client(outcome: Outcome) -> Body {
    attempt(Path::Pooler(0), outcome)
}

fn attempt(path: Path, outcome: Outcome) -> Body {
    Body::Attempt(Attempt { path, outcome, failed_phase: None, phases: Phases::default(), message: None })
}

fn console(outcome: Outcome) -> Body {
    let name = "127.0.0.1:6432".to_owned();
    let pooler = Pooler { kind: PoolerKind::Pgbouncer, name, up: Some(false), outcome: Some(outcome), pools: Vec::new() };
    Body::Pooler(PoolerReading {
        index: 0,
        pooler,
        message: None,
        detail: Arc::default(),
        errors: None,
        missing: Vec::new(),
        known: true,
    })
}

#[test]
fn a_wall_clock_set_back_takes_the_timestamp_along() {
    let mut joined = target(Vec::new());
    let (start, wall) = (clock::now(), clock::wall());
    let back = Timestamp(wall.0 - chrono::TimeDelta::hours(2));
    let stamp = |joined: &mut Joined, ms, wall| {
        joined.take(&reading(start + Duration::from_millis(ms), wall, Body::Overrun));
        joined.report(start + Duration::from_millis(ms), wall).sample.timestamp
    };
    assert_eq!(stamp(&mut joined, 100, wall), wall);
    assert_eq!(stamp(&mut joined, 200, back), back);
    assert_eq!(stamp(&mut joined, 150, wall), back, "a late reading is not the newest");
}

#[test]
fn a_console_and_a_client_that_fail_are_two_attempts_on_a_pooler() {
    use Outcome::{Ok as Up, PoolExhausted, Unresponsive};
    let (front, end) = (Some(url("pgbouncer")), Some(url("shop")));
    let table: [(_, &[Body], bool, &str); 5] = [
        (front.clone(), &[console(Unresponsive), client(Unresponsive)], true, "both are silent"),
        (front.clone(), &[console(Unresponsive)], false, "one is a blip"),
        (front.clone(), &[console(Up), client(Unresponsive)], false, "one client is a blip"),
        (front, &[client(PoolExhausted), console(Unresponsive)], false, "a full pool is no attempt on the process"),
        (None, &[client(Unresponsive), console(Unresponsive)], false, "without a console one attempt is one"),
    ];
    for (console, bodies, down, why) in table {
        let mut joined =
            target(vec![PoolerSettings { kind: PoolerKind::Pgbouncer, console, client: end.clone(), metrics: None }]);
        let (now, wall) = (clock::now(), clock::wall());
        for body in bodies {
            joined.take(&reading(now, wall, body.clone()));
        }
        let reasons = &joined.report(now, wall).sample.reasons;
        assert_eq!(reasons.iter().any(|reason| reason.rule == Rule::PoolerDown), down, "{why}: {reasons:?}");
    }
}

/// A page of metrics; none that cannot be read.
fn page(outcome: Option<Outcome>) -> Body {
    let Body::Pooler(mut reading) = console(Outcome::Ok) else { unreachable!() };
    reading.pooler.up = outcome.map(|outcome| outcome == Outcome::Ok);
    (reading.pooler.outcome, reading.known) = (outcome, outcome.is_some());
    Body::Pooler(reading)
}

#[test]
fn a_pooler_is_up_by_its_page_or_by_its_clients_and_unknown_without_both() {
    use Outcome::{AuthFailed, Ok as Up, PoolerPaused};
    let table: [(&[Body], Option<bool>, &str); 6] = [
        (&[page(Some(Up))], Some(true), "by its page"),
        (&[page(Some(PoolerPaused))], Some(false), "by its page"),
        (&[page(None)], None, "nothing tells"),
        (&[page(None), client(Up)], Some(true), "a client gets in"),
        (&[page(None), client(AuthFailed)], Some(false), "a client does not get in"),
        (&[page(Some(Up)), page(None)], None, "nothing tells any more"),
    ];
    for (bodies, up, why) in table {
        let secret = "S3CRET".to_owned().into();
        let source = Source { kind: Kind::Supavisor, url: "http://127.0.0.1:4000/metrics".to_owned(), secret, tenant: None };
        let kind = PoolerKind::Supavisor;
        let mut joined = target(vec![PoolerSettings { kind, console: None, client: Some(url("shop")), metrics: Some(source) }]);
        let (now, wall) = (clock::now(), clock::wall());
        for body in bodies {
            joined.take(&reading(now, wall, body.clone()));
        }
        let sample = joined.report(now, wall).sample;
        let lacks = sample.probe.missing.iter().any(|missing| missing.field == "poolers.up");
        assert_eq!((sample.poolers[0].up, lacks), (up, up.is_none()), "{why}");
        assert_eq!(sample.poolers[0].outcome.is_none(), up.is_none(), "{why}");
    }
}

#[test]
fn a_console_that_is_back_within_its_grace_was_no_outage() {
    use Outcome::{Lost, Ok as Up, TcpRefused as Refused};
    for (script, down, why) in [
        (&[Lost, Refused, Refused, Refused][..], false, "750 ms"),
        (&[Lost, Refused, Refused, Refused, Refused], true, "a second"),
        (&[Lost, Refused, Up, Refused, Refused, Refused], false, "two restarts"),
    ] {
        let settings =
            PoolerSettings { kind: PoolerKind::Pgbouncer, console: Some(url("pgbouncer")), client: None, metrics: None };
        let mut joined = target(vec![settings]);
        let (mut now, wall) = (clock::now(), clock::wall());
        for outcome in script {
            joined.take(&reading(now, wall, console(*outcome)));
            now += Duration::from_millis(250);
        }
        let reasons = &joined.report(now, wall).sample.reasons;
        assert_eq!(reasons.iter().any(|reason| reason.rule == Rule::PoolerDown), down, "{why}: {reasons:?}");
    }
}

/// Readings of a console, a second apart, of a target whose clients got in, or of one without any.
fn reads(outcomes: &[Outcome], clients: bool) -> Arc<Sample> {
    let client = clients.then(|| url("shop"));
    let settings = PoolerSettings { kind: PoolerKind::Pgbouncer, console: Some(url("pgbouncer")), client, metrics: None };
    let mut joined = target(vec![settings]);
    let (mut now, wall) = (clock::now(), clock::wall());
    let mut sample = None;
    for outcome in outcomes {
        now += Duration::from_secs(1);
        joined.take(&reading(now, wall, console(*outcome)));
        if clients {
            joined.take(&reading(now, wall, self::client(Outcome::Ok)));
        }
        sample = Some(joined.report(now, wall).sample);
    }
    sample.expect("one reading at least")
}

fn is_down(sample: &Sample) -> bool {
    sample.reasons.iter().any(|reason| reason.rule == Rule::PoolerDown)
}

#[test]
fn a_pooler_without_a_server_to_give_is_down() {
    use Outcome::{Ok as Up, PoolExhausted as Exhausted};
    let sample = reads(&[Up, Exhausted, Exhausted], false);
    let reason = sample.reasons.iter().find(|reason| reason.rule == Rule::PoolerDown).expect("down");
    assert_eq!(reason.evidence.cause, Some(Exhausted));
    assert!(reason.message.contains("lets nobody through"), "{}", reason.message);
    assert!(!is_down(&reads(&[Up, Exhausted], false)), "one is a blip");
    assert!(!is_down(&reads(&[Exhausted, Exhausted, Up], false)), "it has one again");

    let settings = PoolerSettings { kind: PoolerKind::Pgcat, console: Some(url("pgcat")), client: None, metrics: None };
    let mut joined = target(vec![settings]);
    let (now, wall) = (clock::now(), clock::wall());
    joined.take(&reading(now, wall, attempt(Path::Direct, Outcome::TcpRefused)));
    for seconds in 0..4 {
        joined.take(&reading(now + Duration::from_secs(seconds), wall, console(Exhausted)));
    }
    assert!(!is_down(&joined.report(now + Duration::from_secs(3), wall).sample), "the server behind it lets nobody in either");
}

#[test]
fn a_console_that_does_not_let_us_look_says_what_to_do_and_ends_nothing() {
    use Outcome::{AuthFailed, Ok as Up, PoolerPaused as Paused, Protocol};
    for (outcome, fix) in [(AuthFailed, "check user isobar and its password"), (Protocol, "leads to the console")] {
        let sample = reads(&[Up, outcome, outcome, outcome], false);
        assert!(!is_down(&sample), "clients may well get in: {:?}", sample.reasons);
        let missing = sample.probe.missing.iter().find(|missing| missing.cause.contains("127.0.0.1:6432")).expect("named");
        assert!(missing.fix.as_ref().is_some_and(|said| said.contains(fix)), "{missing:?}");
        assert!(is_down(&reads(&[Up, Paused, Paused, outcome, outcome], false)), "nobody saw that it was resumed");
        assert!(!is_down(&reads(&[Up, Paused, Paused, outcome, outcome], true)), "a client got in");
    }
}
