use super::*;
use crate::model::activity::{Session, States};

fn report(change: impl FnOnce(&mut crate::model::Sample, &mut Activity)) -> Report {
    let mut report: Report = serde_json::from_str(include_str!("../../../tests/golden/web/report.json")).expect("a report");
    let mut activity = Activity::clone(report.activity.as_ref().expect("sessions"));
    change(std::sync::Arc::make_mut(&mut report.sample), &mut activity);
    report.activity = Some(activity.into());
    report
}

fn holder(application: &str, user: &str, idle_in_transaction: u32) -> Holder {
    let states = States { total: 10, idle_in_transaction, ..States::default() };
    Holder { application: application.into(), user: user.into(), states, oldest_transaction_ms: None }
}

fn held(application: &str, user: &str, state_ms: f64) -> Session {
    Session {
        pid: 1,
        user: user.into(),
        application: application.into(),
        state: "idle in transaction".into(),
        wait_event_type: None,
        wait_event: None,
        query_id: None,
        transaction_ms: Some(state_ms),
        query_ms: None,
        state_ms: Some(state_ms),
        blocked_by: Vec::new(),
    }
}

#[test]
fn the_application_that_holds_most_transactions_open_is_to_be_fixed_first() {
    let found = of(&report(|_, activity| {
        activity.holders = vec![holder("web", "app", 9), holder("jobs", "wor\"ker", 2)];
        activity.sessions = (0..9).map(|_| held("web", "app", 200.0)).collect();
        activity.sessions.extend([held("jobs", "wor\"ker", 90_000.0), held("jobs", "wor\"ker", 40_000.0)]);
    }));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].kind, found[0].subject.as_str()), (Kind::IdleInTransaction, "jobs (wor\"ker)"));
    let change = &found[0].change;
    let command = "ALTER ROLE \"wor\"\"ker\" SET idle_in_transaction_session_timeout = '60s';";
    assert_eq!(change.command.as_deref(), Some(command));
    assert_eq!(change.undo.as_deref(), Some("ALTER ROLE \"wor\"\"ker\" RESET idle_in_transaction_session_timeout;"));
    assert!(found[0].evidence.iter().any(|fact| fact.unit == "s" && (fact.value - 90.0).abs() < 1e-9), "{found:?}");
}

#[test]
fn short_pauses_in_transactions_are_no_finding() {
    let found = of(&report(|_, activity| {
        activity.holders = vec![holder("web", "app", 9)];
        activity.sessions = vec![held("web", "app", 2_000.0)];
    }));
    assert_eq!(found, Vec::new());
}

#[test]
fn a_session_pool_of_idle_clients_could_be_shared() {
    let pools = |mode: &str, idle| {
        report(move |sample, activity| {
            let pool = &mut sample.poolers[0].pools[0];
            (pool.mode, pool.servers_active) = (mode.into(), Some(20));
            activity.states.idle = idle;
        })
    };
    let found = of(&pools("session", 18));
    assert_eq!(found[0].kind, Kind::TransactionMode);
    assert!(found[0].caution.contains("LISTEN") && found[0].change.command.as_ref().is_some_and(|said| said.contains("RELOAD;")));
    assert_eq!(of(&pools("session", 5)), Vec::new(), "most of them work");
    assert_eq!(of(&pools("transaction", 18)), Vec::new());
}

#[test]
fn a_server_with_hardly_a_connection_left_is_named_with_its_largest_holder() {
    let full = |backends| report(move |_, activity| activity.server.client_backends = backends);
    assert_eq!(nearly_full(&full(45)), None);
    let found = nearly_full(&full(92)).expect("nearly full");
    assert_eq!((found.kind, found.change.to.as_deref()), (Kind::ConnectionsNearlyUsed, Some("125")));
    assert!(found.title.contains("92 of 97") && found.caution.contains("40 connections"), "{found:?}");
}
