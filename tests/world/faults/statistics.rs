//! The figures' sources: the extension dropped and made again, statistics set back.

use std::time::Instant;

use isobar::sandbox::Postgres;
use serde_json::Value;

use super::{assert_nothing_left, missing, sessions::Session, shop};
use crate::support::{Node, secs};

/// Statements each second, so that a test sees several intervals.
fn watch_closely(server: &Postgres) -> (Node, tempfile::TempDir) {
    let region = format!("region = \"local\"\n[[target]]\nname = \"shop\"\nurl = \"{}\"\n", server.url("shop"));
    Node::configured(&[("global.toml", "[sampling]\nstatements = \"1s\"\n"), ("local.toml", &region)])
}

fn counts(sample: &Value) -> bool {
    sample["status"] == "healthy"
        && sample["queryPerformance"]["queriesPerSecond"].as_f64() > Some(0.0)
        && sample["queryPerformance"]["errorRate"].is_number()
}

#[test]
fn an_extension_dropped_while_running_leaves_nulls_and_comes_back() {
    let server = shop();
    let working = Session::open(&server.superuser_url("shop")).expect("a session");
    let _working = working.repeat("SELECT pg_sleep(0.01)");
    let (node, _config) = watch_closely(&server);
    node.expect("local/shop", "statements", secs(15), counts);
    server.sql("shop", "DROP EXTENSION pg_stat_statements").expect("a drop");
    let (sample, took) = node.expect("local/shop", "statements are null", secs(10), |sample| {
        assert_eq!(sample["status"], "healthy", "{sample}");
        let figures = &sample["queryPerformance"];
        ["averageQueryTime", "slowQueries", "totalQueries", "slowQueryRate", "queriesPerSecond"]
            .iter()
            .all(|it| figures[it].is_null())
    });
    eprintln!("FAULT | extension dropped (statements each second) | - | {} ms", took.as_millis());
    assert!(missing(&sample, "queryPerformance").is_some(), "{sample}");
    assert!(sample["probe"]["missing"].to_string().contains("CREATE EXTENSION"), "{sample}");
    assert!(sample["connectionPool"]["totalConnections"].is_u64() && sample["database"]["maxConnections"].is_u64(), "{sample}");
    server.sql("shop", "CREATE EXTENSION pg_stat_statements").expect("the extension");
    let (_, took) = node.expect("local/shop", "statements again", secs(20), counts);
    eprintln!("AGAIN | extension dropped | - | {} ms", took.as_millis());
    assert_nothing_left(&server);
}

#[test]
fn statistics_set_back_give_no_spike_and_no_negative_figure() {
    let server = shop();
    let working = Session::open(&server.superuser_url("shop")).expect("a session");
    let _working = working.repeat("SELECT pg_sleep(0.01)");
    let (node, _config) = watch_closely(&server);
    let (before, _) = node.expect("local/shop", "statements", secs(15), counts);
    let usual = before["queryPerformance"]["queriesPerSecond"].as_f64().expect("as waited for");
    for reset in
        ["SELECT pg_stat_reset()", "SELECT pg_stat_statements_reset()", "SELECT pg_stat_reset(), pg_stat_statements_reset()"]
    {
        server.sql("shop", reset).expect(reset);
        let since = Instant::now();
        node.expect("local/shop", "4 s of plausible figures, the last ones whole", secs(15), |sample| {
            assert_plausible(sample, usual, reset);
            since.elapsed() > secs(4) && counts(sample)
        });
    }
    assert_nothing_left(&server);
}

fn assert_plausible(sample: &Value, usual: f64, after: &str) {
    let figure = |part: &str, name: &str| sample[part][name].as_f64();
    let within = |what: &str, figure: Option<f64>, most: f64| {
        assert!(figure.is_none_or(|figure| (0.0..=most).contains(&figure)), "{what} is {figure:?} after {after}: {sample}");
    };
    assert_eq!(sample["status"], "healthy", "after {after}: {sample}");
    within("queries per second", figure("queryPerformance", "queriesPerSecond"), usual * 4.0);
    within("average query time", figure("queryPerformance", "averageQueryTime"), 500.0);
    within("error rate", figure("queryPerformance", "errorRate"), 0.01);
    within("slow rate", figure("queryPerformance", "slowQueryRate"), 1.0);
    within("cache hit ratio", figure("database", "cacheHitRatio"), 1.0);
}
