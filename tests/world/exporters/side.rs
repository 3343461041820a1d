//! Two pages held against each other.

use std::collections::{BTreeMap, BTreeSet};

use isobar::sandbox::{PgBouncer, Postgres};

use crate::support::{secs, until};

type Labels = BTreeMap<String, String>;

/// Series by name and labels.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page(BTreeMap<(String, Labels), f64>);

/// What Debian's PgBouncer exporter calls what all others know by another name, and in which unit.
const DEBIANS: [(&str, &str, f64); 8] = [
    ("pgbouncer_active_clients", "pgbouncer_pools_client_active_connections", 1.0),
    ("pgbouncer_waiting_clients", "pgbouncer_pools_client_waiting_connections", 1.0),
    ("pgbouncer_received_bytes_total", "pgbouncer_stats_totals_received_bytes_total", 1.0),
    ("pgbouncer_sent_bytes_total", "pgbouncer_stats_totals_sent_bytes_total", 1.0),
    ("pgbouncer_query_microseconds_total", "pgbouncer_stats_totals_queries_duration_seconds_total", 1e-6),
    ("pgbouncer_pool_size", "pgbouncer_databases_pool_size", 1.0),
    ("pgbouncer_reserve_pool", "pgbouncer_databases_reserve_pool", 1.0),
    ("pgbouncer_used_clients", "pgbouncer_used_clients", 1.0),
];

/// What pgbouncer_exporter makes of the console: of which table, its columns that are labels, and each column's name and factor.
const CONSOLE: [(&str, &str, &[&str], &[(&str, &str, f64)]); 3] = [
    (
        "SHOW POOLS",
        "pgbouncer_pools_",
        &["database", "user"],
        &[
            ("cl_active", "client_active_connections", 1.0),
            ("cl_waiting", "client_waiting_connections", 1.0),
            ("sv_active", "server_active_connections", 1.0),
            ("sv_idle", "server_idle_connections", 1.0),
            ("maxwait", "client_maxwait_seconds", 1.0),
        ],
    ),
    (
        "SHOW STATS_TOTALS",
        "pgbouncer_stats_totals_",
        &["database"],
        &[
            ("query_count", "queries_pooled_total", 1.0),
            ("query_time", "queries_duration_seconds_total", 1e-6),
            ("bytes_received", "received_bytes_total", 1.0),
            ("bytes_sent", "sent_bytes_total", 1.0),
            ("wait_time", "client_wait_seconds_total", 1e-6),
            ("xact_count", "sql_transactions_pooled_total", 1.0),
            ("xact_time", "server_in_transaction_seconds_total", 1e-6),
        ],
    ),
    (
        "SHOW DATABASES",
        "pgbouncer_databases_",
        &["name", "host", "port", "database", "force_user"],
        &[
            ("pool_size", "pool_size", 1.0),
            ("reserve_pool", "reserve_pool", 1.0),
            ("reserve_pool_size", "reserve_pool", 1.0),
            ("max_connections", "max_connections", 1.0),
            ("current_connections", "current_connections", 1.0),
            ("paused", "paused", 1.0),
            ("disabled", "disabled", 1.0),
        ],
    ),
];

impl Page {
    /// The lines that hold a value.
    pub(crate) fn read(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        Self(lines.map(series).collect())
    }

    /// Those whose names start so.
    pub(crate) fn only(self, start: &str) -> Self {
        self.kept(|(name, _), _| name.starts_with(start))
    }

    /// Those with that label so, or without it.
    pub(crate) fn having(self, label: &str, value: &str) -> Self {
        self.kept(|(_, labels), _| labels.get(label).is_none_or(|found| found == value))
    }

    fn kept(mut self, keep: impl Fn(&(String, Labels), &mut f64) -> bool) -> Self {
        self.0.retain(keep);
        self
    }

    /// The same without these labels, and without those that are empty: to Prometheus that is the same.
    pub(crate) fn without(self, labels: &[&str]) -> Self {
        self.mapped(|(name, mut own), value| {
            own.retain(|label, value| !labels.contains(&label.as_str()) && !value.is_empty());
            Some(((name, own), value))
        })
    }

    fn mapped(self, change: impl Fn((String, Labels), f64) -> Option<((String, Labels), f64)>) -> Self {
        Self(self.0.into_iter().filter_map(|(key, value)| change(key, value)).collect())
    }

    /// Sessions by state alone, as exporters before 0.12 had them: counts added up, ages the largest.
    pub(crate) fn folded(self) -> Self {
        let mut folded = Self::default();
        for ((name, mut labels), value) in self.0 {
            let sessions = name.starts_with("pg_stat_activity_");
            if sessions {
                labels.retain(|label, _| label == "datname" || label == "state");
            }
            let counted = name == "pg_stat_activity_count";
            let entry = folded.0.entry((name, labels)).or_insert(0.0);
            *entry = if counted { *entry + value } else { value.max(*entry) };
        }
        folded
    }

    /// Isobar does not count itself, its clients that knock least of all; states that nobody is in it leaves out.
    pub(crate) fn less_isobars_sessions(self, server: &Postgres, database: &str) -> Self {
        let rows = server.sql(
            "postgres",
            &format!(
                "SELECT state, count(*) FROM pg_stat_activity WHERE datname = '{database}' AND application_name = 'isobar' GROUP BY 1"
            ),
        );
        let rows = rows.expect("SQL");
        let own: BTreeMap<_, f64> = rows
            .iter()
            .map(|row| (row.get(0).unwrap_or_default().to_owned(), row.get(1).expect("a count").parse().expect("a number")))
            .collect();
        self.mapped(|(name, labels), value| {
            let state = labels.get("state").cloned().unwrap_or_default();
            let value = if name == "pg_stat_activity_count" { value - own.get(&state).unwrap_or(&0.0) } else { value };
            let nobody = name.starts_with("pg_stat_activity_") && value == 0.0;
            (!nobody).then_some(((name, labels), value))
        })
    }

