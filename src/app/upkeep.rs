//! Replaces what died or hangs, and takes new configurations.

use actix::Recipient;

use super::{Error, LOOK_CLOSER, Node, SILENT, blindness, retire, start_aggregator, targets};
use crate::{
    aggregate::{Reconfigure as ReconfigureAggregator, Subscribers},
    alert, clock,
    config::{Config, RegionConfig},
    model::{NodeName, RegionName, report::Batch, world::World},
    region::supervisor::{Reconfigure, ReportTo},
    web,
};

impl Node {
    /// Replaces what died or hangs, and tells its neighbours; the probes of a dead supervisor end with it.
    pub(super) async fn revive(&mut self) -> Result<(), Error> {
        if !self.web.recipient.connected() {
            self.restarts.another("web actor", clock::now())?;
            // The old server holds the address until it has ended.
            self.web.stop().await;
            let settings = web::Settings { listen: self.web.addr, ..self.config.web.clone() };
            self.web = web::start(&settings, self.shared.clone())?;
            self.telling.stream_by(&self.web.alerts);
            self.introduce();
        }
        let now = clock::now();
        for part in self.telling.dead(now, SILENT) {
            self.restarts.another(&part, now)?;
            // When it fails it is tried again, until there were too many attempts.
            if let Err(error) = self.telling.revive(&part, now) {
                tracing::error!(%error, "the {part} cannot be started again");
            }
            self.introduce();
        }
        if !self.aggregator.addr.connected() || !self.shared.world.load().is_kept(now) {
            self.restarts.another("aggregator", now)?;
            self.aggregator.end();
            self.aggregator = start_aggregator(&self.config, &self.shared);
            self.introduce();
            self.report_anew();
        }
        self.discovering.revive();
        self.revive_bus(now)?;
        self.revive_exporter()?;
        self.revive_uploader()?;
        self.revive_counsel()?;
        self.revive_history()?;
        self.revive_analyst()?;
        for region in self.config.regions.clone() {
            let lives = self.supervisors.get(&region.name).is_some_and(|supervisor| supervisor.addr.connected());
            if !lives || self.is_silent(&region.name, now) {
                self.restarts.another(&format!("supervisor of region {}", region.name), clock::now())?;
                self.start_supervisor(&region);
            }
        }
        Ok(())
    }

    /// Tells the probes how copies and primaries stand that other nodes watch.
    pub(super) fn tell_of_copies(&self) {
        if self.carrying.is_some() {
            self.registry.hear(clock::now(), &NodeName::from(self.shared.node.as_str()), &self.shared.world.load());
        }
    }

    fn revive_bus(&mut self, now: std::time::Instant) -> Result<(), Error> {
        let aggregator: Recipient<Batch> = self.aggregator.addr.clone().recipient();
        let Some(carrying) = &mut self.carrying else { return Ok(()) };
        for region in carrying.undivided() {
            self.restarts.another(&format!("sharer of region {region}"), now)?;
            carrying.revive_sharer(&region);
            if let Some(supervisor) = self.supervisors.get(&region) {
                carrying.probed_by(&region, supervisor.addr.clone());
            }
            carrying.join(aggregator.clone(), &self.telling, &self.shared);
        }
        if carrying.is_dead() {
            self.restarts.another("bus actor", now)?;
            carrying.revive(aggregator);
            let bus = carrying.joint().bus;
            // Those are dead then, and tried again with the next look.
            for (part, error) in self.telling.carried_by(&bus, now) {
                tracing::error!(%error, "the {part} cannot be started again");
            }
            self.introduce();
            self.report_anew();
        }
        Ok(())
    }

    /// Whether this node's own supervisor of a region has not been heard for long.
    fn is_silent(&self, region: &RegionName, now: std::time::Instant) -> bool {
        let world = self.shared.world.load();
        let Some(region) = world.regions.get(region) else { return false };
        let heard = match &self.carrying {
            Some(_) => region.nodes.get(&NodeName::from(self.shared.node.as_str())).map(|node| node.heard),
            None => region.heard,
        };
        heard.is_some_and(|heard| now.saturating_duration_since(heard) > World::KEPT_WITHIN * LOOK_CLOSER)
    }

