//! A database dropped, made again, renamed, beside another one on the same server.

use isobar::sandbox::Postgres;

use super::{Fault, SOON, assert_nothing_left, shop};
use crate::support::{Node, secs};

const GONE: Fault<'_> = Fault {
    name: "database dropped",
    target: "local/shop",
    rule: "database_rejecting",
    causes: &["no_such_database"],
    says: "the database does not exist",
};

fn shop_and_blog() -> (Postgres, Node) {
    let server = shop();
    server.create_database("blog").expect("a database");
    let node = Node::watch(&[&server.url("shop"), &server.url("blog")]);
    for target in ["local/shop", "local/blog"] {
        node.expect_status(target, "healthy", "", secs(10));
    }
    (server, node)
}

/// Healthy, and seen a moment ago.
fn assert_blog_goes_on(node: &Node) {
    let before = node.sample("local/blog")["timestamp"].clone();
    let (sample, _) = node.expect("local/blog", "a newer sample", SOON, |sample| sample["timestamp"] != before);
    assert_eq!(sample["status"], "healthy", "{sample}");
    assert!(sample["connectionPool"]["totalConnections"].is_u64(), "{sample}");
}

#[test]
fn a_dropped_database_is_missed_by_its_target_only_and_welcome_back() {
    let (server, node) = shop_and_blog();
    let sample = GONE.strike(&node, SOON, || drop(server.sql("postgres", "DROP DATABASE shop WITH (FORCE)").expect("a drop")));
    assert_eq!(sample["reachability"]["outcome"], "no_such_database");
    assert_blog_goes_on(&node);
    GONE.recover(&node, || server.create_database("shop").expect("a database"));
    assert_blog_goes_on(&node);
    assert_nothing_left(&server);
}

#[test]
fn a_renamed_database_is_missed_and_welcome_back() {
    let (server, node) = shop_and_blog();
    // Nobody may be connected to a database while it is renamed.
    let rename = |from: &str, to: &str| {
        for sql in [
            format!("ALTER DATABASE {from} ALLOW_CONNECTIONS false"),
            format!("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{from}'"),
            format!("ALTER DATABASE {from} RENAME TO {to}"),
            format!("ALTER DATABASE {to} ALLOW_CONNECTIONS true"),
        ] {
            server.sql("postgres", &sql).expect(&sql);
        }
    };
    let fault = Fault { name: "database renamed", ..GONE };
    fault.strike(&node, SOON, || rename("shop", "store"));
    assert_blog_goes_on(&node);
    fault.recover(&node, || rename("store", "shop"));
    assert_nothing_left(&server);
}
