//! The SQL that messages tell people to run first runs: every statement, as it stands in the golden file, on a real server.

use isobar::sandbox::Postgres;

const ADVICE: &str = include_str!("../golden/alerts/rules.txt");

#[test]
fn every_statement_that_is_advised_is_one_that_the_server_takes() {
    let server = Postgres::builder().with_statements().start().expect("PostgreSQL");
    server.create_role("app").expect("a role");
    server.sql("postgres", "CREATE EXTENSION pg_stat_statements").expect("the extension");
    let statements: Vec<_> =
        ADVICE.lines().map(str::trim).filter(|line| line.starts_with("SELECT ") || line.starts_with("ALTER ")).collect();
    assert!(statements.len() > 20, "{}", statements.len());
    // What a replica is asked has another answer elsewhere, but the same grammar.
    let (replica, rest): (Vec<_>, Vec<_>) = statements.into_iter().partition(|text| text.contains("pg_is_wal_replay_paused"));
    let failed = |text: &&str| server.sql("postgres", text).err().map(|error| format!("{text}\n  {error}"));
    assert_eq!(rest.iter().filter_map(failed).collect::<Vec<_>>(), Vec::<String>::new());
    for refusal in replica.iter().filter_map(failed) {
        assert!(refusal.contains("recovery is not in progress"), "{refusal}");
    }
}
