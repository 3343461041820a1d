//! What the command line of `isobar watch` comes to.

use super::*;

/// Each target as `name [console|client ...]`.
fn watched(urls: &[&str], poolers: &[&str]) -> String {
    let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let config = match Config::for_watch(&owned(urls), &owned(poolers), None) {
        Ok(config) => config,
        Err(problems) => return problems.to_string(),
    };
    let way = |way: &Option<crate::probe::conninfo::ConnInfo>| way.as_ref().map_or("-".to_owned(), |to| format!("{to:?}"));
    let target = |target: &TargetConfig| {
        let poolers: Vec<_> =
            target.settings.poolers.iter().map(|pooler| format!("{}|{}", way(&pooler.console), way(&pooler.client))).collect();
        format!("{} [{}]", target.settings.id, poolers.join(" "))
    };
    config.regions[0].targets.iter().map(target).collect::<Vec<_>>().join("; ")
}

#[test]
fn watch_names_targets_after_their_databases() {
    assert_eq!(watched(&["postgres://me@h/Shop App"], &[]), "local/shop-app []");
    assert_eq!(
        watched(&["postgres://me@h/a", "postgres://me@g/a", "host=i user=a"], &[]),
        "local/a []; local/a-2 []; local/a-3 []"
    );
    assert_eq!(watched(&["postgres://me@h/%C3%A9"], &[]), "local/database []");
    assert!(watched(&["postgres://me@h/a", "x"], &[]).contains("command line: URL 2: "));
    assert!(watched(&[], &[]).contains("nothing to watch"));
    assert!(watched(&["postgres://me@h:6432/pgbouncer"], &[]).contains("with --pooler"));
    assert!(!watched(&["postgres://me:S3CR/ET@h/db"], &["postgres://me:S3CR@ET@h/db"]).contains("S3CR"));
}

#[test]
fn watch_puts_poolers_in_front_of_their_targets() {
    let (a, b) = ("postgres://me@h/a", "postgres://me@h/b");
    let table: [(&[&str], &str); 5] = [
        (&["postgres://s@p:6432/pgbouncer"], "local/a [s@p:6432/pgbouncer|-]; local/b [s@p:6432/pgbouncer|-]"),
        (&["postgres://me@p:6432/a"], "local/a [me@p:6432/pgbouncer|me@p:6432/a]; local/b []"),
        (
            &["postgres://s@p:6432/pgbouncer", "postgres://me@p:6432/a"],
            "local/a [s@p:6432/pgbouncer|me@p:6432/a]; local/b [s@p:6432/pgbouncer|-]",
        ),
        (&["postgres://me@p:6432/c"], "local/a [me@p:6432/pgbouncer|me@p:6432/c]; local/b [me@p:6432/pgbouncer|me@p:6432/c]"),
        (
            &["postgres://me@p/a", "postgres://me@q/a"],
            "local/a [me@p:5432/pgbouncer|me@p:5432/a me@q:5432/pgbouncer|me@q:5432/a]; local/b []",
        ),
    ];
    for (poolers, expected) in table {
        assert_eq!(watched(&[a, b], poolers), expected);
    }
}

#[test]
fn watch_knows_a_console_by_its_database() {
    let kind = |pooler: &str| {
        let owned = |text: &str| vec![text.to_owned()];
        let config = Config::for_watch(&owned("postgres://me@h/a"), &owned(pooler), None).unwrap();
        let pooler = &config.regions[0].targets[0].settings.poolers[0];
        (pooler.kind, pooler.client.is_some())
    };
    for (database, expected) in [
        ("pgbouncer", PoolerKind::Pgbouncer),
        ("pgcat", PoolerKind::Pgcat),
        ("console", PoolerKind::Odyssey),
        ("admin", PoolerKind::Pgdog),
    ] {
        assert_eq!(kind(&format!("postgres://s@p:6432/{database}")), (expected, false), "{database}");
    }
    let admin = watched(&["postgres://me@h/admin"], &["postgres://me@p:6432/admin"]);
    assert_eq!(admin, "local/admin [me@p:6432/pgbouncer|me@p:6432/admin]", "a server's own database is no console");
}
