//! The database probe: counters, replication, the size and upkeep, each on its own interval, over the server's slow lane.

mod machine;
mod upkeep;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix::{Actor, AsyncContext, Context, Handler};

use super::{counters::rates, own::Discount};
use machine::Machine;
use upkeep::Schedule;

use crate::{
    clock,
    model::{
        counters::DatabaseCounters,
        reading::{Body, DatabaseReading},
        sample::Missing,
    },
    probe::{
        StopProbe, TargetSettings,
        governor::Lane,
        management::office::Office,
        scrape,
        session::CountersReading,
        voice::{HEARTBEAT, Voice},
    },
};

/// See the module.
pub struct DatabaseProbe {
    voice: Voice,
    target: TargetSettings,
    before: Option<Before>,
    discount: Discount,
    reading_counters: bool,
    reading_size: bool,
    reading_replication: bool,
    counters_due: Instant,
    size_due: Instant,
    replication_due: Instant,
    upkeep: Schedule,
    office: Option<Arc<Office>>,
    asking: bool,
    services_due: Instant,
    machine: Option<Machine>,
}

/// The counters as they were read last, and over which connection.
struct Before {
    at: Instant,
    connection: u64,
    counters: Arc<DatabaseCounters>,
}

impl DatabaseProbe {
    /// A probe that reads for the first time at once.
    pub fn new(
        voice: Voice,
        target: TargetSettings,
        office: Option<Arc<Office>>,
        page: Option<(Arc<scrape::office::Office>, Duration)>,
    ) -> Self {
        let now = clock::now();
        Self {
            voice,
            target,
            before: None,
            discount: Discount::default(),
            reading_counters: false,
            reading_size: false,
            reading_replication: false,
            counters_due: now,
            size_due: now,
            replication_due: now,
            upkeep: Schedule::new(now),
            office,
            asking: false,
            services_due: now,
            machine: page.map(|(page, every)| Machine::new(page, every, now)),
        }
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        if self.voice.is_orphaned() {
            return actix::ActorContext::stop(ctx);
        }
        let now = clock::now();
        let interval = self.voice.server.interval(Lane::Counters);
        ctx.run_later(self.voice.until_next(now, interval.min(HEARTBEAT)), Self::tick);
        self.read_counters(ctx, now, interval);
        self.read_size(ctx, now);
        self.read_replication(ctx, now);
        self.read_upkeep(ctx, now);
        self.look_around(ctx, now);
        self.ask_provider(ctx, now);
        self.read_machine(ctx, now);
    }

    fn ask_provider(&mut self, ctx: &mut Context<Self>, now: Instant) {
        let Some(office) = self.office.clone().filter(|_| !self.asking && now >= self.services_due) else { return };
        self.asking = true;
        self.services_due = now + PROVIDER_EVERY;
        // Targets of one project that started one after the other share a question.
        let newer_than = now.checked_sub(PROVIDER_EVERY / 2).unwrap_or(now);
        self.voice.run(ctx, async move { office.services(newer_than).await }, |probe, services, _| {
            probe.asking = false;
            probe.voice.say(clock::now(), Body::Services(services));
        });
    }

    fn read_counters(&mut self, ctx: &mut Context<Self>, now: Instant, interval: Duration) {
        if self.reading_counters || now < self.counters_due {
            self.voice.say(now, Body::Overrun);
            return;
        }
        self.reading_counters = true;
        self.counters_due = now + interval.saturating_sub(interval.min(HEARTBEAT) / 4);
        let newer_than = now.checked_sub(interval.min(HEARTBEAT) / 2).unwrap_or(now);
        let server = Arc::clone(&self.voice.server);
        let work = async move { server.slow().await.counters(&server, newer_than).await };
        self.voice.run(ctx, work, Self::counters_read);
    }

    fn counters_read(&mut self, reading: Result<CountersReading, Missing>, _ctx: &mut Context<Self>) {
        self.reading_counters = false;
        let database = &self.target.url.dbname;
        let seen = reading.and_then(|reading| {
            let counters = reading.databases.iter().find(|counters| counters.datname == *database).cloned();
            let missing = || Missing {
                field: "database".into(),
                cause: format!("there is no database {database} on the server"),
                fix: None,
            };
            let own = reading.own.get(database).copied().unwrap_or_default();
            Ok((reading.at, reading.connection, counters.ok_or_else(missing)?, own))
        });
        let (at, body) = match seen {
            Ok((at, connection, counters, own)) => {
                let before = self.before.as_ref().filter(|before| before.connection == connection);
                let mut rates =
                    before.and_then(|before| rates(&before.counters, &counters, at.saturating_duration_since(before.at)));
                self.discount.step(own, rates.as_mut());
                self.before = Some(Before { at, connection, counters: Arc::clone(&counters) });
                (at, Ok(DatabaseReading { counters, rates }))
            }
            Err(missing) => (clock::now(), Err(missing)),
        };
        self.voice.say(at, Body::Database(body));
    }

    fn read_size(&mut self, ctx: &mut Context<Self>, now: Instant) {
        if self.reading_size || now < self.size_due {
            return;
        }
        self.reading_size = true;
        let server = Arc::clone(&self.voice.server);
        let database = self.target.url.dbname.clone();
        let work = async move { server.slow().await.size(&server, &database).await };
        self.voice.run(ctx, work, |probe, size, _| {
            probe.reading_size = false;
            let now = clock::now();
            // What failed because the lane was not connected is worth trying again soon; what took too long is not.
            let again = if probe.voice.server.reads_slowly() { probe.voice.server.interval(Lane::Size) } else { SIZE_RETRY };
            probe.size_due = now + again;
            probe.voice.say(now, Body::Size(size));
        });
    }

    fn read_replication(&mut self, ctx: &mut Context<Self>, now: Instant) {
        if self.reading_replication || now < self.replication_due {
            return;
        }
        self.reading_replication = true;
        let interval = self.voice.server.interval(Lane::Replication);
        self.replication_due = now + interval.saturating_sub(interval.min(HEARTBEAT) / 4);
        let newer_than = now.checked_sub(interval / 2).unwrap_or(now);
        let server = Arc::clone(&self.voice.server);
        let database = self.target.url.dbname.clone();
        let work = async move { server.slow().await.replication(&server, newer_than, &database).await };
        self.voice.run(ctx, work, |probe, replication, _| {
            probe.reading_replication = false;
            probe.voice.say(clock::now(), Body::Replication(replication));
        });
    }
}

/// A provider measures its services by the minute; its limit allows two questions a second, for all that a person's token does.
const PROVIDER_EVERY: Duration = Duration::from_mins(1);

/// After a size that could not be read.
const SIZE_RETRY: Duration = Duration::from_secs(5);

impl Actor for DatabaseProbe {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.tick(ctx);
    }
}

impl Handler<StopProbe> for DatabaseProbe {
    type Result = ();

    fn handle(&mut self, _: StopProbe, ctx: &mut Self::Context) {
        actix::ActorContext::stop(ctx);
    }
}
