//! The alert stage of a node: one actor for all without a bus, one per region of this node with it, and then a librarian and a clerk, so
//! that web and people need not know which.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicU64},
    time::Instant,
};

use actix::{Actor, Addr, Arbiter, Recipient};
use arc_swap::ArcSwap;

use super::running::Running;
use crate::{
    alert::{
        self,
        actor::{AlertActor, Clerk, Cluster, Desks, Ending, Librarian, Library, Links, Office, Reconfigure, Stop, Stream},
    },
    bus::{self, actor::BusActor, transport::Holder},
    clock,
    model::{
        NodeName, RegionName,
        alert::AlertChange,
        cluster::{AlertNews, Ask, Membership, Replica},
        world::WorldChange,
    },
    web,
};

/// One alert actor.
struct Desk {
    running: Running<AlertActor>,
    /// What it is joined to; a new one is joined to the same.
    links: Links,
}

/// Who stands between the alert actors of a cluster and the rest of the node.
struct Front {
    library: Library,
    librarian: Running<Librarian>,
    clerk: Running<Clerk>,
    /// All regions.
    regions: Vec<RegionName>,
    bus: Addr<BusActor>,
}

/// See the module.
pub(super) struct Telling {
    /// By their region; none without a bus.
    desks: BTreeMap<Option<RegionName>, Desk>,
    front: Option<Front>,
    settings: alert::Settings,
}

/// What an alert actor in a cluster is joined to.
pub(super) struct Joint {
    /// This node.
    pub(super) node: NodeName,
    /// Of all actors of this process.
    pub(super) boot: u64,
    pub(super) bus: Addr<BusActor>,
    pub(super) places: bus::actor::Places,
    pub(super) replicas: u32,
    /// All regions.
    pub(super) regions: Vec<RegionName>,
    /// The version of each home region's shelves on this node's disk.
    pub(super) versions: BTreeMap<RegionName, Arc<AtomicU64>>,
}

impl Telling {
    /// Starts it with these offices, by region; the links are of a node without a bus.
    pub(super) fn start(
        settings: alert::Settings,
        offices: BTreeMap<Option<RegionName>, Office>,
        links: &Links,
        joint: Option<&Joint>,
    ) -> Result<Self, bus::actor::Error> {
        let library = joint.map(|_| Library::new(Arc::clone(&links.book), links.steady));
        let mut desks = BTreeMap::new();
        for (home, office) in offices {
            let mut links = Links { alive: Arc::new(ArcSwap::from_pointee(clock::now())), ..links.clone() };
            if let (Some(home), Some(joint), Some(library)) = (&home, joint, &library) {
                links.cluster = Some(Cluster {
                    home: home.clone(),
                    node: joint.node.clone(),
                    keeper: joint.places.keeper(home, Holder { node: joint.node.clone(), boot: joint.boot }, joint.replicas)?,
                    news: joint.bus.clone().recipient(),
                    ask: joint.bus.clone().recipient(),
                    library: library.clone(),
                    version: joint.versions.get(home).cloned().unwrap_or_default(),
                });
            }
            desks.insert(home, Desk { running: run(office, &links), links });
        }
        let mut telling = Self { desks, front: None, settings };
        if let (Some(joint), Some(library)) = (joint, library) {
            let (regions, bus) = (joint.regions.clone(), joint.bus.clone());
            let librarian = start_librarian(&library, links.stream.clone());
            let clerk = start_clerk(telling.known(&regions, &bus), &library);
            telling.front = Some(Front { library, librarian, clerk, regions, bus });
        }
        Ok(telling)
    }

    fn known(&self, regions: &[RegionName], bus: &Addr<BusActor>) -> Desks {
        let home = |(home, desk): (&Option<RegionName>, &Desk)| Some((home.clone()?, desk.running.addr.clone()));
        Desks {
            homes: self.desks.iter().filter_map(home).collect(),
            regions: regions.to_vec(),
            ask: bus.clone().recipient(),
            channels: self.settings.channels.clone(),
        }
    }

    /// Who takes commands about alerts.
    pub(super) fn doors(&self) -> Option<web::AlertDoors> {
        match &self.front {
            Some(front) => Some(doors(&front.clerk.addr)),
            None => self.desks.values().next().map(|desk| doors(&desk.running.addr)),
        }
    }