    /// Debian's PgBouncer exporter in the words of the others.
    pub(crate) fn named_as_the_others(self) -> Self {
        self.mapped(|(name, labels), value| {
            let (_, known, factor) = DEBIANS.iter().find(|(theirs, ..)| *theirs == name)?;
            Some((((*known).to_owned(), labels), value * factor))
        })
    }
}

/// The console, as pgbouncer_exporter reads it.
pub(crate) fn console(pooler: &PgBouncer) -> Page {
    let mut page = Page::default();
    for (table, prefix, labels, columns) in CONSOLE {
        for row in pooler.console(table).expect("the console") {
            let column = |name: &str| {
                let at = row.columns().iter().position(|column| column.name() == name)?;
                Some(row.get(at).unwrap_or_default().to_owned())
            };
            let own: Labels = labels.iter().filter_map(|label| Some(((*label).to_owned(), column(label)?))).collect();
            for (name, metric, factor) in columns {
                if let Some(value) = column(name) {
                    let value: f64 = value.parse().expect("a number");
                    page.0.insert((format!("{prefix}{metric}"), own.clone()), value * factor);
                }
            }
        }
    }
    page
}

fn series(line: &str) -> ((String, Labels), f64) {
    let (key, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
    let (name, mut rest) = key.split_once('{').unwrap_or((key, "}"));
    let mut labels = Labels::new();
    while let Some((label, text)) = rest.trim_start_matches(',').split_once("=\"") {
        let end = text.find('"').expect("no quotes within labels here");
        labels.insert(label.to_owned(), text[..end].to_owned());
        rest = &text[end + 1..];
    }
    ((name.to_owned(), labels), value.parse().unwrap_or_else(|_| panic!("no number: {line}")))
}

/// What the two sides say of themselves rather than of the server, or what they mean differently by intent.
const OF_THEIR_OWN: [&str; 2] = ["pg_exporter_", "pg_scrape_"];

/// Gauges that go on between two readings, and by how much they may: a duration by the seconds between, a size by what is written.
fn drift(name: &str, theirs: f64) -> f64 {
    match name {
        "pg_stat_database_stats_reset" => 1.0,
        "pg_stat_activity_max_tx_duration" | "pgbouncer_pools_client_maxwait_seconds" => 2.0,
        "pg_database_size_bytes" => 0.02 * theirs,
        _ => 0.0,
    }
}

fn counts(name: &str) -> bool {
    let gauges = ["pg_stat_database_numbackends", "pg_stat_database_stats_reset"];
    name.ends_with("_total") || (name.starts_with("pg_stat_database_") && !gauges.contains(&name))
}

/// Waits until every series whose name both have agrees, in labels and value; those names.
#[track_caller]
pub(crate) fn agree(mine: impl Fn() -> Page, theirs: impl Fn() -> Page) -> BTreeSet<String> {
    let (names, _) = until("both pages agree", secs(40), || {
        let (before, other) = (mine(), theirs());
        let names: BTreeSet<String> = {
            let of = |page: &Page| page.0.keys().map(|(name, _)| name.clone()).collect::<BTreeSet<_>>();
            let both = of(&before).intersection(&of(&other)).cloned().collect::<BTreeSet<_>>();
            both.into_iter().filter(|name| !OF_THEIR_OWN.iter().any(|own| name.starts_with(own))).collect()
        };
        // Counters of the moment of the other's page are seen here with the next reading.
        let mut after = mine();
        let (keys, _) = until("the counters come as far", secs(20), || {
            let keys: Vec<_> = other.0.keys().filter(|(name, _)| names.contains(name)).collect();
            let behind = keys.iter().find(|key| counts(&key.0) && after.0.get(key).is_some_and(|own| *own < other.0[*key]));
            let late = behind.map(|key| format!("{key:?}: {} of {}", after.0[*key], other.0[*key]));
            if late.is_some() {
                after = mine();
            }
            late.map_or(Ok(keys), Err)
        });
        let mut wrong = Vec::new();
        for key in keys {
            let (name, value) = (&key.0, other.0[key]);
            match (before.0.get(key), after.0.get(key)) {
                (Some(first), Some(last)) => {
                    let agrees = if counts(name) {
                        *first <= value + 1e-9 && value <= last + 1e-9 && last - first <= 500.0 + 0.05 * value
                    } else {
                        [first, last].iter().any(|own| (**own - value).abs() <= drift(name, value))
                    };
                    if !agrees {
                        wrong.push(format!("{key:?}: {value}, not {first} to {last}"));
                    }
                }
                _ => wrong.push(format!("{key:?} is missing")),
            }
        }
        let strange =
            before.0.keys().filter(|key| names.contains(&key.0) && before.0[*key] != 0.0 && !other.0.contains_key(*key));
        wrong.extend(strange.map(|key| format!("{key:?} is only here")));
        if wrong.is_empty() { Ok(names) } else { Err(wrong.join("\n")) }
    });
    names
}
