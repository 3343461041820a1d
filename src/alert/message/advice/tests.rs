use super::*;
use crate::alert::message::tests::{alert, session};

fn commands(alert: &Alert) -> Vec<String> {
    first(alert).into_iter().map(|command| command.command).collect()
}

#[test]
fn what_ends_sessions_comes_last_and_says_so() {
    for rule in Rule::ALL {
        let advice = first(&alert(*rule));
        let ends = advice.iter().position(|it| it.command.contains("pg_terminate_backend"));
        if let Some(at) = ends {
            assert_eq!(at, advice.len() - 1, "{}", rule.as_str());
            assert!(advice[at].purpose.to_lowercase().contains("last resort"), "{}", rule.as_str());
        }
    }
}

#[test]
fn a_prepared_transaction_is_no_session_to_end() {
    let mut chain = alert(Rule::BlockingChain);
    chain.evidence.sessions = vec![session(0, "", "", 0.0, 2)];
    assert!(commands(&chain).iter().any(|command| command.contains("pg_prepared_xacts")));
    assert!(!commands(&chain).iter().any(|command| command.contains("pg_terminate_backend")));
}

#[test]
fn an_active_root_is_cancelled_before_it_is_ended() {
    let mut chain = alert(Rule::BlockingChain);
    chain.evidence.sessions[0].state = "active".into();
    let commands = commands(&chain);
    let at = |what: &str| commands.iter().position(|command| command.contains(what)).unwrap();
    assert!(at("pg_cancel_backend(4711)") < at("pg_terminate_backend(4711)"));
}

#[test]
fn a_query_id_that_is_no_number_is_not_asked_for() {
    let mut slow = alert(Rule::QuerySlow);
    slow.evidence.queries[0].query_id = "1; DROP TABLE x".into();
    assert!(commands(&slow)[0].ends_with("WHERE queryid = 77;"));
}

#[test]
fn a_pooler_is_reached_at_its_own_address_and_nothing_is_run_by_its_name() {
    let mut waiting = alert(Rule::PoolWaiting);
    assert_eq!(commands(&waiting)[0], "psql -h pgb.internal -p 6432 -d pgbouncer -c 'SHOW POOLS;'");
    waiting.evidence.pooler = Some("$(id):6432 a/b".into());
    assert_eq!(commands(&waiting)[0], "psql -h '$(id)' -p 6432 -d pgbouncer -c 'SHOW POOLS;'");
}

#[test]
fn a_refusal_is_answered_by_its_cause() {
    let table = [
        (Outcome::AuthFailed, "pg_hba_file_rules"),
        (Outcome::NoSuchDatabase, "pg_database"),
        (Outcome::InRecovery, "journalctl"),
        (Outcome::TlsFailed, "openssl"),
        (Outcome::TooManyConnections, "pg_stat_activity"),
        (Outcome::TcpRefused, "pg_isready"),
    ];
    let mut refused = alert(Rule::DatabaseRejecting);
    for (cause, tool) in table {
        refused.evidence.cause = Some(cause);
        assert!(commands(&refused)[0].contains(tool), "{cause:?}: {:?}", commands(&refused));
    }
}
