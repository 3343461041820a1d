mod resumed;

use std::sync::Arc;

use super::*;
use crate::{
    clock,
    model::{
        Outcome, Phases,
        reading::{Attempt, Path},
    },
    model::{
        activity::{Activity, Server, Session, States},
        queries::{Queries, Statement},
        sample::{Pool, Pooler, PoolerKind},
    },
    region::{
        attempts::Attempts,
        seen::{PoolerSeen, Signal},
        window::Sums,
    },
};

/// A server with 100 usable slots of which so many are taken.
fn server(backends: u32) -> Activity {
    let server = Server { client_backends: backends, max_connections: 103, reserved_connections: 3, ..Server::default() };
    Activity { server, states: States { total: 20, active: 2, idle: 18, ..States::default() }, ..Activity::default() }
}

fn sees(activity: Activity) -> Seen {
    Seen { activity: Signal::Fresh(Arc::new(activity)), had_sight: true, ..Seen::default() }
}

fn session(pid: i32, state: &str, ms: f64, blocked_by: &[i32]) -> Session {
    Session {
        pid,
        user: "app".into(),
        application: "billing".into(),
        state: state.into(),
        wait_event_type: None,
        wait_event: None,
        query_id: Some("42".into()),
        transaction_ms: Some(ms),
        query_ms: Some(ms),
        state_ms: Some(ms),
        blocked_by: blocked_by.to_vec(),
    }
}

fn pooler(busy: u32, waiting: u32, wait_ms: f64) -> Seen {
    let pool = Pool {
        database: "shop".into(),
        user: "app".into(),
        mode: "transaction".into(),
        size: Some(20),
        clients_active: busy,
        clients_waiting: Some(waiting),
        servers_active: Some(busy),
        servers_idle: Some(20 - busy),
        servers_other: Some(0),
        max_wait_time: Some(wait_ms),
        paused: false,
    };
    let (up, outcome) = (Some(true), Some(Outcome::Ok));
    let shown = Pooler { kind: PoolerKind::Pgbouncer, name: "pgb:6432".into(), up, outcome, pools: vec![pool] };
    let pooler = PoolerSeen {
        name: "pgb:6432".into(),
        console: Signal::Fresh(shown),
        message: None,
        unreached: 0,
        paused: 0,
        exhausted: 0,
        failing_for: Duration::ZERO,
        tried_lately: true,
        by_metrics: false,
    };
    Seen { poolers: vec![pooler], attempts: Attempts::new(1), ..sees(server(10)) }
}

fn tried(outcomes: &[(Path, Outcome)]) -> Attempts {
    let mut attempts = Attempts::new(1);
    for (step, (path, outcome)) in outcomes.iter().enumerate() {
        let at = clock::now() + Duration::from_secs(step as u64);
        let message = (*outcome != Outcome::Ok).then(|| "what was said".to_owned());
        let attempt = Attempt { path: *path, outcome: *outcome, failed_phase: None, phases: Phases::default(), message };
        attempts.note(attempt, at, clock::wall());
    }
    attempts
}

/// Steps through what is seen, one per second; each transition as a letter: `P`ending, `W`ithdrawn, `F`iring, `S`everity
/// changed, `C`leared; `.` for none.
fn play(steps: impl IntoIterator<Item = Seen>) -> (String, Judgement) {
    let mut evaluator = Evaluator::new(Thresholds::default());
    let (start, wall) = (clock::now(), clock::wall());
    let judged: Vec<_> = steps
        .into_iter()
        .enumerate()
        .map(|(step, seen)| evaluator.step(start + Duration::from_secs(step as u64), wall, &seen))
        .collect();
    (letters(judged.iter().cloned()), judged.into_iter().next_back().expect("at least one step"))
}

fn letters(judged: impl Iterator<Item = Judgement>) -> String {
    let letter = |judgement: Judgement| match judgement.transitions.first().map(|it| it.kind) {
        None => '.',
        Some(Pending) => 'P',
        Some(Withdrawn) => 'W',
        Some(Firing) => 'F',
        Some(SeverityChanged) => 'S',
        Some(Cleared) => 'C',
    };
    judged.map(letter).collect()
}

