//! What stands behind a sample, as version 1 says it.

use crate::{
    bus::wire::{
        Refusal,
        word::{Word, frozen},
    },
    model::{activity, counters, queries},
};

frozen! {
    Activity<'a> of activity::Activity {
        #[serde(borrow)]
        server: Server<'a>,
        states: States,
        average_active_sessions: f64,
        #[serde(borrow)]
        waits: Vec<WaitCount<'a>>,
        #[serde(borrow)]
        running: Vec<QueryActivity<'a>>,
        #[serde(borrow)]
        holders: Vec<Holder<'a>>,
        #[serde(borrow)]
        sessions: Vec<Session<'a>>,
        sessions_left_out: u32,
        blocked: u32,
        longest_blocked_ms: Option<f64>,
        oldest_transaction_ms: Option<f64>,
        oldest_idle_in_transaction_ms: Option<f64>,
    }

    Server<'a> of activity::Server {
        client_backends: u32,
        max_connections: u32,
        reserved_connections: u32,
        version: &'a str,
        in_recovery: bool,
    }

    States of activity::States {
        total: u32,
        active: u32,
        idle: u32,
        idle_in_transaction: u32,
        hidden: u32,
    }

    WaitCount<'a> of activity::WaitCount {
        wait_event_type: &'a str,
        wait_event: &'a str,
        sessions: f64,
    }

    QueryActivity<'a> of activity::QueryActivity {
        query_id: Option<&'a str>,
        sessions: f64,
    }

    Holder<'a> of activity::Holder {
        application: &'a str,
        user: &'a str,
        states: States,
        oldest_transaction_ms: Option<f64>,
    }

    Session<'a> of activity::Session {
        pid: i32,
        user: &'a str,
        application: &'a str,
        state: &'a str,
        wait_event_type: Option<&'a str>,
        wait_event: Option<&'a str>,
        query_id: Option<&'a str>,
        transaction_ms: Option<f64>,
        query_ms: Option<f64>,
        state_ms: Option<f64>,
        blocked_by: Vec<i32>,
    }

    Queries<'a> of queries::Queries {
        interval_ms: Option<f64>,
        taken_at: Option<i64>,
        calls: u64,
        slow_calls: u64,
        total_ms: f64,
        calls_total: u64,
        reset_at: Option<i64>,
        evictions: Option<u64>,
        #[serde(borrow)]
        statements: Vec<Statement<'a>>,
    }

    DatabaseCounters<'a> of counters::DatabaseCounters {
        datid: u32,
        datname: &'a str,
        numbackends: u32,
        xact_commit: u64,
        xact_rollback: u64,
        blks_read: u64,
        blks_hit: u64,
        tup_returned: u64,
        tup_fetched: u64,
        tup_inserted: u64,
        tup_updated: u64,
        tup_deleted: u64,
        conflicts: u64,
        temp_files: u64,
        temp_bytes: u64,
        deadlocks: u64,
        blk_read_time: f64,
        blk_write_time: f64,
        active_time: Option<f64>,
        idle_in_transaction_time: Option<f64>,
        sessions: Option<u64>,
        sessions_abandoned: Option<u64>,
        sessions_fatal: Option<u64>,
        sessions_killed: Option<u64>,
        stats_reset: Option<i64>,
    }

    PoolerDetail<'a> of counters::PoolerDetail {
        name: &'a str,
        version: Option<&'a str>,
        max_client_connections: Option<u32>,
        used_clients: Option<u32>,
        mean_wait_ms: Option<f64>,
        assignments: u64,
        #[serde(borrow)]
        counters: Vec<PoolerCounters<'a>>,
        #[serde(borrow)]
        databases: Vec<PoolerDatabase<'a>>,
    }

    PoolerCounters<'a> of counters::PoolerCounters {
        database: &'a str,
        server_assignments: Option<u64>,
        transactions: u64,
        queries: u64,
        received_bytes: u64,
        sent_bytes: u64,
        transaction_seconds: f64,
        query_seconds: f64,
        wait_seconds: f64,
    }

    PoolerDatabase<'a> of counters::PoolerDatabase {
        name: &'a str,
        host: &'a str,
        port: u16,
        database: &'a str,
        force_user: Option<&'a str>,
        pool_size: u32,
        reserve_pool: u32,
        max_connections: u32,
        current_connections: u32,
        paused: bool,
        disabled: bool,
    }
}

/// How much its single times vary came later and has no words here: another node does without.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(in crate::bus::wire) struct Statement<'a> {
    query_id: &'a str,
    user: &'a str,
    text: Option<&'a str>,
    calls: u64,
    mean_ms: f64,
    total_ms: f64,
    share: f64,
    rows: u64,
    cache_hit_ratio: Option<f64>,
    slow: bool,
    calls_total: u64,
    seconds_total: f64,
    rows_total: u64,
}

impl<'a> Word<'a, queries::Statement> for Statement<'a> {
    fn of(model: &'a queries::Statement) -> Self {
        Self {
            query_id: Word::of(&model.query_id),
            user: Word::of(&model.user),
            text: Word::of(&model.text),
            calls: Word::of(&model.calls),
            mean_ms: Word::of(&model.mean_ms),
            total_ms: Word::of(&model.total_ms),
            share: Word::of(&model.share),
            rows: Word::of(&model.rows),
            cache_hit_ratio: Word::of(&model.cache_hit_ratio),
            slow: Word::of(&model.slow),
            calls_total: Word::of(&model.calls_total),
            seconds_total: Word::of(&model.seconds_total),
            rows_total: Word::of(&model.rows_total),
        }
    }

    fn thaw(self) -> Result<queries::Statement, Refusal> {
        Ok(queries::Statement {
            query_id: self.query_id.thaw()?,
            user: self.user.thaw()?,
            text: self.text.thaw()?,
            calls: self.calls.thaw()?,
            mean_ms: self.mean_ms.thaw()?,
            total_ms: self.total_ms.thaw()?,
            share: self.share.thaw()?,
            rows: self.rows.thaw()?,
            cache_hit_ratio: self.cache_hit_ratio.thaw()?,
            slow: self.slow.thaw()?,
            calls_total: self.calls_total.thaw()?,
            seconds_total: self.seconds_total.thaw()?,
            rows_total: self.rows_total.thaw()?,
            stddev_ms: None,
        })
    }
}
