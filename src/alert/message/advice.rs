//! What to do first: the exact commands for each rule, built from its evidence. First what looks, then what changes something; what
//! ends sessions comes last and says so. What comes from the database is quoted: a role may be called `"; DROP TABLE x; --`.

mod quote;

use quote::{identifier, shell};

use super::Command;
use crate::model::{
    Evidence, Outcome, Rule, TargetName,
    alert::Alert,
    health::{QueryEvidence, SessionEvidence},
};

const HOLDERS: &str = "SELECT application_name, usename, state, count(*), max(now() - state_change) AS longest FROM pg_stat_activity \
                       WHERE backend_type = 'client backend' GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT 10;";

const RUNNING: &str = "SELECT pid, usename, application_name, now() - query_start AS runs, wait_event_type, wait_event, \
                       left(query, 60) AS query FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() \
                       AND backend_type = 'client backend' ORDER BY query_start LIMIT 10;";

const IN_TRANSACTION: &str = "SELECT pid, usename, application_name, now() - state_change AS idle, left(query, 60) AS last_query \
                              FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' ORDER BY state_change LIMIT 10;";

const BLOCKED: &str = "SELECT pid, pg_blocking_pids(pid) AS blocked_by, now() - query_start AS waits, left(query, 60) AS query \
                       FROM pg_stat_activity WHERE wait_event_type = 'Lock' ORDER BY query_start LIMIT 10;";

const PREPARED: &str = "SELECT gid, prepared, owner, database FROM pg_prepared_xacts ORDER BY prepared;";

const SLOTS: &str = "SELECT slot_name, active, wal_status, pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)) \
                     AS retained FROM pg_replication_slots ORDER BY restart_lsn;";

/// What to do first for this alert.
pub(super) fn first(alert: &Alert) -> Vec<Command> {
    let Alert { evidence, target, .. } = alert;
    let place = Place::of(alert.server.as_deref());
    match alert.rule {
        Rule::DatabaseDown => down(evidence, &place),
        Rule::DatabaseUnresponsive => unresponsive(&place),
        Rule::DatabaseRejecting => rejecting(evidence, &place),
        Rule::PoolerDown => pooler_down(evidence, target.as_ref()),
        Rule::RegionBlind => blind(),
        Rule::PoolSaturated | Rule::PoolWaiting => pool(evidence),
        Rule::ConnectionLeak => leak(evidence),
        Rule::BlockingChain => blocking(evidence),
        Rule::QuerySlow | Rule::SlowQueryRate | Rule::Anomaly => slow(evidence),
        Rule::ErrorRate => errors(),
        Rule::CacheHitLow => cache(),
        Rule::SizeGrowth => growth(),
        Rule::ReplicationLag => replication(),
        Rule::XidWraparound => wraparound(),
        Rule::DeliveryFailing => delivery(target.as_ref()),
    }
}

/// Where a server is, as words for a shell.
struct Place {
    host: String,
    port: String,
}

impl Place {
    /// Of `host:port`, or `[host]:port`; placeholders where it is not known.
    fn of(address: Option<&str>) -> Self {
        let (host, port) = address.and_then(|address| address.rsplit_once(':')).unwrap_or(("HOST", "PORT"));
        Self { host: shell(host.trim_start_matches('[').trim_end_matches(']')), port: shell(port) }
    }

    fn is_ready(&self) -> String {
        format!("pg_isready -h {} -p {}", self.host, self.port)
    }
}

fn run(purpose: &str, command: impl Into<String>) -> Command {
    Command { purpose: purpose.to_owned(), command: command.into() }
}

fn down(evidence: &Evidence, place: &Place) -> Vec<Command> {
    let reach = match evidence.cause {
        Some(Outcome::DnsFailed) => run("Whether the host name resolves", format!("getent hosts {}", place.host)),
        Some(Outcome::TcpTimeout) => run("Whether the host answers at all", format!("ping -c 3 {}", place.host)),
        _ => run("Whether anything listens", place.is_ready()),
    };
    vec![
        reach,
        run("On its host: whether the server runs", "systemctl status 'postgresql*' --no-pager"),
        run("On its host: what it said last (out of memory, disk full, a crash)", "journalctl -u 'postgresql*' -n 50 --no-pager"),
    ]
}