/// Server fullness by letter: `-` 50%, `=` 75% (between), `+` 85%, `!` 97%, `?` not seen.
fn full(letter: char) -> Seen {
    match letter {
        '-' => sees(server(50)),
        '=' => sees(server(75)),
        '+' => sees(server(85)),
        '!' => sees(server(97)),
        _ => Seen { activity: Signal::Stale, had_sight: true, ..Seen::default() },
    }
}

fn fullness(script: &str) -> String {
    play(script.chars().map(full)).0
}

#[test]
fn fullness_is_judged_with_for_clear_level_hold_and_severity() {
    for (script, expected, why) in [
        ("----", "....", "calm"),
        ("-+++-", ".P..W", "it ended before its for did"),
        ("++++", "P..F", "it fires when it has held for three seconds"),
        ("++=+++", "P.WP..", "between the levels nothing opens"),
        ("++++==+=", "P..F....", "between the levels nothing clears"),
        ("++++--", "P..F.C", "it clears after a second of calm"),
        ("++++-+-+-+", "P..F......", "flapping is one breach"),
        ("!!!!", "P..F", "critical at once"),
        ("++++!!!!", "P..F...S", "it rises when critical has held for three seconds"),
        ("!!!!++", "P..F.S", "it falls after a second below"),
        ("++??????", "P.......", "what is not seen opens nothing"),
        ("++??++++", "P......F", "time in the dark does not count"),
        ("++++?????", "P..F.....", "what is not seen clears nothing"),
        ("++++-?--", "P..F...C", "calm in the dark does not count"),
    ] {
        assert_eq!(fullness(script), expected, "{why}: {script}");
    }
}

#[test]
fn without_sight_the_status_is_unknown_also_in_breach() {
    assert_eq!(play([Seen::default()]).1.status, Status::Unknown);
    let blind = || Seen { activity: Signal::Stale, had_sight: true, ..Seen::default() };
    let (_, judged) = play((0..4).map(|_| sees(server(97))).chain([blind()]));
    assert_eq!((judged.status, judged.reasons.len()), (Status::Unknown, 1));
    assert_eq!(play([sees(server(10))]).1.status, Status::Healthy);
}

#[test]
fn each_way_of_not_getting_in_has_its_rule_and_its_words() {
    use Outcome::{AuthFailed, DnsFailed, Ok, QueryTimeout, TcpRefused, TooManyConnections, Unresponsive};
    let (direct, resident) = (Path::Direct, Path::Resident);
    for (attempts, rule, says) in [
        (vec![(direct, TcpRefused); 2], Some(Rule::DatabaseDown), "connection refused; 2 attempts failed"),
        (vec![(direct, DnsFailed); 3], Some(Rule::DatabaseDown), "host name does not resolve; 3 attempts failed"),
        (vec![(resident, QueryTimeout), (direct, Unresponsive)], Some(Rule::DatabaseUnresponsive), "no trivial query"),
        (vec![(direct, TooManyConnections); 2], Some(Rule::DatabaseRejecting), "all connection slots are taken"),
        (vec![(direct, AuthFailed); 2], Some(Rule::DatabaseRejecting), "pg_hba.conf"),
        (vec![(direct, TcpRefused), (direct, Ok), (direct, TcpRefused)], None, ""),
    ] {
        let seen = Seen { attempts: tried(&attempts), attempts_fresh: true, ..Seen::default() };
        let judged = play([seen]).1;
        assert_eq!(judged.reasons.first().map(|reason| reason.rule), rule, "{attempts:?}");
        assert_eq!(judged.reasons.len(), usize::from(rule.is_some()), "{attempts:?}");
        assert_eq!(judged.status, if rule.is_some() { Status::Unhealthy } else { Status::Unknown });
        if let Some(reason) = judged.reasons.first() {
            assert!(reason.message.contains(says), "{}", reason.message);
            assert_eq!(reason.evidence.detail.as_deref(), Some("what was said"));
        }
    }
}

