use super::*;

fn report(change: impl FnOnce(&mut crate::model::Sample, &mut Activity)) -> (Report, Activity) {
    let mut report: Report = serde_json::from_str(include_str!("../../../tests/golden/web/report.json")).expect("a report");
    let mut activity = Activity::clone(report.activity.as_ref().expect("sessions"));
    activity.sessions.clear();
    let sample = std::sync::Arc::make_mut(&mut report.sample);
    sample.poolers[0].pools.iter_mut().for_each(|pool| (pool.clients_waiting, pool.max_wait_time) = (Some(0), Some(0.0)));
    activity.blocked = 0;
    change(sample, &mut activity);
    (report, activity)
}

fn session(pid: i32, application: &str, query_ms: f64, blocked_by: Vec<i32>) -> Session {
    Session {
        pid,
        user: "app".into(),
        application: application.into(),
        state: "active".into(),
        wait_event_type: (!blocked_by.is_empty()).then(|| "Lock".into()),
        wait_event: None,
        query_id: None,
        transaction_ms: Some(query_ms),
        query_ms: Some(query_ms),
        state_ms: None,
        blocked_by,
    }
}

#[test]
fn long_statements_are_limited_while_others_wait_and_dumps_are_not() {
    let found = |application: &str, waiting| {
        let (report, activity) = report(|sample, activity| {
            sample.poolers[0].pools[0].clients_waiting = Some(waiting);
            activity.sessions = vec![session(1, application, 90_000.0, vec![])];
        });
        of(&report, &activity)
    };
    let limited = found("reports", 3);
    assert_eq!((limited.len(), limited[0].kind), (1, Kind::StatementTimeout));
    assert_eq!(limited[0].change.command.as_deref(), Some("ALTER ROLE \"app\" SET statement_timeout = '60s';"));
    assert_eq!(limited[0].change.undo.as_deref(), Some("ALTER ROLE \"app\" RESET statement_timeout;"));
    assert!(found("reports", 0).is_empty(), "nobody minds");
    assert!(found("pg_dump", 3).is_empty(), "it is meant to");
}

#[test]
fn who_waits_long_for_a_lock_gives_up_and_who_holds_it_is_named() {
    let (report, activity) = report(|_, activity| {
        activity.blocked = 2;
        activity.sessions = vec![
            session(1, "jobs", 40_000.0, vec![]),
            session(2, "web", 30_000.0, vec![1]),
            session(3, "web", 20_000.0, vec![1]),
        ];
    });
    let found = of(&report, &activity);
    assert_eq!((found.len(), found[0].kind, found[0].subject.as_str()), (1, Kind::LockTimeout, "web (app)"));
    assert!(found[0].caution.contains("Fix jobs (app) first"), "{}", found[0].caution);
    assert_eq!(found[0].change.command.as_deref(), Some("ALTER ROLE \"app\" SET lock_timeout = '5s';"));
}

#[test]
fn a_queue_that_stands_for_half_a_minute_is_told_to_clients() {
    let (report, activity) = report(|sample, _| sample.poolers[0].pools[0].max_wait_time = Some(45_000.0));
    let found = of(&report, &activity);
    assert_eq!(found[0].kind, Kind::QueryWaitTimeout);
    assert!(found[0].change.command.as_ref().is_some_and(|said| said.contains("SET query_wait_timeout = 15;")), "{found:?}");
}
