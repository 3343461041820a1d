//! Gives a region's supervisor the targets that this node is to probe, as the region's nodes come and go.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use actix::{Actor, Addr, AsyncContext, Context, Handler, Message};
use arc_swap::ArcSwap;

use super::share::Share;
use crate::{
    clock,
    config::TargetConfig,
    model::{NodeName, RegionName, TargetId, cluster::Membership, world::World},
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
    share: Share,
}

/// The region's targets from now on.
pub(super) struct Configured(pub(super) Vec<TargetConfig>);

impl Message for Configured {
    type Result = ();
}

/// Who probes from now on; it knows of no target yet.
pub(super) struct ProbedBy(pub(super) Addr<RegionSupervisor>);

impl Message for ProbedBy {
    type Result = ();
}

/// This node will end: others are to take its targets. Answers whether they have them; to be asked again until they have.
pub(super) struct HandOver;

impl Message for HandOver {
    type Result = bool;
}

impl Sharer {
    /// Of one region of this node; its supervisor is told later.
    pub(super) fn new(region: RegionName, me: NodeName, targets: Vec<TargetConfig>, world: Arc<ArcSwap<World>>) -> Self {
        let ids = ids(&targets);
        Self { region, targets, ids, world, supervisor: None, share: Share::new(me, clock::now()) }
    }

    fn divide(&mut self) {
        let world = self.world.load();
        let region = world.regions.get(&self.region);
        let reporter = |id: &TargetId| Some(region?.targets.get(&id.target)?.node.clone());
        if let Some(mine) = self.share.divide(clock::now(), &self.ids, reporter) {
            tracing::info!(region = %self.region, targets = mine.len(), of = self.ids.len(), "this node's share");
            self.give(&mine);
        }
    }

    fn give(&self, mine: &BTreeSet<TargetId>) {
        let Some(supervisor) = &self.supervisor else { return };
        let world = self.world.load();
        let known = |id: &TargetId| Some(world.regions.get(&self.region)?.targets.get(&id.target)?.report.clone());
        let given = self.targets.iter().filter(|target| mine.contains(&target.settings.id)).map(|target| Given {
            settings: target.settings.clone(),
            thresholds: target.thresholds.clone(),
            last: known(&target.settings.id),
        });
        supervisor.do_send(supervisor::Share { targets: given.collect() });
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        ctx.run_later(LOOK_EVERY, Self::look);
        self.divide();
    }
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

impl Handler<Configured> for Sharer {
    type Result = ();

    fn handle(&mut self, new: Configured, _: &mut Self::Context) {
        (self.ids, self.targets) = (ids(&new.0), new.0);
        self.divide();
    }
}

impl Handler<ProbedBy> for Sharer {
    type Result = ();

    fn handle(&mut self, new: ProbedBy, _: &mut Self::Context) {
        self.supervisor = Some(new.0);
        let held = self.share.held().cloned().collect();
        self.give(&held);
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