#[test]
fn a_pooler_is_down_unless_it_is_merely_full() {
    let through = |outcome| tried(&[(Path::Pooler(0), outcome), (Path::Pooler(0), outcome)]);
    let fires = |seen: Seen| play([seen]).1.reasons.iter().any(|reason| reason.rule == Rule::PoolerDown);
    assert!(fires(Seen { attempts: through(Outcome::TcpRefused), ..pooler(3, 0, 0.0) }));
    assert!(!fires(Seen { attempts: through(Outcome::PoolExhausted), ..pooler(20, 0, 0.0) }));
    for (attempts, apart, expected) in [(1, 0, false), (2, 1_000, true), (4, 999, false)] {
        for counts in [[attempts, 0, 0], [0, attempts, 0], [0, 0, attempts]] {
            let mut seen = pooler(3, 0, 0.0);
            let it = &mut seen.poolers[0];
            ([it.unreached, it.paused, it.exhausted], it.failing_for) = (counts, Duration::from_millis(apart));
            assert_eq!(fires(seen), expected, "{counts:?} {apart} ms apart");
        }
    }
}

#[test]
fn waiting_clients_fire_with_their_pool_and_their_wait() {
    let in_question = Seen { in_question: true, ..pooler(3, 4, 1_200.0) };
    let still = Seen { in_question: true, ..pooler(3, 4, 2_200.0) };
    assert_eq!(play([pooler(3, 0, 0.0), in_question, still, pooler(3, 4, 3_200.0)]).0, "...F", "first it must be known why");
    let (script, judged) = play([pooler(3, 0, 0.0), pooler(3, 4, 700.0), pooler(3, 4, 1_700.0)]);
    assert_eq!(script, ".PF");
    let reason = &judged.reasons[0];
    assert_eq!((reason.rule, reason.severity, reason.value), (Rule::PoolWaiting, Severity::High, Some(1_700.0)));
    assert_eq!(reason.message, "4 clients wait for a connection from pgb:6432, the oldest in pool shop/app since 1.7 s.");
    assert_eq!(reason.evidence.pooler.as_deref(), Some("pgb:6432 shop/app"));
}

/// Milliseconds after its beginning at which a queue fires, when it is gone after `gone`: read every 250 ms from `first` on, each reading
/// late by up to `jitter`, judged every 10 ms by the newest reading.
fn fires_after(gone: u64, first: u64, jitter: u64) -> Option<u64> {
    let mut evaluator = Evaluator::new(Thresholds::default());
    let (start, wall) = (clock::now(), clock::wall());
    let readings: Vec<u64> = (0..8).map(|slot| first + 250 * slot + (slot * 7 + first) % (jitter + 1)).collect();
    let fires = |at: &u64| {
        let seen = match readings.iter().rev().find(|read| *read <= at) {
            Some(read) if *read < gone => pooler(20, 4, *read as f64),
            _ => pooler(20, 0, 0.0),
        };
        let judged = evaluator.step(start + Duration::from_millis(*at), wall, &seen);
        judged.reasons.iter().any(|reason| reason.rule == Rule::PoolWaiting)
    };
    (0..2_000).step_by(10).find(fires)
}

#[test]
fn a_queue_fires_when_its_oldest_client_has_waited_for_a_second_and_never_when_it_went_sooner() {
    for jitter in [0, 120] {
        for first in (0..250).step_by(50) {
            for gone in [100, 760, 1_000] {
                assert_eq!(fires_after(gone, first, jitter), None, "gone after {gone} ms, read from {first} on, jitter {jitter}");
            }
            let after = fires_after(u64::MAX, first, jitter).expect("it fires");
            assert!((1_000..=1_260 + jitter).contains(&after), "{after} ms, read from {first} on, jitter {jitter}");
        }
    }
}

#[test]
fn a_queue_of_short_waits_is_judged_by_how_long_it_holds() {
    for (waits, expected, why) in [
        ([700.0, 700.0, 700.0], "PF.", "nobody waits for a second, but somebody always waits for long"),
        ([40.0, 700.0, 40.0], ".PW", "one slow moment of a queue that is always there"),
        ([40.0, 40.0, 1_100.0], "..F", "somebody waited for a second while nobody looked"),
    ] {
        assert_eq!(play(waits.map(|wait| pooler(3, 4, wait))).0, expected, "{why}");
    }
}