    /// Who hears of the world.
    pub(super) fn subscribers(&self) -> impl Iterator<Item = Recipient<WorldChange>> {
        self.desks.values().map(|desk| desk.running.addr.clone().recipient())
    }

    /// Who hears of alerts that others lead.
    pub(super) fn news(&self) -> Option<Recipient<AlertNews>> {
        self.front.as_ref().map(|front| front.librarian.addr.clone().recipient())
    }

    /// What the actor of a region takes from the bus.
    pub(super) fn of(&self, home: &RegionName) -> Option<(Recipient<Membership>, Recipient<Replica>, Recipient<Ask>)> {
        let addr = &self.desks.get(&Some(home.clone()))?.running.addr;
        Some((addr.clone().recipient(), addr.clone().recipient(), addr.clone().recipient()))
    }

    /// Who tells the readers of the stream from now on.
    pub(super) fn stream_by(&mut self, stream: &Recipient<AlertChange>) {
        for desk in self.desks.values_mut() {
            desk.links.stream = Some(stream.clone());
            desk.running.addr.do_send(Stream(desk.links.stream.clone()));
        }
        if let Some(front) = &self.front {
            front.librarian.addr.do_send(Stream(Some(stream.clone())));
        }
    }

    /// The bus was started anew: who spoke to the old one is started anew too. Returns who could not be, and why.
    pub(super) fn carried_by(&mut self, bus: &Addr<BusActor>, now: Instant) -> Vec<(String, alert::actor::Error)> {
        for desk in self.desks.values_mut() {
            if let Some(cluster) = &mut desk.links.cluster {
                (cluster.news, cluster.ask) = (bus.clone().recipient(), bus.clone().recipient());
            }
        }
        if let Some(front) = &mut self.front {
            front.bus = bus.clone();
        }
        let failed = self.revive_desks(now);
        // Also when none could be: the clerk speaks to the bus as well.
        self.introduce();
        failed
    }

    /// One that fails does not keep the others from it.
    fn revive_desks(&mut self, now: Instant) -> Vec<(String, alert::actor::Error)> {
        let parts: Vec<String> = self.desks.keys().map(|home| name(home.as_ref())).collect();
        let revive = |part: String| self.revive(&part, now).err().map(|error| (part, error));
        parts.into_iter().filter_map(revive).collect()
    }

    /// Tells the clerk whom it knows.
    fn introduce(&self) {
        if let Some(front) = &self.front {
            front.clerk.addr.do_send(self.known(&front.regions, &front.bus));
        }
    }

    /// Other settings from now on.
    pub(super) fn reconfigure(&mut self, settings: &alert::Settings) {
        self.settings = settings.clone();
        let shared = Arc::new(settings.clone());
        for desk in self.desks.values() {
            desk.running.addr.do_send(Reconfigure(Arc::clone(&shared)));
        }
        self.introduce();
    }

    /// Which of its parts died or hang, by their names.
    pub(super) fn dead(&self, now: Instant, hangs_after: std::time::Duration) -> Vec<String> {
        let silent = |desk: &Desk| now.saturating_duration_since(**desk.links.alive.load()) > hangs_after;
        let dead = self.desks.iter().filter(|(_, desk)| !desk.running.addr.connected() || silent(desk));
        let mut dead: Vec<String> = dead.map(|(home, _)| name(home.as_ref())).collect();
        if let Some(front) = &self.front {
            dead.extend((!front.librarian.addr.connected()).then(|| LIBRARIAN.to_owned()));
            dead.extend((!front.clerk.addr.connected()).then(|| CLERK.to_owned()));
        }
        dead
    }

    /// Starts one of them anew, by its name.
    pub(super) fn revive(&mut self, part: &str, now: Instant) -> Result<(), alert::actor::Error> {
        for (home, desk) in self.desks.iter_mut().filter(|(home, _)| name(home.as_ref()) == part) {
            desk.running.end();
            desk.links.alive.store(Arc::new(now));
            let office = Office::open(&self.settings, desk.links.steady, home.as_ref())?;
            desk.running = run(office, &desk.links);
        }
        let stream = self.desks.values().next().and_then(|desk| desk.links.stream.clone());
        if let Some(mut front) = self.front.take() {
            match part {
                LIBRARIAN => front.librarian = start_librarian(&front.library, stream),
                CLERK => front.clerk = start_clerk(self.known(&front.regions, &front.bus), &front.library),
                _ => {}
            }
            self.front = Some(front);
            self.introduce();
        }
        Ok(())
    }