fn unresponsive(place: &Place) -> Vec<Command> {
    vec![
        run("Whether it answers by now", place.is_ready() + " -t 3"),
        run(
            "On its host: processes stuck on the disk (state D), or none that run",
            "ps -eo pid,stat,wchan:20,args | grep '[p]ostgres'",
        ),
        run("On its host: disks that are full or slow", "df -h; iostat -x 1 3"),
    ]
}

fn rejecting(evidence: &Evidence, place: &Place) -> Vec<Command> {
    match evidence.cause {
        Some(Outcome::AuthFailed) => vec![
            run(
                "As superuser: the rules of pg_hba.conf, and which of them are wrong",
                "SELECT line_number, type, database, user_name, address, auth_method, error FROM pg_hba_file_rules;",
            ),
            run(
                "As superuser: roles that may not log in, or not any more",
                "SELECT rolname, rolcanlogin, rolvaliduntil FROM pg_roles WHERE NOT rolcanlogin OR rolvaliduntil < now();",
            ),
        ],
        Some(Outcome::NoSuchDatabase) => vec![run("The databases there are", "SELECT datname, datallowconn FROM pg_database;")],
        Some(Outcome::StartingUp | Outcome::ShuttingDown | Outcome::InRecovery) => vec![
            run("On its host: what it is doing, and whether it goes on", "journalctl -u 'postgresql*' -n 20 --no-pager"),
            run("Whether it takes connections by now", place.is_ready()),
        ],
        Some(Outcome::TlsFailed) => vec![run(
            "Its certificate, and until when it holds",
            format!(
                "openssl s_client -starttls postgres -connect {}:{} </dev/null 2>/dev/null | openssl x509 -noout -subject -dates",
                place.host, place.port
            ),
        )],
        Some(Outcome::TooManyConnections) => vec![
            run("As superuser, who has reserved slots: who holds the connections", HOLDERS),
            run(
                "As superuser, last resort: ends sessions that did nothing for 10 minutes",
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE state = 'idle' AND backend_type = 'client backend' AND state_change < now() - interval '10 minutes';",
            ),
        ],
        _ => vec![
            run("Whether it takes connections by now", place.is_ready()),
            run("On its host: a full accept queue (Recv-Q above Send-Q)", "ss -ltn"),
        ],
    }
}

/// How to reach the console of the pooler that the evidence names, as `host:port` and perhaps ` database/user` after it.
fn console(evidence: &Evidence) -> String {
    let Place { host, port } = Place::of(evidence.pooler.as_deref().and_then(|pooler| pooler.split(' ').next()));
    format!("psql -h {host} -p {port} -d pgbouncer")
}

fn pooler_down(evidence: &Evidence, target: Option<&TargetName>) -> Vec<Command> {
    let psql = console(evidence);
    let mut commands = vec![
        run("Whether the pooler's console answers, and what is paused or disabled", format!("{psql} -c 'SHOW DATABASES;'")),
        run("On its host: whether it runs, and what it said last", "systemctl status pgbouncer --no-pager -n 20"),
    ];
    if evidence.cause == Some(Outcome::PoolerPaused) {
        // A bare RESUME is refused when databases were paused one by one.
        let resume = target.map_or_else(|| "RESUME;".to_owned(), |target| format!("RESUME {};", identifier(target.as_str())));
        commands.push(run(
            "When nobody paused it on purpose (the database by its name in SHOW DATABASES; ENABLE when it is disabled)",
            format!("{psql} -c {}", shell(&resume)),
        ));
    }
    commands
}

