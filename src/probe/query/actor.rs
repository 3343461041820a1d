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
    reading: bool,
}

impl QueryProbe {
    /// A probe that reads for the first time at once.
    pub fn new(voice: Voice, target: TargetSettings) -> Self {
        Self { voice, target, due: clock::now(), readings: 0, reading: false }
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
        let interval = if self.readings == 0 { FIRST_INTERVAL } else { self.voice.server.interval(Lane::Statements) };
        // A little early, so that the tick on the grid finds it due.
        self.due = (now + interval).checked_sub(HEARTBEAT / 4).unwrap();
        // The server's other targets tick on the same grid; one of them may have read a moment ago.
        let newer_than = now.checked_sub(HEARTBEAT / 2).unwrap_or(now);
        let server = Arc::clone(&self.voice.server);
        let (database, slow_ms) = (self.target.url.dbname.clone(), self.target.slow_query_ms);
        let work = async move { server.slow().await.queries(&server, newer_than, &database, slow_ms).await };
        self.voice.run(ctx, work, |probe, queries: Result<Queries, Missing>, _| {
            probe.reading = false;
            probe.readings += u32::from(queries.is_ok());
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
