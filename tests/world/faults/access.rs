//! Who may come in: passwords, logins, `pg_hba.conf`, grants.

use std::fs;

use isobar::sandbox::password;

use super::{Fault, SOON, assert_nothing_left, missing, shop, watch};
use crate::support::secs;

const REFUSED: Fault<'_> = Fault {
    name: "password changed",
    target: "local/shop",
    rule: "database_rejecting",
    causes: &["auth_failed"],
    says: "authentication failed (password, user or pg_hba.conf)",
};

#[test]
fn a_changed_password_is_noticed_while_the_resident_session_lives() {
    let server = shop();
    let node = watch(&server);
    let sample = REFUSED.strike(&node, SOON, || {
        server.sql("postgres", "ALTER ROLE isobar PASSWORD 'another'").expect("a password");
    });
    assert_eq!(sample["reachability"]["outcome"], "auth_failed");
    assert_eq!(sample["reachability"]["failedPhase"], "auth");
    assert!(sample["connectionPool"]["totalConnections"].is_u64(), "the resident session sees: {sample}");
    REFUSED.recover(&node, || {
        server.sql("postgres", &format!("ALTER ROLE isobar PASSWORD '{}'", password())).expect("a password");
    });
    assert_nothing_left(&server);
}

#[test]
fn a_role_that_may_not_log_in_any_more_is_refused() {
    let server = shop();
    let node = watch(&server);
    let fault = Fault { name: "role set to NOLOGIN", ..REFUSED };
    fault.strike(&node, SOON, || drop(server.sql("postgres", "ALTER ROLE isobar NOLOGIN").expect("a role")));
    fault.recover(&node, || drop(server.sql("postgres", "ALTER ROLE isobar LOGIN").expect("a role")));
    assert_nothing_left(&server);
}

#[test]
fn a_rejecting_line_of_pg_hba_is_noticed() {
    let server = shop();
    let node = watch(&server);
    let path = server.folder().join("data/pg_hba.conf");
    let lines = fs::read_to_string(&path).expect("its lines");
    let reload = |lines: &str| {
        fs::write(&path, lines).expect("written");
        server.sql("postgres", "SELECT pg_reload_conf()").expect("a reload");
    };
    let fault = Fault { name: "pg_hba.conf rejects", ..REFUSED };
    fault.strike(&node, SOON, || reload(&format!("host all isobar 127.0.0.1/32 reject\n{lines}")));
    fault.recover(&node, || reload(&lines));
    assert_nothing_left(&server);
}

#[test]
fn a_grant_taken_back_leaves_nulls_with_what_mends_them() {
    let server = shop();
    server.create_role("app").expect("a role");
    let working = super::sessions::Session::open(&server.url_as("app", "shop")).expect("a session");
    let _working = working.repeat("SELECT pg_sleep(0.01)");
    let node = watch(&server);
    node.expect("local/shop", "statements", secs(10), |sample| sample["queryPerformance"]["totalQueries"].is_u64());
    server.sql("postgres", "REVOKE pg_monitor FROM isobar").expect("a grant");
    let (sample, took) = node.expect("local/shop", "hidden sessions", SOON, |sample| {
        sample["connectionPool"]["activeConnections"].is_null() && missing(sample, "connectionPool").is_some()
    });
    eprintln!("FAULT | grant taken back: sessions hidden | - | {} ms", took.as_millis());
    let lacks = sample["probe"]["missing"].to_string();
    assert!(lacks.contains("GRANT pg_monitor TO isobar"), "{lacks}");
    let (_, took) = node.expect("local/shop", "statements that nobody shows", secs(20), |sample| {
        sample["queryPerformance"]["totalQueries"].is_null() && missing(sample, "queryPerformance").is_some()
    });
    eprintln!("FAULT | grant taken back: statements null | - | {} ms", took.as_millis());
    server.sql("postgres", "GRANT pg_monitor TO isobar").expect("a grant");
    node.expect("local/shop", "all of it again", secs(20), |sample| {
        sample["connectionPool"]["activeConnections"].is_u64() && sample["queryPerformance"]["totalQueries"].is_u64()
    });
    assert_nothing_left(&server);
}