fn blind() -> Vec<Command> {
    vec![
        run("On the region's nodes: whether Isobar runs", "systemctl status isobar --no-pager"),
        run("What it says is not ready", "curl -s http://127.0.0.1:3000/readyz"),
        run("On the region's nodes: why not", "journalctl -u isobar -n 50 --no-pager"),
    ]
}

fn pool(evidence: &Evidence) -> Vec<Command> {
    let psql = console(evidence);
    let mut commands = Vec::new();
    if evidence.pooler.is_some() {
        commands.push(run(
            "Who waits (cl_waiting, maxwait) for which pool, and how many servers it has",
            format!("{psql} -c 'SHOW POOLS;'"),
        ));
    }
    commands.push(run("Who holds the connections, and in which state", HOLDERS));
    match evidence.holders.first() {
        Some(holder) if holder.idle_in_transaction > holder.connections / 2 => {
            commands.push(run("Transactions left open hold them: which", IN_TRANSACTION));
        }
        _ => commands.push(run("What runs now, the oldest first", RUNNING)),
    }
    commands
}

/// Whether the evidence names a session that can be looked at; prepared transactions have none.
fn named(evidence: &Evidence) -> Option<&SessionEvidence> {
    evidence.sessions.first().filter(|session| session.pid > 0)
}

fn terminate(pid: i32) -> Command {
    run("Last resort: ends that session and rolls its transaction back", format!("SELECT pg_terminate_backend({pid});"))
}

fn leak(evidence: &Evidence) -> Vec<Command> {
    let mut commands = vec![run("Transactions left open, the oldest first", IN_TRANSACTION)];
    if let Some(session) = named(evidence) {
        commands.push(run(
            "So that it cannot happen again: new sessions of that role end after a minute idle in transaction",
            format!("ALTER ROLE {} SET idle_in_transaction_session_timeout = '60s';", identifier(&session.user)),
        ));
        commands.push(terminate(session.pid));
    }
    commands
}

fn blocking(evidence: &Evidence) -> Vec<Command> {
    let mut commands = vec![run("Who waits for whom", BLOCKED)];
    match evidence.sessions.first().filter(|session| session.blocks > 0) {
        Some(root) if root.pid > 0 => {
            commands.insert(0, run(
                "The root of the chain, and what it did last",
                format!("SELECT pid, usename, application_name, state, now() - xact_start AS in_transaction, query FROM pg_stat_activity WHERE pid = {};", root.pid),
            ));
            if root.state == "active" {
                commands.push(run("Cancels what the root runs", format!("SELECT pg_cancel_backend({});", root.pid)));
            }
            commands.push(terminate(root.pid));
        }
        _ => commands.push(run("Prepared transactions that hold locks; end one by ROLLBACK PREPARED 'gid'", PREPARED)),
    }
    commands
}

fn slow(evidence: &Evidence) -> Vec<Command> {
    let mut commands = Vec::new();
    // A query id is a number; anything else is no id and names nothing.
    let id = |query: &QueryEvidence| query.query_id.parse::<i64>().ok();
    if let Some(id) = evidence.queries.iter().find_map(id) {
        commands.push(run(
            "The slowest statement: its text, times, rows and blocks since its statistics began",
            format!("SELECT calls, mean_exec_time, max_exec_time, rows, shared_blks_read, temp_blks_written, query FROM pg_stat_statements WHERE queryid = {id};"),
        ));
    }
    commands.push(run("What runs now, the oldest first, and what it waits for", RUNNING));
    match named(evidence) {
        Some(session) => commands.push(run("Cancels the oldest query", format!("SELECT pg_cancel_backend({});", session.pid))),
        None => commands.push(run("Tables read row by row, or full of dead rows: an index or a VACUUM is missing", "SELECT relname, seq_scan, seq_tup_read, n_live_tup, n_dead_tup, last_autovacuum FROM pg_stat_user_tables ORDER BY seq_tup_read DESC LIMIT 10;")),
    }
    commands
}

