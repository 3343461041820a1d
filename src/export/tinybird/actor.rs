//! The timer around rows and requests, and the only one that knows how the last request ended. One is under way at a time.

use std::{sync::Arc, time::Duration};

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message, WrapFuture};
use arc_swap::ArcSwap;
use rand::{SeedableRng, rngs::SmallRng};
use tokio::runtime::Handle;

use super::{
    Settings,
    courier::{Courier, Ended, Fate},
    events::Events,
    rows::Rows,
    spool::Spool,
};
use crate::{
    clock,
    model::{NodeName, uploads::Uploads, world::World},
};

/// How often it is looked whether a row or a request is due; a change of status waits no longer.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What it is joined to.
#[derive(Debug, Clone)]
pub struct Links {
    /// This node.
    pub node: NodeName,
    /// The newest picture.
    pub world: Arc<ArcSwap<World>>,
    /// Where it says how it goes.
    pub uploads: Arc<ArcSwap<Uploads>>,
    /// Where calls are made.
    pub io: Handle,
}

/// From now on it sends there, or nowhere.
#[derive(Debug, Clone)]
pub struct SendTo(pub Option<Settings>);

impl Message for SendTo {
    type Result = ();
}

/// The end: what waits is kept.
#[derive(Debug, Clone, Copy)]
pub struct End;

impl Message for End {
    type Result = ();
}

/// Where it sends, and all that belongs to that.
struct Route {
    settings: Settings,
    events: Result<Events, String>,
    courier: Courier,
    rows: Rows,
    spool: Spool,
}

/// A request that is under way.
#[derive(Debug, Clone, Copy)]
struct Batch {
    rows: usize,
    bytes: usize,
    /// With which settings, and from which spool.
    settings: u64,
    spool: u64,
}

/// See the module.
pub struct Uploader {
    links: Links,
    route: Option<Route>,
    /// Count settings and spools: what was sent with others says little of these.
    settings: u64,
    spool: u64,
    under_way: bool,
    /// What was seen last: a picture that did not change has no new status.
    seen: Option<Arc<World>>,
    /// Whether it was said that rows go beyond the bound.
    overflows: bool,
    rng: SmallRng,
}

impl Uploader {
    /// One that sends there, or nowhere.
    pub fn new(links: Links, settings: Option<Settings>) -> Self {
        let mut uploader = Self {
            links,
            route: None,
            settings: 0,
            spool: 0,
            under_way: false,
            seen: None,
            overflows: false,
            rng: SmallRng::from_os_rng(),
        };
        uploader.change(settings);
        uploader
    }

    fn change(&mut self, settings: Option<Settings>) {
        let (now, mut before) = (clock::now(), self.route.take());
        self.settings += 1;
        let place = |settings: &Settings| (settings.spool_path.clone(), settings.spool);
        let is_same = |route: &Route| settings.as_ref().is_some_and(|settings| place(&route.settings) == place(settings));
        if let Some(mut other) = before.take_if(|route| !is_same(route)) {
            other.spool.close();
        }
        self.route = settings.map(|settings| {
            let (rows, spool) = match before {
                Some(route) if route.settings.every == settings.every => (route.rows, route.spool),
                Some(route) => (Rows::new(settings.every, now), route.spool),
                None => {
                    self.spool += 1;
                    let spool = Spool::open(settings.spool_path.as_deref(), settings.spool);
                    (Rows::new(settings.every, now), spool)
                }
            };
            let events = Events::new(&settings);
            Route { settings, events, courier: Courier::new(now), rows, spool }
        });
        let trouble = self.route.as_ref().and_then(|route| route.events.as_ref().err().cloned());
        let wanted = self.route.is_some();
        self.note(|uploads| {
            uploads.wanted = wanted;
            // What was wrong with others need not be with these.
            uploads.trouble = uploads.trouble.take().filter(|_| wanted);
        });
        if let Some(why) = trouble {
            self.tell(Some(why));
        }
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        ctx.run_later(LOOK_EVERY, Self::look);
        let (now, world) = (clock::now(), self.links.world.load_full());
        let Some(route) = &mut self.route else { return };
        let is_new = self.seen.as_ref().is_none_or(|seen| !Arc::ptr_eq(seen, &world));
        let rows = if is_new || route.rows.is_due(now) {
            route.rows.due(&world, &self.links.node, now, clock::wall())
        } else {
            Vec::new()
        };
        self.seen = Some(world);
        if !rows.is_empty() {
            route.spool.append(rows);
            self.note(|_| ());
        }
        self.send(ctx);
    }

    fn send(&mut self, ctx: &mut Context<Self>) {
        let Some(Route { events: Ok(events), courier, spool, .. }) = &mut self.route else { return };
        if self.under_way || !courier.is_due(clock::now()) {
            return;
        }
        let Some(rows) = spool.take_out(courier.most()) else { return };
        self.under_way = true;
        let bytes = rows.iter().map(|row| row.len() + 1).sum();
        let batch = Batch { rows: rows.len(), bytes, settings: self.settings, spool: self.spool };
        let (events, wall) = (events.clone(), clock::wall());
        let sent = self.links.io.spawn(async move { events.send(&rows, wall).await });
        ctx.spawn(sent.into_actor(self).map(move |ended, uploader, _| {
            let ended = ended.unwrap_or_else(|_| Ended::Later { why: "its call panicked".to_owned(), after: None });
            uploader.ended(&ended, batch);
        }));
    }