    /// Tells everybody who their neighbours are now.
    pub(super) fn introduce(&self) {
        self.shared.desk.store(self.telling.doors().map(std::sync::Arc::new));
        // Those who tell people come first.
        let subscribers = self.telling.subscribers().chain([self.web.recipient.clone()]).collect();
        self.aggregator.addr.do_send(Subscribers(subscribers));
        if let Some(carrying) = &self.carrying {
            carrying.join(self.aggregator.addr.clone().recipient(), &self.telling, &self.shared);
        }
        self.hear_applications();
    }

    /// Tells the supervisors where to report.
    fn report_anew(&self) {
        for supervisor in self.supervisors.values() {
            supervisor.addr.do_send(ReportTo(self.reports_to()));
        }
    }

    /// Takes a new configuration: targets come and go without touching the others. Where to listen, how often to sample and where the
    /// regions meet hold until the next start.
    pub(super) fn reconfigure(&mut self, new: Config) {
        self.discovering.follow(&new);
        self.declared = new;
        self.take(self.discovering.resolve(&self.declared));
        tracing::info!(regions = self.config.regions.len(), "configuration reloaded");
    }

    /// Takes a configuration in which every target stands for itself.
    pub(super) fn take(&mut self, new: Config) {
        let later = |what: &str| tracing::warn!("{what} changed; it takes effect with the next start");
        if new.sampling != self.config.sampling {
            later("[sampling]");
        }
        if new.web != self.config.web {
            later("[web]");
        }
        if new.alerts.path != self.config.alerts.path {
            later("[alerts] path");
        }
        if new.bus != self.config.bus {
            later("[bus]");
        }
        if new.history != self.config.history {
            later("[history]");
        }
        let regions = if self.config.bus.is_some() { self.as_before(&new.regions) } else { new.regions };
        let alerts = alert::Settings { path: self.config.alerts.path.clone(), ..new.alerts };
        self.config = Config {
            web: self.config.web.clone(),
            sampling: self.config.sampling.clone(),
            bus: self.config.bus.clone(),
            history: self.config.history.clone(),
            alerts,
            regions,
            ..new
        };
        self.telling.reconfigure(&self.config.alerts);
        let wanted: Vec<RegionName> = self.config.regions.iter().map(|region| region.name.clone()).collect();
        let (regions, blindness) = (super::all_regions(&self.config), blindness(&self.config));
        self.aggregator.addr.do_send(ReconfigureAggregator { regions, blindness });
        let gone: Vec<RegionName> = self.supervisors.keys().filter(|name| !wanted.contains(name)).cloned().collect();
        for supervisor in gone.iter().filter_map(|name| self.supervisors.remove(name)) {
            actix::spawn(retire(supervisor));
        }
        for region in self.config.regions.clone() {
            match self.supervisors.get(&region.name) {
                Some(supervisor) => supervisor.addr.do_send(Reconfigure { targets: targets(&region) }),
                None => self.start_supervisor(&region),
            }
        }
        if let Some(carrying) = &mut self.carrying {
            carrying.reconfigure(&self.config);
        }
        self.hear_applications();
        self.push_anew();
        self.upload_anew();
        self.advise_anew();
    }

    /// The regions of a clustered node stay until it starts again, since the others count on it.
    fn as_before(&self, new: &[RegionConfig]) -> Vec<RegionConfig> {
        let find = |name: &RegionName, among: &[RegionConfig]| among.iter().find(|region| region.name == *name).cloned();
        if new.iter().any(|region| find(&region.name, &self.config.regions).is_none()) {
            tracing::warn!("a region came; it takes effect with the next start");
        }
        let same = self.config.regions.iter().map(|before| {
            find(&before.name, new).unwrap_or_else(|| {
                tracing::warn!(region = %before.name, "the region is gone; it takes effect with the next start");
                before.clone()
            })
        });
        same.collect()
    }
}