fn errors() -> Vec<Command> {
    vec![
        run(
            "Which kind of failure grows: run it twice",
            "SELECT xact_commit, xact_rollback, deadlocks, conflicts, sessions_abandoned, sessions_fatal, sessions_killed FROM pg_stat_database WHERE datname = current_database();",
        ),
        run("On its host: the errors themselves", "journalctl -u 'postgresql*' -n 200 --no-pager | grep -E 'ERROR|FATAL'"),
        run(
            "Transactions that failed and were not ended",
            "SELECT pid, usename, application_name, left(query, 60) AS query FROM pg_stat_activity WHERE state = 'idle in transaction (aborted)';",
        ),
    ]
}

fn cache() -> Vec<Command> {
    vec![
        run(
            "Tables whose blocks are read from disk most",
            "SELECT relname, heap_blks_read + coalesce(idx_blks_read, 0) AS read, heap_blks_hit + coalesce(idx_blks_hit, 0) AS hit FROM pg_statio_user_tables ORDER BY 2 DESC LIMIT 10;",
        ),
        run(
            "Statements that read them",
            "SELECT queryid, calls, shared_blks_read, shared_blks_hit, left(query, 60) AS query FROM pg_stat_statements ORDER BY shared_blks_read DESC LIMIT 10;",
        ),
        run(
            "The cache and the database side by side",
            "SELECT current_setting('shared_buffers') AS cache, pg_size_pretty(pg_database_size(current_database())) AS database;",
        ),
    ]
}

fn growth() -> Vec<Command> {
    vec![
        run(
            "The largest tables, with their indexes, and rows that are dead",
            "SELECT relname, pg_size_pretty(pg_total_relation_size(relid)) AS size, n_tup_ins, n_live_tup, n_dead_tup, last_autovacuum FROM pg_stat_user_tables ORDER BY pg_total_relation_size(relid) DESC LIMIT 10;",
        ),
        run("On the primary: what is kept for replicas and consumers that are gone", SLOTS),
        run("On its host: what room there is", "df -h"),
    ]
}

fn replication() -> Vec<Command> {
    vec![
        run(
            "On the primary: each replica, and which step lags",
            "SELECT application_name, client_addr, state, write_lag, flush_lag, replay_lag FROM pg_stat_replication;",
        ),
        run("On the primary: what slots retain", SLOTS),
        run(
            "On the replica: the age of what it replayed last",
            "SELECT now() - pg_last_xact_replay_timestamp() AS behind, pg_is_wal_replay_paused() AS paused;",
        ),
    ]
}

fn wraparound() -> Vec<Command> {
    vec![
        run(
            "The age of each database; PostgreSQL stops writing near 2,146 million",
            "SELECT datname, age(datfrozenxid) FROM pg_database ORDER BY 2 DESC;",
        ),
        run(
            "What holds the oldest transaction id",
            "SELECT 'session ' || pid AS holder, age(backend_xmin) FROM pg_stat_activity WHERE backend_xmin IS NOT NULL UNION ALL SELECT 'slot ' || slot_name, greatest(age(xmin), age(catalog_xmin)) FROM pg_replication_slots UNION ALL SELECT 'prepared ' || gid, age(transaction) FROM pg_prepared_xacts ORDER BY 2 DESC NULLS LAST LIMIT 5;",
        ),
        run(
            "The tables to VACUUM (FREEZE) first",
            "SELECT oid::regclass AS relation, age(relfrozenxid), pg_size_pretty(pg_total_relation_size(oid)) AS size FROM pg_class WHERE relkind IN ('r', 'm', 't') ORDER BY 2 DESC LIMIT 10;",
        ),
    ]
}

fn delivery(channel: Option<&TargetName>) -> Vec<Command> {
    let channel = channel.map_or("CHANNEL", TargetName::as_str);
    vec![
        run("Sends one marked message there and shows the provider's answer", format!("isobar alerts test {}", shell(channel))),
        run("Looks at every channel without sending anything", "isobar check"),
    ]
}

#[cfg(test)]
mod tests;