    fn ended(&mut self, ended: &Ended, batch: Batch) {
        self.under_way = false;
        let is_current = batch.settings == self.settings;
        if let Some(route) = self.route.as_mut().filter(|_| batch.spool == self.spool) {
            let fate = if is_current {
                route.courier.ended(ended, batch.rows, batch.bytes, clock::now(), &mut self.rng)
            } else if matches!(ended, Ended::Taken { .. } | Ended::Partly(_)) {
                Fate::Sent
            } else {
                // With these settings they may be let in.
                Fate::Waits
            };
            match fate {
                Fate::Waits => route.spool.put_back(),
                Fate::Sent | Fate::Dropped => route.spool.settle(),
            }
            if fate == Fate::Dropped {
                self.note(|uploads| uploads.dropped.refused += batch.rows as u64);
            }
        }
        self.note(|uploads| match ended {
            Ended::Taken { successful, quarantined } => {
                let all = batch.rows as u64;
                uploads.requests.taken += 1;
                uploads.sent += successful.unwrap_or(all.saturating_sub(*quarantined));
                uploads.quarantined += quarantined;
            }
            Ended::Partly(_) => {
                uploads.requests.taken += 1;
                uploads.sent += batch.rows as u64;
            }
            Ended::Later { .. } | Ended::TooBig => uploads.requests.later += 1,
            Ended::Refused(_) | Ended::Closed(_) => uploads.requests.refused += 1,
        });
        if is_current {
            self.tell(trouble(ended, batch.rows));
        }
    }

    /// Counts, and says when what waits is not kept, or is too much.
    fn note(&mut self, count: impl FnOnce(&mut Uploads)) {
        let mut uploads = Uploads::clone(&self.links.uploads.load());
        count(&mut uploads);
        if let Some(route) = &mut self.route {
            let dropped = route.spool.dropped();
            uploads.dropped.overflow += dropped.overflow;
            uploads.dropped.damaged += dropped.damaged;
            (uploads.waiting, uploads.waiting_bytes) = route.spool.waiting();
            if dropped.damaged > 0 {
                tracing::warn!(rows = dropped.damaged, "rows for Tinybird cannot be read from their disk and are left out");
            }
            if dropped.overflow > 0 && !self.overflows {
                self.overflows = true;
                tracing::warn!("more rows for Tinybird wait than [tinybird] spool allows: the oldest are dropped from now on");
            }
            let not_kept = route.spool.trouble().map(ToOwned::to_owned);
            match (&uploads.not_kept, &not_kept) {
                (before, Some(why)) if before.as_ref() != Some(why) => {
                    tracing::warn!(why, "rows for Tinybird are kept in memory only");
                }
                (Some(_), None) => tracing::info!("rows for Tinybird are kept on disk again"),
                _ => {}
            }
            uploads.not_kept = not_kept;
        } else {
            (uploads.waiting, uploads.waiting_bytes, uploads.not_kept) = (0, 0, None);
        }
        self.links.uploads.store(Arc::new(uploads));
    }

    /// Says in the log when it goes wrong in another way than before, and when it goes well again.
    fn tell(&mut self, trouble: Option<String>) {
        let before = self.links.uploads.load().trouble.clone();
        match (&before, &trouble) {
            (before, Some(why)) if before.as_ref() != Some(why) => {
                tracing::warn!(why, "Tinybird does not take all rows");
            }
            (Some(_), None) => tracing::info!("Tinybird takes all rows again"),
            _ => {}
        }
        if trouble.is_none() && std::mem::take(&mut self.overflows) {
            let dropped = self.links.uploads.load().dropped.overflow;
            tracing::warn!(rows = dropped, "rows for Tinybird were dropped since the start, beyond [tinybird] spool");
        }
        self.note(|uploads| uploads.trouble = trouble);
    }
}

/// What is wrong, in a sentence that stays the same while it is.
fn trouble(ended: &Ended, rows: usize) -> Option<String> {
    match ended {
        Ended::Taken { quarantined: 0, .. } => None,
        Ended::Taken { .. } => {
            let why = "it puts rows into quarantine that do not fit the data source: look into its _quarantine, and bring it up to date \
                       with deploy/tinybird";
            Some(why.to_owned())
        }
        Ended::TooBig if rows > 1 => Some("it answers 413: requests are made smaller".to_owned()),
        Ended::TooBig => Some("it answers 413 to a single row, which is dropped".to_owned()),
        Ended::Refused(why) => Some(format!("{why}; those rows are dropped")),
        Ended::Later { why, .. } | Ended::Partly(why) | Ended::Closed(why) => Some(why.clone()),
    }
}

impl Actor for Uploader {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.look(ctx);
    }
}

impl Handler<SendTo> for Uploader {
    type Result = ();

    fn handle(&mut self, to: SendTo, _: &mut Self::Context) {
        if to.0.as_ref() != self.route.as_ref().map(|route| &route.settings) {
            self.change(to.0);
        }
    }
}

impl Handler<End> for Uploader {
    type Result = ();

    fn handle(&mut self, _: End, ctx: &mut Self::Context) {
        if let Some(route) = &mut self.route {
            route.spool.close();
        }
        ctx.stop();
    }
}
