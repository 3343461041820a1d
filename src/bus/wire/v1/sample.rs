//! A sample and its reasons, as version 1 says them.

use crate::{
    bus::wire::{
        Refusal,
        word::{Word, frozen},
    },
    model::{Outcome, health, outcome, sample},
};

frozen! {
    Sample<'a> of sample::Sample {
        timestamp: i64,
        region: &'a str,
        target: &'a str,
        status: u8,
        #[serde(borrow)]
        reasons: Vec<Reason<'a>>,
        connection_pool: ConnectionPool,
        query_performance: QueryPerformance,
        database: Database,
        #[serde(borrow)]
        poolers: Vec<Pooler<'a>>,
        #[serde(borrow)]
        reachability: Reachability<'a>,
        #[serde(borrow)]
        probe: ProbeInfo<'a>,
    }

    ConnectionPool of sample::ConnectionPool {
        total_connections: Option<u32>,
        active_connections: Option<u32>,
        idle_connections: Option<u32>,
        idle_in_transaction: Option<u32>,
        waiting_clients: Option<u32>,
        average_wait_time: Option<f64>,
        max_wait_time: Option<f64>,
        utilization: Option<f64>,
        pool_size: Option<u32>,
    }

    QueryPerformance of sample::QueryPerformance {
        average_query_time: Option<f64>,
        slow_queries: Option<u64>,
        total_queries: Option<u64>,
        error_rate: Option<f64>,
        slow_query_rate: Option<f64>,
        queries_per_second: Option<f64>,
        average_active_sessions: Option<f64>,
    }

    Database of sample::Database {
        size: Option<f64>,
        size_bytes: Option<u64>,
        active_connections: Option<u32>,
        max_connections: Option<u32>,
        cache_hit_ratio: Option<f64>,
        growth_per_day: Option<f64>,
    }

    Pool<'a> of sample::Pool {
        database: &'a str,
        user: &'a str,
        mode: &'a str,
        size: Option<u32>,
        clients_active: u32,
        clients_waiting: u32,
        servers_active: u32,
        servers_idle: u32,
        servers_other: u32,
        max_wait_time: f64,
        paused: bool,
    }

    ViaPooler<'a> of sample::ViaPooler {
        outcome: u8,
        failed_phase: Option<u8>,
        message: Option<&'a str>,
        checked_at: i64,
        acquire: Option<f64>,
        phases: Phases,
    }

    Phases of outcome::Phases {
        dns: Option<f64>,
        tcp: Option<f64>,
        tls: Option<f64>,
        auth: Option<f64>,
        first_query: Option<f64>,
    }

    ProbeInfo<'a> of sample::ProbeInfo {
        impact: Option<f64>,
        interval_ms: u64,
        connections: u32,
        server_version: Option<&'a str>,
        throttled: Option<&'a str>,
        #[serde(borrow)]
        missing: Vec<Missing<'a>>,
    }

    Missing<'a> of sample::Missing {
        field: &'a str,
        cause: &'a str,
        fix: Option<&'a str>,
    }

    Reason<'a> of health::Reason {
        rule: u8,
        severity: u8,
        value: Option<f64>,
        threshold: Option<f64>,
        since: i64,
        message: &'a str,
        #[serde(borrow)]
        evidence: Evidence<'a>,
    }

    Evidence<'a> of health::Evidence {
        cause: Option<u8>,
        detail: Option<&'a str>,
        attempts: Option<u32>,
        pooler: Option<&'a str>,
        #[serde(borrow)]
        sessions: Vec<SessionEvidence<'a>>,
        #[serde(borrow)]
        holders: Vec<HolderEvidence<'a>>,
        #[serde(borrow)]
        queries: Vec<QueryEvidence<'a>>,
    }

    SessionEvidence<'a> of health::SessionEvidence {
        pid: i32,
        user: &'a str,
        application: &'a str,
        state: &'a str,
        wait: Option<&'a str>,
        query_id: Option<&'a str>,
        age_ms: f64,
        blocks: u32,
    }

    HolderEvidence<'a> of health::HolderEvidence {
        application: &'a str,
        user: &'a str,
        connections: u32,
        idle_in_transaction: u32,
    }

    QueryEvidence<'a> of health::QueryEvidence {
        query_id: &'a str,
        text: Option<&'a str>,
        calls: u64,
        mean_ms: f64,
        share: f64,
    }
}

/// How the target's own node gets in. What other regions see travels as messages of its own.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(in crate::bus::wire) struct Reachability<'a> {
    outcome: Option<u8>,
    failed_phase: Option<u8>,
    message: Option<&'a str>,
    checked_at: Option<i64>,
    phases: Phases,
    #[serde(borrow)]
    via_pooler: Option<ViaPooler<'a>>,
}

impl<'a> Word<'a, sample::Reachability> for Reachability<'a> {
    fn of(model: &'a sample::Reachability) -> Self {
        Self {
            outcome: Word::of(&model.outcome),
            failed_phase: Word::of(&model.failed_phase),
            message: Word::of(&model.message),
            checked_at: Word::of(&model.checked_at),
            phases: Word::of(&model.phases),
            via_pooler: Word::of(&model.via_pooler),
        }
    }

    fn thaw(self) -> Result<sample::Reachability, Refusal> {
        Ok(sample::Reachability {
            outcome: Word::thaw(self.outcome)?,
            failed_phase: Word::thaw(self.failed_phase)?,
            message: Word::thaw(self.message)?,
            checked_at: Word::thaw(self.checked_at)?,
            phases: Word::thaw(self.phases)?,
            via_pooler: Word::thaw(self.via_pooler)?,
            views: Vec::new(),
            verdict: None,
        })
    }
}

/// Of one that is neither up nor has anything wrong with it, a later model knows that nothing is known: there is no other word for that.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(in crate::bus::wire) struct Pooler<'a> {
    kind: u8,
    name: &'a str,
    up: bool,
    outcome: u8,
    #[serde(borrow)]
    pools: Vec<Pool<'a>>,
}

impl<'a> Word<'a, sample::Pooler> for Pooler<'a> {
    fn of(model: &'a sample::Pooler) -> Self {
        let sample::Pooler { kind, name, up, outcome, pools } = model;
        Self {
            kind: Word::of(kind),
            name: Word::of(name),
            up: up.unwrap_or_default(),
            outcome: Word::of(&outcome.unwrap_or(Outcome::Ok)),
            pools: Word::of(pools),
        }
    }

    fn thaw(self) -> Result<sample::Pooler, Refusal> {
        let outcome: Outcome = self.outcome.thaw()?;
        let is_known = self.up || outcome != Outcome::Ok;
        Ok(sample::Pooler {
            kind: self.kind.thaw()?,
            name: self.name.thaw()?,
            up: is_known.then_some(self.up),
            outcome: is_known.then_some(outcome),
            pools: self.pools.thaw()?,
        })
    }
}
