//! The main job, end to end.

use isobar::sandbox::{PgBouncer, Postgres};

use crate::support::{Node, secs};

#[test]
fn a_database_behind_pgbouncer_is_seen_within_seconds() {
    let server = Postgres::builder().with_statements().start().expect("PostgreSQL");
    server.create_database("shop").expect("a database");
    server.sql("shop", "CREATE EXTENSION pg_stat_statements").expect("the extension");
    let pooler = PgBouncer::builder().database("shop", &server).start().expect("PgBouncer");
    let node = Node::watch(&[&server.url("shop"), "--pooler", &pooler.console_url()]);
    let (sample, _) = node.expect("local/shop", "healthy with a pooler", secs(5), |sample| {
        sample["status"] == "healthy" && sample["poolers"][0]["up"] == true && sample["queryPerformance"]["totalQueries"].is_u64()
    });
    assert_eq!(sample["database"]["maxConnections"].as_u64(), Some(100));
    let (status, took) = node.stop();
    assert!(status.success() && took < secs(5), "{status} after {took:?}");
}
