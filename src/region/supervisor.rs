//! The region's supervisor: starts the probes of every target, takes their readings, has each target joined and judged, and sends
//! what is new in batches.
//!
//! It never waits: a reading marks its target, and a moment later one batch carries all that are marked, so that the readings of
//! one tick travel together and the fan-in is one mail. The same timer looks for probes that died or fell silent, and judges
//! again whoever was not heard, since silence is news too.

mod mail;
mod told;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::{Duration, Instant},
};

use actix::{Actor, AsyncContext, Context, Handler, Recipient};
use rand::{SeedableRng, rngs::SmallRng};

use super::{
    join::Joined,
    roster::{ProbeId, Roster},
    thresholds::Thresholds,
};
use crate::{
    clock,
    model::{
        NodeName, RegionName, Report, TargetId,
        reading::{Body, ProbeDown, ProbeKind, Reading},
        report::{Batch, RosterState},
    },
    probe::{DeathWatch, Sampling, Spawn, Stop, TargetSettings},
};

pub use mail::{Given, Reconfigure, ReportTo, Retire, Share};

/// The readings of one tick arrive within this; a batch carries them together. Part of the 500 ms to the live stream.
const COALESCE: Duration = Duration::from_millis(10);
/// How often probes are looked after.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A target without readings is judged again this often: silence is news too. Longer than the fast interval, whose readings
/// bring a judgement each.
const JUDGE_EVERY: Duration = Duration::from_millis(500);
/// A batch at least this often, empty or not: the region's heartbeat.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Readings that may wait: several ticks of some hundred targets. More are refused by the sender, and the next one heals it.
const MAILBOX: usize = 4_096;
/// A probe is taken for hung after this many of its intervals without a word, though not sooner than [`PATIENCE`].
const MISSED_INTERVALS: u32 = 5;
/// A stalled machine is not a hung probe.
const PATIENCE: Duration = Duration::from_secs(3);
/// A target that another node watched until now is reported once it was looked at, or after this long: nobody is without news of it for
/// longer.
const FIRST_LOOK: Duration = Duration::from_secs(3);
/// Query and database probes speak every second, whatever their interval.
const SLOW_LIMIT: Duration = Duration::from_secs(5);

/// See the module.
pub struct RegionSupervisor {
    region: RegionName,
    node: NodeName,
    sampling: Sampling,
    spawn: Box<dyn Spawn>,
    to: Recipient<Batch>,
    targets: BTreeMap<TargetId, Watched>,
    roster: Roster,
    probes: HashMap<ProbeId, Box<dyn Stop>>,
    removed: Vec<TargetId>,
    /// Whether the region's nodes share its targets.
    shared: bool,
    rng: SmallRng,
    flushing: bool,
    sent: Option<Instant>,
}

/// One target and all that is known of it.
struct Watched {
    settings: TargetSettings,
    thresholds: Thresholds,
    joined: Joined,
    /// The fast interval in force.
    interval: Duration,
    seen: bool,
    dirty: bool,
    judged: Instant,
    /// Until when nothing is said of it, unless its pool probe speaks before.
    quiet: Option<Instant>,
}

impl Watched {
    /// Whether there is something to say of it, and it may be said.
    fn is_due(&self, now: Instant) -> bool {
        self.dirty && self.quiet.is_none_or(|until| now >= until)
    }
}

impl RegionSupervisor {
    /// A supervisor of these targets; its probes start when it does.
    pub fn new(
        region: RegionName,
        node: NodeName,
        targets: Vec<(TargetSettings, Thresholds)>,
        sampling: Sampling,
        spawn: Box<dyn Spawn>,
        to: Recipient<Batch>,
    ) -> Self {
        let mut supervisor = Self {
            region,
            node,
            sampling,
            spawn,
            to,
            targets: BTreeMap::new(),
            roster: Roster::default(),
            probes: HashMap::new(),
            removed: Vec::new(),
            shared: false,
            rng: SmallRng::from_os_rng(),
            flushing: false,
            sent: None,
        };
        for (settings, thresholds) in targets {
            supervisor.add(Given { settings, thresholds, last: None });
        }
        supervisor
    }

