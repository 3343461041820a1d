//! What cannot be known is null, with the cause and what to run; never 0. What to run, run, brings the figure.

use isobar::sandbox::Postgres;
use serde_json::Value;

use super::{SOON, number, shop, watch};
use crate::support::Session;

fn fix(sample: &Value, field: &str) -> Option<String> {
    let missing = sample["probe"]["missing"].as_array()?;
    let found = missing.iter().find(|missing| missing["field"] == field)?;
    assert!(found["cause"].as_str().is_some_and(|cause| !cause.is_empty()), "{found}");
    Some(found["fix"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn without_the_extension_the_statements_are_null_and_the_fix_works() {
    let server = shop(Postgres::builder(), false);
    let (node, _dir) = watch(&server, "statements = \"2s\"", "");
    // Sessions and statements are read on lanes of their own: either may come first.
    let (sample, _) = node.expect("local/shop", "the missing extension, and sessions", SOON, |sample| {
        let is_told = fix(sample, "queryPerformance").is_some_and(|fix| fix.contains("EXTENSION"));
        is_told && sample["queryPerformance"]["averageActiveSessions"].is_f64()
    });
    let figures = &sample["queryPerformance"];
    for name in ["averageQueryTime", "slowQueries", "totalQueries", "slowQueryRate", "queriesPerSecond"] {
        assert!(figures[name].is_null(), "{name}: {figures}");
    }
    assert_eq!(sample["status"], "healthy");
    let fix = fix(&sample, "queryPerformance").expect("a fix");
    assert_eq!(fix, "CREATE EXTENSION pg_stat_statements;");
    server.sql("shop", &fix).expect("what it says can be run");
    node.expect("local/shop", "statements", SOON, |sample| number(sample, "/queryPerformance/queriesPerSecond").is_some());
}

#[test]
fn without_the_grant_what_is_hidden_is_null_and_the_fix_works() {
    let server = shop(Postgres::builder(), true);
    server.sql("postgres", "REVOKE pg_monitor FROM isobar; REVOKE CONNECT ON DATABASE shop FROM public").expect("less rights");
    server.sql("postgres", "GRANT CONNECT ON DATABASE shop TO isobar").expect("a way in");
    server.create_role("app").expect("a role");
    server.sql("postgres", "GRANT CONNECT ON DATABASE shop TO app").expect("a way in");
    let _sessions = Session::open_many(4, &server.url_as("app", "shop"), "web");
    let (node, _dir) = watch(&server, "statements = \"2s\"", "");
    let grant = "GRANT pg_monitor TO isobar;";
    let (sample, _) = node.expect("local/shop", "the missing grant", SOON, |sample| {
        fix(sample, "connectionPool").as_deref() == Some(grant) && fix(sample, "queryPerformance").as_deref() == Some(grant)
    });
    for pointer in [
        "/connectionPool/activeConnections",
        "/connectionPool/idleConnections",
        "/connectionPool/idleInTransaction",
        "/database/activeConnections",
        "/queryPerformance/averageActiveSessions",
        "/queryPerformance/totalQueries",
    ] {
        assert!(sample.pointer(pointer).is_some_and(Value::is_null), "{pointer}: {sample}");
    }
    server.sql("postgres", grant).expect("what it says can be run");
    node.expect("local/shop", "what was hidden", SOON, |sample| {
        sample["connectionPool"]["idleConnections"] == 4
            && number(sample, "/queryPerformance/queriesPerSecond").is_some()
            && fix(sample, "connectionPool").is_none()
    });
}
