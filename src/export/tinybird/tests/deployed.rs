//! What `deploy/tinybird` gives to Tinybird, by the rules of its files.

use std::collections::BTreeSet;

use crate::export::tinybird::Settings;

const SCHEMA: &str = include_str!("../../../../deploy/tinybird/datasources/database_health_metrics.datasource");
const PIPES: [(&str, &str); 2] = [
    ("region_trend", include_str!("../../../../deploy/tinybird/endpoints/region_trend.pipe")),
    ("slowest_databases", include_str!("../../../../deploy/tinybird/endpoints/slowest_databases.pipe")),
];

fn columns() -> BTreeSet<&'static str> {
    SCHEMA.lines().filter_map(|line| line.trim().strip_prefix('`')?.split('`').next()).collect()
}

#[test]
fn the_data_source_keeps_one_row_of_each_key() {
    let columns = columns();
    for name in
        ["timestamp", "connection_pool_utilization", "average_query_time", "slow_queries", "database_size", "status", "region"]
    {
        assert!(columns.contains(name), "{name}, of the original interface");
    }
    let of = |key: &str| SCHEMA.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_prefix('"')?.strip_suffix('"'));
    assert_eq!(of("ENGINE "), Some("ReplacingMergeTree"));
    assert_eq!((of("ENGINE_SORTING_KEY"), of("ENGINE_VER")), (Some("region, database, timestamp"), Some("timestamp")));
    assert!(SCHEMA.lines().any(|line| line == "TOKEN \"isobar\" APPEND"));
    for line in SCHEMA.lines().filter(|line| line.trim().starts_with('`')) {
        let name = line.split('`').nth(1).expect("a name");
        assert!(line.contains(&format!("`json:$.{name}`")), "{line}");
    }
}

#[test]
fn each_question_asks_for_columns_that_there_are_by_parameters_that_are_none() {
    let columns = columns();
    for (name, text) in PIPES {
        let (_, sql) = text.split_once("SQL >\n").expect("a node");
        let (sql, kind) = sql.split_once("\nTYPE ").expect("a type");
        assert_eq!((sql.lines().next().map(str::trim), kind.trim()), (Some("%"), "endpoint"), "{name}");
        assert!(sql.contains(&format!("FROM {} FINAL", Settings::DATASOURCE)), "{name}: repeats are left out");
        assert!(text.contains(&format!("NODE {name}_node\n")) && text.contains("TOKEN \"isobar_dashboard\" READ"), "{name}");
        // Parameters stand in braces: typed, without quotes, and with a default unless they are only used when they are given.
        let (mut outside, mut rest) = (String::new(), sql);
        while let Some((before, braced)) = rest.split_once('{') {
            let (inside, after) = braced.split_once('}').expect("closed");
            outside.push_str(before);
            rest = after.trim_start_matches('}');
            let inside = inside.trim_start_matches(['{', '%']).trim_end_matches('%').trim();
            if let Some((_, arguments)) = inside.strip_suffix(')').and_then(|call| call.split_once('(')) {
                let parameter = arguments.split(',').next().unwrap_or_default().trim();
                assert!(!columns.contains(parameter) && !parameter.contains('\''), "{name}: {parameter}");
                let is_optional = sql.contains(&format!("defined({parameter})"));
                assert!(
                    arguments.contains(',') || is_optional || inside.starts_with("if "),
                    "{name}: {parameter} has no default"
                );
            }
        }
        outside.push_str(rest);
        let words: Vec<_> = outside.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').collect();
        let aliases: BTreeSet<_> = words.windows(2).filter(|pair| pair[0] == "AS").map(|pair| pair[1]).collect();
        assert!(aliases.is_disjoint(&columns), "{name}: an alias hides a column");
        let strange: Vec<_> = words
            .iter()
            .filter(|word| word.contains('_') && !columns.contains(*word) && !aliases.contains(*word))
            .filter(|word| **word != Settings::DATASOURCE)
            .collect();
        assert!(strange.is_empty(), "{name}: {strange:?}");
    }
}