    fn add(&mut self, given: Given) {
        let now = clock::now();
        let Given { settings, thresholds, last } = given;
        let id = settings.id.clone();
        self.add_probes(&id);
        let mut joined = Joined::new(&settings, &thresholds, &self.sampling);
        if let Some(last) = &last {
            joined.resume(now, &last.sample.reasons);
        }
        let quiet = last.map(|_| now + FIRST_LOOK);
        let interval = self.sampling.fast;
        let watched = Watched { settings, thresholds, joined, interval, seen: false, dirty: true, judged: now, quiet };
        self.targets.insert(id, watched);
    }

    /// Takes other settings of a target that is watched already.
    fn renew(&mut self, settings: TargetSettings, thresholds: Thresholds) {
        let Some(watched) = self.targets.get_mut(&settings.id) else { return };
        if watched.settings == settings {
            if watched.thresholds != thresholds {
                watched.joined.judge_by(&thresholds);
                watched.thresholds = thresholds;
            }
            return;
        }
        // Only other readings are wanted; what is in breach stays the same incident.
        watched.joined.reconfigure(&settings, &thresholds);
        let id = settings.id.clone();
        (watched.settings, watched.thresholds, watched.dirty) = (settings, thresholds, true);
        self.stop_probes(&id);
        self.add_probes(&id);
    }

    /// The targets that are watched and not among these.
    fn without(&self, kept: &HashSet<&TargetId>) -> Vec<TargetId> {
        self.targets.keys().filter(|id| !kept.contains(id)).cloned().collect()
    }

    fn add_probes(&mut self, id: &TargetId) {
        let now = clock::now();
        for kind in ProbeKind::ALL {
            self.roster.add((id.clone(), kind), now);
        }
    }

    fn remove(&mut self, id: &TargetId) {
        self.targets.remove(id);
        self.stop_probes(id);
    }

    fn stop_probes(&mut self, id: &TargetId) {
        self.roster.remove(id);
        for kind in ProbeKind::ALL {
            if let Some(probe) = self.probes.remove(&(id.clone(), kind)) {
                probe.stop();
            }
        }
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        ctx.run_later(LOOK_EVERY, Self::look);
        let now = clock::now();
        self.replace_silent(now);
        self.start_due(ctx, now);
        for watched in self.targets.values_mut() {
            watched.dirty |= now.saturating_duration_since(watched.judged) >= JUDGE_EVERY;
        }
        let beat = self.sent.is_none_or(|at| now.saturating_duration_since(at) >= HEARTBEAT);
        if beat || self.targets.values().any(|watched| watched.is_due(now)) {
            self.flush();
        }
    }

    fn replace_silent(&mut self, now: Instant) {
        let targets = &self.targets;
        let limit = |(id, kind): &ProbeId| match kind {
            ProbeKind::Pool => {
                let interval = targets.get(id).map_or(PATIENCE, |watched| watched.interval);
                (interval * MISSED_INTERVALS).max(PATIENCE)
            }
            ProbeKind::Query | ProbeKind::Database => SLOW_LIMIT,
        };
        for probe in self.roster.silent(now, limit, &mut self.rng) {
            tracing::error!(target = %probe.0, probe = probe.1.as_str(), "probe is silent and is replaced");
            if let Some(hung) = self.probes.remove(&probe) {
                hung.stop();
            }
        }
    }

    fn start_due(&mut self, ctx: &Context<Self>, now: Instant) {
        for start in self.roster.due(now) {
            let (id, kind) = &start.probe;
            let Some(watched) = self.targets.get(id) else { continue };
            let watch =
                DeathWatch { target: id.clone(), probe: *kind, generation: start.generation, to: ctx.address().recipient() };
            let probe = self.spawn.spawn(&watched.settings, ctx.address().recipient(), watch, start.elsewhere);
            self.probes.insert(start.probe, probe);
        }
    }

