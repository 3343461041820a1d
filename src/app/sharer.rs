//! Gives a region's supervisor the targets that this node is to probe, as the region's nodes come and go; and its vantage prober those of
//! other regions that it is to look at.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use actix::{Actor, Addr, AsyncContext, Context, Handler, Message};
use arc_swap::ArcSwap;

use super::share::Share;
use crate::{
    clock,
    config::TargetConfig,
    model::{NodeName, RegionName, Report, TargetId, cluster::Membership, vitals::Told, world::World},
    probe::{
        conninfo::ConnInfo,
        vantage::{VantageProbe, Watch},
    },
    region::supervisor::{self, Given, RegionSupervisor},
};

/// How often it is looked who has reported what, and whether Redis fell silent.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// See the module.
pub(super) struct Sharer {
    region: RegionName,
    targets: Vec<TargetConfig>,
    ids: Vec<TargetId>,
    world: Arc<ArcSwap<World>>,
    supervisor: Option<Addr<RegionSupervisor>>,
    /// Other regions' targets that this region is a vantage of.
    afar: Vec<(TargetId, ConnInfo)>,
    prober: Option<Addr<VantageProbe>>,
    /// What the prober was told.
    looks_at: BTreeSet<TargetId>,
    share: Share,
    /// Whether the supervisor was told its share as it is now.
    is_given: bool,
}

/// The region's targets from now on, and those of others that it is to look at.
#[derive(Clone)]
pub(super) struct Configured {
    pub(super) targets: Vec<TargetConfig>,
    pub(super) afar: Vec<(TargetId, ConnInfo)>,
}

impl Message for Configured {
    type Result = ();
}

/// Who probes from now on; it knows of no target yet.
pub(super) struct ProbedBy(pub(super) Addr<RegionSupervisor>);

impl Message for ProbedBy {
    type Result = ();
}

/// Who looks at other regions' targets from now on; it knows of none yet.
pub(super) struct SeenBy(pub(super) Addr<VantageProbe>);

impl Message for SeenBy {
    type Result = ();
}

/// This node will end: others are to take its targets. Answers whether they have them; to be asked again until they have.
pub(super) struct HandOver;

impl Message for HandOver {
    type Result = bool;
}

impl Sharer {
    /// Of one region of this node; its supervisor is told later.
    pub(super) fn new(region: RegionName, me: NodeName, configured: Configured, world: Arc<ArcSwap<World>>) -> Self {
        let Configured { targets, afar } = configured;
        let share = Share::new(me, clock::now());
        let (ids, looks_at) = (ids(&targets), BTreeSet::new());
        Self { region, targets, ids, world, supervisor: None, afar, prober: None, looks_at, share, is_given: false }
    }

    fn divide(&mut self) {
        let world = self.world.load();
        let region = world.regions.get(&self.region);
        let reporter = |id: &TargetId| Some(region?.targets.get(&id.target)?.node.clone());
        let now = clock::now();
        if let Some(mine) = self.share.divide(now, &self.ids, reporter) {
            tracing::info!(region = %self.region, targets = mine.len(), of = self.ids.len(), "this node's share");
            self.is_given = false;
        }
        // Until something is known of the others, whoever probes already goes on.
        if !self.is_given && self.share.is_known(now) {
            self.is_given = true;
            self.give();
        }
        let afar: Vec<TargetId> = self.afar.iter().map(|(id, _)| id.clone()).collect();
        let mine = self.share.afar(clock::now(), &afar);
        if mine != self.looks_at {
            self.looks_at = mine;
            self.look_afar();
        }
    }

    fn look_afar(&self) {
        if let Some(prober) = &self.prober {
            prober.do_send(Watch(self.afar.iter().filter(|(id, _)| self.looks_at.contains(id)).cloned().collect()));
        }
    }

    fn give(&self) {
        let Some(supervisor) = &self.supervisor else { return };
        let mine: BTreeSet<&TargetId> = self.share.held().collect();
        let world = self.world.load();
        let given = self.targets.iter().filter(|target| mine.contains(&target.settings.id)).map(|target| Given {
            settings: target.settings.clone(),
            thresholds: target.thresholds.clone(),
            last: last(&world, &target.settings.id),
        });
        supervisor.do_send(supervisor::Share { targets: given.collect() });
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        ctx.run_later(LOOK_EVERY, Self::look);
        self.divide();
    }
}

/// What whoever probed a target before found last.
fn last(world: &World, id: &TargetId) -> Option<Report> {
    Some(world.regions.get(&id.region)?.targets.get(&id.target)?.as_found())
}

fn ids(targets: &[TargetConfig]) -> Vec<TargetId> {
    targets.iter().map(|target| target.settings.id.clone()).collect()
}

impl Actor for Sharer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.look(ctx);
    }
}

impl Handler<Membership> for Sharer {
    type Result = ();

    fn handle(&mut self, membership: Membership, _: &mut Self::Context) {
        self.share.hear(&membership);
        self.divide();
    }
}

impl Handler<Told> for Sharer {
    type Result = ();

    fn handle(&mut self, told: Told, _: &mut Self::Context) {
        if let Some(supervisor) = &self.supervisor {
            // What is lost is said again with the next telling.
            let _ = supervisor.try_send(told);
        }
    }
}

impl Handler<Configured> for Sharer {
    type Result = ();

    fn handle(&mut self, new: Configured, _: &mut Self::Context) {
        (self.ids, self.targets, self.afar) = (ids(&new.targets), new.targets, new.afar);
        self.divide();
        // Those that stay may have other addresses.
        self.look_afar();
    }
}

impl Handler<SeenBy> for Sharer {
    type Result = ();

    fn handle(&mut self, new: SeenBy, _: &mut Self::Context) {
        self.prober = Some(new.0);
        self.look_afar();
    }
}

impl Handler<ProbedBy> for Sharer {
    type Result = ();

    fn handle(&mut self, new: ProbedBy, _: &mut Self::Context) {
        self.supervisor = Some(new.0);
        self.is_given = false;
        self.divide();
    }
}

impl Handler<HandOver> for Sharer {
    type Result = bool;

    fn handle(&mut self, _: HandOver, _: &mut Self::Context) -> bool {
        self.share.leave();
        self.divide();
        self.share.is_handed_over(clock::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bus::fixtures::{REGION, report},
        model::{
            Status,
            world::{Region, Target},
        },
    };

    #[test]
    fn who_takes_a_target_over_goes_on_from_what_was_found_and_not_from_what_is_shown() {
        let (found, shown) = (report("t", Status::Unhealthy, 1).sample, report("t", Status::Unknown, 1));
        let target = Target { found, ..Target::of(shown, "n".into(), clock::now()) };
        let mut region = Region::unseen();
        region.targets.insert("t".into(), Arc::new(target));
        let mut world = World::unseen([], clock::wall(), clock::now());
        world.regions.insert(REGION.into(), Arc::new(region));
        let status = |target: &str| last(&world, &TargetId::new(REGION, target)).map(|last| last.sample.status);
        assert_eq!(status("t"), Some(Status::Unhealthy));
        assert_eq!(status("another"), None);
    }
}