#[test]
fn a_leak_names_who_and_fires_at_once_when_it_blocks() {
    let seen = |leaks: i32, blocked: bool| {
        let mut sessions: Vec<_> = (1..=leaks).map(|pid| session(pid, "idle in transaction", 61_000.0, &[])).collect();
        sessions.extend(blocked.then(|| session(99, "active", 100.0, &[1])));
        sees(Activity { sessions, ..server(20) })
    };
    let fires = |leaks, blocked| play((0..5).map(|_| seen(leaks, blocked))).1.reasons;
    assert!(fires(2, false).is_empty(), "10% is not more than 10%");
    let reasons = fires(3, false);
    assert_eq!(reasons[0].rule, Rule::ConnectionLeak);
    assert_eq!((reasons[0].evidence.sessions[0].pid, reasons[0].evidence.sessions[0].application.as_str()), (1, "billing"));
    assert!(fires(1, true)[0].message.ends_with("blocking 1 other."), "{}", fires(1, true)[0].message);
}

#[test]
fn a_chain_names_its_root_also_when_sessions_wait_for_one_another() {
    let sessions = vec![
        session(3, "active", 7_000.0, &[2]),
        session(2, "active", 8_000.0, &[1]),
        session(1, "idle in transaction", 9_000.0, &[]),
    ];
    let seen = || sees(Activity { sessions: sessions.clone(), blocked: 2, longest_blocked_ms: Some(8_000.0), ..server(20) });
    let reasons = play((0..4).map(|_| seen())).1.reasons;
    let reason = reasons.iter().find(|reason| reason.rule == Rule::BlockingChain).expect("blocking");
    assert!(
        reason.message.contains("the root blocker is pid 1 of billing (user app), idle in transaction"),
        "{}",
        reason.message
    );
    assert_eq!((reason.evidence.sessions[0].pid, reason.evidence.sessions[0].blocks), (1, 2));

    let circle = vec![session(1, "active", 6_000.0, &[2]), session(2, "active", 6_000.0, &[1])];
    let seen = || sees(Activity { sessions: circle.clone(), blocked: 2, longest_blocked_ms: Some(6_000.0), ..server(20) });
    assert!(play((0..4).map(|_| seen())).1.reasons.iter().any(|reason| reason.rule == Rule::BlockingChain));
}

#[test]
fn the_figures_of_queries_and_transactions_fire_their_rules() {
    let queries = |mean: f64, slow_calls| {
        let queries = Queries { calls: 100, slow_calls, total_ms: mean * 100.0, ..Queries::default() };
        Seen { queries: Signal::Fresh(Arc::new(queries)), ..sees(server(10)) }
    };
    let transactions = |transactions, failed| Seen {
        transactions: Signal::Fresh(Sums { transactions, rollbacks: failed, ..Sums::default() }),
        ..sees(server(10))
    };
    let blocks = |hits, reads| Seen { blocks: Signal::Fresh(Sums { hits, reads, ..Sums::default() }), ..sees(server(10)) };
    let running = |long: i32| {
        let sessions = (0..long).map(|pid| session(pid, "active", 2_000.0, &[])).collect();
        sees(Activity { sessions, ..server(10) })
    };
    let grows = |growth| Seen { growth_per_day: Some(growth), ..sees(server(10)) };
    for (seen, rule) in [
        (queries(1_001.0, 0), Some(Rule::QuerySlow)),
        (queries(999.0, 0), None),
        (running(2), Some(Rule::QuerySlow)),
        (running(1), None),
        (queries(5.0, 6), Some(Rule::SlowQueryRate)),
        (queries(5.0, 5), None),
        (transactions(50, 1), Some(Rule::ErrorRate)),
        (transactions(49, 40), None),
        (transactions(1_000, 10), None),
        (blocks(8_900, 3_000), Some(Rule::CacheHitLow)),
        (blocks(0, 2_999), None),
        (grows(0.11), Some(Rule::SizeGrowth)),
        (grows(0.05), None),
    ] {
        let (_, judged) = play((0..=600).map(|_| seen.clone()));
        assert_eq!(judged.reasons.first().map(|reason| reason.rule), rule, "{:?}", judged.reasons);
        let expected = if rule == Some(Rule::ErrorRate) { Status::Unhealthy } else { Status::Degraded };
        assert_eq!(judged.status, if rule.is_some() { expected } else { Status::Healthy });
    }
}