    fn flush(&mut self) {
        let (now, wall) = (clock::now(), clock::wall());
        let (mut reports, mut vitals): (Vec<Report>, Vec<_>) = Default::default();
        for (id, watched) in self.targets.iter_mut().filter(|(_, watched)| watched.is_due(now)) {
            watched.dirty = false;
            watched.quiet = None;
            watched.judged = now;
            reports.push(watched.joined.report(now, wall));
            vitals.extend(watched.joined.vitals(now).map(|vitals| (id.target.clone(), vitals)));
        }
        let batch = Batch {
            region: self.region.clone(),
            node: self.node.clone(),
            roster: Some(self.roster_state()),
            reports,
            figures: Vec::new(),
            vitals,
            copies: Vec::new(),
            views: Vec::new(),
            removed: std::mem::take(&mut self.removed),
        };
        match self.to.try_send(batch) {
            Ok(()) => self.sent = Some(now),
            Err(error) => {
                // Transitions must not be lost with the mail that carried them, nor removals.
                let batch = error.into_inner();
                self.removed = batch.removed;
                let unsaid: HashSet<_> = batch.vitals.into_iter().map(|(target, _)| target).collect();
                for report in batch.reports {
                    if let Some(watched) = self.targets.get_mut(&report.id()) {
                        if unsaid.contains(&report.sample.target) {
                            watched.joined.vitals_again();
                        }
                        watched.joined.undelivered(report.transitions);
                        watched.dirty = true;
                    }
                }
                tracing::warn!(region = %self.region, "the aggregator is busy; its next batch carries this one");
            }
        }
    }

    fn roster_state(&self) -> RosterState {
        RosterState {
            targets: self.targets.len() as u32,
            seen: self.targets.values().filter(|watched| watched.seen).count() as u32,
            dropped: self.spawn.dropped(),
            ..self.roster.state()
        }
    }
}

impl Actor for RegionSupervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.look(ctx);
    }
}

impl Handler<Reading> for RegionSupervisor {
    type Result = ();

    fn handle(&mut self, reading: Reading, ctx: &mut Self::Context) {
        let probe = (reading.target.clone(), reading.probe);
        if !self.roster.heard(&probe, reading.generation, clock::now()) {
            return;
        }
        let Some(watched) = self.targets.get_mut(&reading.target) else { return };
        watched.interval = Duration::from_millis(reading.cost.interval_ms);
        if matches!(reading.body, Body::Overrun) {
            return;
        }
        watched.joined.take(&reading);
        watched.dirty = true;
        if reading.probe == ProbeKind::Pool {
            watched.quiet = None;
        }
        watched.seen = true;
        if !self.flushing {
            self.flushing = true;
            ctx.run_later(COALESCE, |supervisor, _| {
                supervisor.flushing = false;
                supervisor.flush();
            });
        }
    }
}

impl Handler<ProbeDown> for RegionSupervisor {
    type Result = ();

    fn handle(&mut self, down: ProbeDown, _: &mut Self::Context) {
        if down.panicked {
            tracing::error!(target = %down.target, probe = down.probe.as_str(), "probe panicked and is started again");
        }
        let probe = (down.target, down.probe);
        self.roster.died(&probe, down.generation, down.panicked, clock::now(), &mut self.rng);
    }
}

impl Handler<Retire> for RegionSupervisor {
    type Result = ();

    fn handle(&mut self, _: Retire, ctx: &mut Self::Context) {
        for id in self.targets.keys().cloned().collect::<Vec<_>>() {
            self.remove(&id);
            self.removed.push(id);
        }
        self.flush();
        actix::ActorContext::stop(ctx);
    }
}

impl Handler<ReportTo> for RegionSupervisor {
    type Result = ();

    fn handle(&mut self, new: ReportTo, _: &mut Self::Context) {
        self.to = new.0;
        // The new aggregator knows nothing yet.
        self.targets.values_mut().for_each(|watched| watched.dirty = true);
        self.flush();
    }
}

impl Handler<Reconfigure> for RegionSupervisor {
    type Result = ();

    fn handle(&mut self, new: Reconfigure, ctx: &mut Self::Context) {
        for id in self.without(&new.targets.iter().map(|(settings, _)| &settings.id).collect()) {
            self.remove(&id);
            self.removed.push(id);
        }
        for (settings, thresholds) in new.targets {
            if self.targets.contains_key(&settings.id) {
                self.renew(settings, thresholds);
            } else if !self.shared {
                self.add(Given { settings, thresholds, last: None });
            }
        }
        self.start_due(ctx, clock::now());
        self.flush();
    }
}

impl Handler<Share> for RegionSupervisor {
    type Result = ();

    fn handle(&mut self, share: Share, ctx: &mut Self::Context) {
        self.shared = true;
        for id in self.without(&share.targets.iter().map(|given| &given.settings.id).collect()) {
            self.remove(&id);
        }
        for given in share.targets {
            if self.targets.contains_key(&given.settings.id) {
                self.renew(given.settings, given.thresholds);
            } else {
                self.add(given);
            }
        }
        self.start_due(ctx, clock::now());
        self.flush();
    }
}

#[cfg(test)]
mod tests;