    /// What becomes of the world from now on is this node's own doing.
    pub(super) async fn announce_end(&self, within: std::time::Duration) {
        let told = self.desks.values().map(|desk| desk.running.addr.send(Ending).timeout(within));
        futures_util::future::join_all(told).await;
    }

    /// Ends it; tells whether all ended in time.
    pub(super) async fn stop(&self, within: std::time::Duration) -> bool {
        let ended = self.desks.values().map(|desk| desk.running.addr.send(Stop).timeout(within));
        let ended = futures_util::future::join_all(ended).await.iter().all(Result::is_ok);
        self.desks.values().for_each(|desk| desk.running.end());
        if let Some(front) = &self.front {
            front.librarian.end();
            front.clerk.end();
        }
        ended
    }
}

const LIBRARIAN: &str = "librarian of alerts";
const CLERK: &str = "clerk of alerts";

fn name(home: Option<&RegionName>) -> String {
    home.map_or_else(|| "alert actor".to_owned(), |home| format!("alert actor of region {home}"))
}

fn run(office: Office, links: &Links) -> Running<AlertActor> {
    let (links, arbiters) = (links.clone(), vec![Arbiter::new().handle()]);
    let addr = AlertActor::start_in_arbiter(&arbiters[0], move |_| AlertActor::new(office, links));
    Running { addr, arbiters }
}

fn start_librarian(library: &Library, stream: Option<Recipient<AlertChange>>) -> Running<Librarian> {
    let (library, arbiters) = (library.clone(), vec![Arbiter::new().handle()]);
    let addr = Librarian::start_in_arbiter(&arbiters[0], move |_| Librarian::new(library, stream));
    Running { addr, arbiters }
}

fn start_clerk(desks: Desks, library: &Library) -> Running<Clerk> {
    let (library, arbiters) = (library.clone(), vec![Arbiter::new().handle()]);
    let addr = Clerk::start_in_arbiter(&arbiters[0], move |_| Clerk::new(desks, library));
    Running { addr, arbiters }
}

fn doors<A>(addr: &Addr<A>) -> web::AlertDoors
where
    A: Actor<Context = actix::Context<A>>
        + actix::Handler<crate::model::alert::Acknowledge>
        + actix::Handler<crate::model::alert::NewSilence>
        + actix::Handler<crate::model::alert::EndSilence>
        + actix::Handler<crate::model::alert::TestChannel>
        + actix::Handler<crate::model::alert::Callback>,
{
    web::AlertDoors {
        acknowledge: addr.clone().recipient(),
        silence: addr.clone().recipient(),
        end_silence: addr.clone().recipient(),
        test: addr.clone().recipient(),
        callback: addr.clone().recipient(),
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Handle;

    use super::*;
    use crate::{clock::Steady, model::world::World};

    #[actix_web::test]
    async fn an_alert_actor_that_cannot_be_started_again_does_not_keep_the_others_from_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = alert::Settings { path: Some(folder.path().join("alerts.db")), ..alert::Settings::default() };
        let steady = Steady::start();
        let links = Links {
            world: Arc::new(ArcSwap::from_pointee(World::unseen([], clock::wall(), clock::now()))),
            book: Arc::default(),
            alive: Arc::new(ArcSwap::from_pointee(clock::now())),
            stream: None,
            io: Handle::current(),
            steady,
            cluster: None,
        };
        let homes = ["a", "b", "c"].map(|home| Some(RegionName::from(home)));
        let office = |home: &Option<RegionName>| {
            (home.clone(), Office::open(&alert::Settings::default(), steady, home.as_ref()).expect("an office in memory"))
        };
        let mut telling = Telling::start(settings, homes.iter().map(office).collect(), &links, None).expect("it starts");
        for broken in ["a", "c"] {
            std::fs::create_dir(folder.path().join(format!("alerts.{broken}.db"))).expect("a folder in the way");
        }
        let before = telling.desks[&homes[1]].running.addr.clone();
        let failed: Vec<String> = telling.revive_desks(clock::now()).into_iter().map(|(part, _)| part).collect();
        assert_eq!(failed, ["alert actor of region a", "alert actor of region c"]);
        let after = &telling.desks[&homes[1]].running.addr;
        assert!(after.connected() && *after != before, "another one");
        telling.stop(std::time::Duration::from_secs(10)).await;
    }
}