#[test]
fn stale_statements_keep_a_slow_breach_and_missing_ones_do_not() {
    let slow = Queries { calls: 10, total_ms: 20_000.0, ..Queries::default() };
    let with = |queries| Seen { queries, ..sees(server(10)) };
    let breach = || (0..6).map(|_| with(Signal::Fresh(Arc::new(slow.clone()))));
    assert_eq!(play(breach().chain((0..9).map(|_| with(Signal::Stale)))).0, "P....F.........");
    assert_eq!(play(breach().chain((0..2).map(|_| with(Signal::Absent)))).0, "P....F.C");
}

#[test]
fn moving_data_and_upkeep_are_no_slow_queries() {
    let runs = |application: &str, wait: Option<&str>, ms: f64| Session {
        application: application.into(),
        wait_event_type: wait.map(str::to_owned),
        ..session(1, "active", ms, &[])
    };
    let (dump, taken) = (runs("pg_dump", None, 60_000.0), runs("export", Some("Client"), 60_000.0));
    let (report, quick) = (runs("reports", None, 60_000.0), runs("shop", None, 3.0));
    for (sessions, slow, why) in [
        (vec![dump.clone()], false, "a dump alone"),
        (vec![runs("vacuumdb", Some("Timeout"), 60_000.0)], false, "upkeep"),
        (vec![taken.clone()], false, "its client takes the rows slowly"),
        (vec![report.clone()], true, "a report alone"),
        (vec![runs("reports", Some("Lock"), 60_000.0)], true, "one that waits for a lock"),
        (vec![dump.clone(), taken, report.clone()], true, "they do not hide a slow query either"),
        (vec![dump, report, quick], false, "half is not most"),
    ] {
        let active = sessions.len() as u32;
        let activity = Activity { states: States { active, total: active, ..States::default() }, sessions, ..server(10) };
        let judged = play((0..7).map(|_| sees(activity.clone()))).1;
        assert_eq!(judged.reasons.iter().any(|reason| reason.rule == Rule::QuerySlow), slow, "{why}: {judged:?}");
    }
}

#[test]
fn statements_of_upkeep_are_left_out_of_the_means() {
    let ended = |text: &str, calls: u64, mean_ms: f64| Statement {
        query_id: "42".into(),
        user: "app".into(),
        text: Some(text.into()),
        calls,
        mean_ms,
        total_ms: mean_ms * calls as f64,
        share: 0.5,
        slow: mean_ms > 1_000.0,
        ..Statement::default()
    };
    let slow: &[_] = &[Rule::QuerySlow, Rule::SlowQueryRate];
    for (statements, expected, why) in [
        (vec![ended("copy public.orders (id) TO stdout", 1, 12_000.0), ended("SELECT $1", 4, 1.0)], &[][..], "a dump"),
        (vec![ended("VACUUM (ANALYZE) orders", 1, 9_000.0)], &[], "nothing else was asked"),
        (vec![ended("SELECT copy FROM orders", 2, 9_000.0)], slow, "a query that only looks so"),
        (vec![ended("CREATE INDEX ON orders (id)", 9, 9_000.0), ended("SELECT $1", 1, 2_000.0)], slow, "it hides none"),
    ] {
        let queries = Queries {
            calls: statements.iter().map(|it| it.calls).sum(),
            slow_calls: statements.iter().filter(|it| it.slow).map(|it| it.calls).sum(),
            total_ms: statements.iter().map(|it| it.total_ms).sum(),
            statements,
            ..Queries::default()
        };
        let seen = || Seen { queries: Signal::Fresh(Arc::new(queries.clone())), ..sees(server(10)) };
        let rules: Vec<_> = play((0..12).map(|_| seen())).1.reasons.iter().map(|reason| reason.rule).collect();
        assert_eq!(rules, expected, "{why}");
    }
}
