//! Starts probe actors: joins a target to its server's session and its poolers' consoles, and picks the thread.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use actix::{Actor, Addr, Arbiter, ArbiterHandle, Handler, Recipient};
use tokio::runtime::Handle;

use super::{
    DeathWatch, Sampling, Spawn, Stop, StopProbe, TargetSettings,
    database::DatabaseProbe,
    pool::{Metrics, PoolProbe, pgbouncer::Dialect},
    query::QueryProbe,
    session::Registry,
    voice::Voice,
};
use crate::model::reading::{ProbeKind, Reading};

/// Starts the probes of one region.
pub struct Launcher {
    registry: Arc<Registry>,
    sampling: Sampling,
    io: Handle,
    arbiter: ArbiterHandle,
    dropped: Arc<AtomicU64>,
}

impl Launcher {
    /// A launcher whose probes share `registry`, read on `io` and live on a thread of their own. To be called inside an
    /// actix system.
    pub fn new(registry: Arc<Registry>, sampling: Sampling, io: Handle) -> Self {
        let arbiter = Arbiter::new().handle();
        Self { registry, sampling, io, arbiter, dropped: Arc::default() }
    }
}

impl Launcher {
    /// The thread of its probes, for who must end them all.
    pub fn arbiter(&self) -> ArbiterHandle {
        self.arbiter.clone()
    }
}

impl Spawn for Launcher {
    fn spawn(&self, target: &TargetSettings, to: Recipient<Reading>, watch: DeathWatch, elsewhere: bool) -> Box<dyn Stop> {
        let server = self.registry.server(&target.url, &self.sampling);
        let (dropped, io) = (Arc::clone(&self.dropped), self.io.clone());
        let kind = watch.probe;
        if kind == ProbeKind::Pool {
            server.join(&target.id, watch.generation, &target.url);
        }
        let voice = Voice { to, watch, dropped, server, io, origin: self.registry.origin() };
        let arbiter = if elsewhere { Arbiter::new().handle() } else { self.arbiter.clone() };
        let target = target.clone();
        match kind {
            ProbeKind::Pool => {
                let console = |pooler: &super::PoolerSettings| {
                    let dialect = Dialect::of(pooler.kind)?;
                    pooler.console.as_ref().map(|url| self.registry.console(dialect, url))
                };
                let metrics =
                    |pooler: &super::PoolerSettings| Metrics::of(pooler, &self.sampling, |source| self.registry.page(source));
                let sources = target.poolers.iter().map(|pooler| (console(pooler), metrics(pooler))).collect();
                Running::start(PoolProbe::start_in_arbiter(&arbiter, move |_| PoolProbe::new(voice, target, sources)))
            }
            ProbeKind::Query => Running::start(QueryProbe::start_in_arbiter(&arbiter, move |_| QueryProbe::new(voice, target))),
            ProbeKind::Database => {
                let office = target.supabase.as_ref().map(|project| self.registry.office(project));
                let page = target.machine.as_ref().map(|source| (self.registry.page(source), source.every(&self.sampling)));
                Running::start(DatabaseProbe::start_in_arbiter(&arbiter, move |_| {
                    DatabaseProbe::new(voice, target, office, page)
                }))
            }
        }
    }

    fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

struct Running<A: Actor>(Addr<A>);

impl<A> Running<A>
where
    A: Actor<Context = actix::Context<A>> + Handler<StopProbe>,
{
    fn start(addr: Addr<A>) -> Box<dyn Stop> {
        Box::new(Self(addr))
    }
}

impl<A> Stop for Running<A>
where
    A: Actor<Context = actix::Context<A>> + Handler<StopProbe>,
{
    fn stop(&self) {
        self.0.do_send(StopProbe);
    }
}
