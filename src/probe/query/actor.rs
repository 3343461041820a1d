//! The query probe: on every tick of the statements interval it asks the server's slow lane for the statements and takes its
//! target's part of them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix::{Actor, AsyncContext, Context, Handler};

use crate::{
    clock,
    model::{queries::Queries, reading::Body, sample::Missing},
    probe::{
        StopProbe, TargetSettings,
        governor::Lane,
        voice::{HEARTBEAT, Voice},
    },
};

/// The first interval is short, so that figures appear soon after the start.
const FIRST_INTERVAL: Duration = Duration::from_secs(1);

/// See the module.
pub struct QueryProbe {
    voice: Voice,
    target: TargetSettings,
    due: Instant,
    readings: u32,
    /// Whether the server's statements have an interval yet.
    interval_seen: bool,
    reading: bool,
}

impl QueryProbe {
    /// A probe that reads for the first time at once.
    pub fn new(voice: Voice, target: TargetSettings) -> Self {
        Self { voice, target, due: clock::now(), readings: 0, interval_seen: false, reading: false }
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        if self.voice.is_orphaned() {
            return actix::ActorContext::stop(ctx);
        }
        let now = clock::now();
        ctx.run_later(self.voice.until_next(now, HEARTBEAT), Self::tick);
        if self.reading || now < self.due {
            self.voice.say(now, Body::Overrun);
            return;
        }
        self.reading = true;
        let interval = self.voice.server.interval(Lane::Statements);
        // On the grid that all targets of the server share, since each reading ends the interval of all of them; a little early,
        // so that the tick there finds it due.
        let next = if self.interval_seen { self.voice.until_next(now, interval) } else { FIRST_INTERVAL };
        self.due = now + next.saturating_sub(HEARTBEAT / 4);
        let fresh = if self.readings > 0 && !self.interval_seen { FIRST_INTERVAL } else { interval };
        let newer_than = now.checked_sub(fresh / 2).unwrap_or(now);
        let server = Arc::clone(&self.voice.server);
        let (database, slow_ms) = (self.target.url.dbname.clone(), self.target.slow_query_ms);
        let work = async move { server.slow().await.queries(&server, newer_than, &database, slow_ms).await };
        self.voice.run(ctx, work, |probe, queries: Result<Queries, Missing>, _| {
            probe.reading = false;
            probe.readings += u32::from(queries.is_ok());
            probe.interval_seen |= queries.as_ref().is_ok_and(|queries| queries.interval_ms.is_some());
            probe.voice.say(clock::now(), Body::Queries(queries.map(Arc::new)));
        });
    }
}

impl Actor for QueryProbe {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.tick(ctx);
    }
}

impl Handler<StopProbe> for QueryProbe {
    type Result = ();

    fn handle(&mut self, _: StopProbe, ctx: &mut Self::Context) {
        actix::ActorContext::stop(ctx);
    }
}
