use std::sync::{Arc, Mutex};

use actix::Addr;

use super::*;
use crate::{
    model::{
        activity::{Activity, Server},
        reading::Cost,
    },
    probe::conninfo::ConnInfo,
};

/// What the fake probes are told, and the death watches they hold.
#[derive(Default)]
struct Stage {
    started: Vec<(TargetId, ProbeKind, u64, bool)>,
    watches: Vec<DeathWatch>,
    stopped: u32,
}

struct Fakes(Arc<Mutex<Stage>>);

struct Fake(Arc<Mutex<Stage>>);

impl Spawn for Fakes {
    fn spawn(&self, target: &TargetSettings, _: Recipient<Reading>, watch: DeathWatch, elsewhere: bool) -> Box<dyn Stop> {
        let mut stage = self.0.lock().expect("no panic while held");
        stage.started.push((target.id.clone(), watch.probe, watch.generation, elsewhere));
        stage.watches.push(watch);
        Box::new(Fake(Arc::clone(&self.0)))
    }

    fn dropped(&self) -> u64 {
        0
    }
}

impl Stop for Fake {
    fn stop(&self) {
        self.0.lock().expect("no panic while held").stopped += 1;
    }
}

#[derive(Default)]
struct Ear(Arc<Mutex<Vec<Batch>>>);

impl Actor for Ear {
    type Context = Context<Self>;
}

impl Handler<Batch> for Ear {
    type Result = ();

    fn handle(&mut self, batch: Batch, _: &mut Self::Context) {
        self.0.lock().expect("no panic while held").push(batch);
    }
}

struct World {
    supervisor: Addr<RegionSupervisor>,
    stage: Arc<Mutex<Stage>>,
    heard: Arc<Mutex<Vec<Batch>>>,
}

fn target(name: &str) -> (TargetSettings, Thresholds) {
    let settings = TargetSettings {
        id: TargetId::new("r", name),
        url: ConnInfo::parse(&format!("postgres://isobar@db/{name}")).expect("a connection string"),
        critical: false,
        vantages: vec![],
        poolers: vec![],
        slow_query_ms: 1_000.0,
    };
    (settings, Thresholds::default())
}

impl World {
    fn of(targets: &[&str]) -> Self {
        let (stage, ear) = (Arc::<Mutex<Stage>>::default(), Ear::default());
        let heard = Arc::clone(&ear.0);
        let targets = targets.iter().map(|name| target(name)).collect();
        let (spawn, to) = (Box::new(Fakes(Arc::clone(&stage))), ear.start().recipient());
        let supervisor = RegionSupervisor::new("r".into(), targets, Sampling::default(), spawn, to).start();
        Self { supervisor, stage, heard }
    }

    /// The pool probe of the target speaks.
    fn reads(&self, name: &str, generation: u64, sessions: u32) {
        let server = Server { max_connections: 100, ..Server::default() };
        let mut activity = Activity { server, ..Activity::default() };
        activity.states.total = sessions;
        self.supervisor.do_send(Reading {
            target: TargetId::new("r", name),
            probe: ProbeKind::Pool,
            generation,
            at: clock::now(),
            wall: clock::wall(),
            cost: Cost { interval_ms: 250, ..Cost::default() },
            body: Body::Activity(Arc::new(activity), vec![]),
        });
    }

    /// The newest count of sessions that was sent on.
    fn sessions(&self, name: &str) -> Option<u32> {
        let heard = self.heard.lock().expect("no panic while held");
        let reports = heard.iter().flat_map(|batch| &batch.reports);
        let last = reports.filter(|report| report.sample.target.as_str() == name).last()?;
        last.sample.connection_pool.total_connections
    }

    async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let deadline = clock::now() + Duration::from_secs(5);
        while !holds(self) {
            assert!(clock::now() < deadline, "{what}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    fn generation(&self, name: &str, kind: ProbeKind) -> u64 {
        let stage = self.stage.lock().expect("no panic while held");
        let of = |(id, probe, ..): &&(TargetId, ProbeKind, u64, bool)| *id == TargetId::new("r", name) && *probe == kind;
        stage.started.iter().filter(of).last().map_or(0, |started| started.2)
    }
}

#[actix_web::test]
async fn each_target_gets_three_probes_and_a_reading_is_sent_on_at_once() {
    let world = World::of(&["a", "b"]);
    world.until("six probes", |world| world.stage.lock().expect("no panic while held").started.len() == 6).await;
    world.reads("a", world.generation("a", ProbeKind::Pool), 7);
    world.until("the reading is sent on", |world| world.sessions("a") == Some(7)).await;
    let heard = world.heard.lock().expect("no panic while held");
    let roster = &heard.last().expect("batches").roster;
    assert_eq!((roster.targets, roster.probes, roster.seen, roster.silent), (2, 6, 1, 0));
}

#[actix_web::test]
async fn a_probe_that_dies_is_started_again_and_the_mail_of_the_dead_one_is_dropped() {
    let world = World::of(&["a"]);
    world.until("three probes", |world| world.generation("a", ProbeKind::Pool) > 0).await;
    let old = world.generation("a", ProbeKind::Pool);
    let watches = std::mem::take(&mut world.stage.lock().expect("no panic while held").watches);
    drop(watches);
    world.until("started again", |world| world.generation("a", ProbeKind::Pool) > old).await;
    world.reads("a", old, 1);
    world.reads("a", world.generation("a", ProbeKind::Pool), 2);
    world.until("the new one is heard", |world| world.sessions("a") == Some(2)).await;
    let heard = world.heard.lock().expect("no panic while held");
    let seen = heard.iter().flat_map(|batch| &batch.reports).filter_map(|report| report.sample.connection_pool.total_connections);
    assert!(!seen.collect::<Vec<_>>().contains(&1), "mail of the dead one came through");
}

#[actix_web::test]
async fn a_new_configuration_touches_only_what_changed() {
    let world = World::of(&["a", "b"]);
    world.until("six probes", |world| world.stage.lock().expect("no panic while held").started.len() == 6).await;
    let (kept, mut changed) = (world.generation("a", ProbeKind::Query), target("b"));
    changed.0.critical = true;
    world.supervisor.send(Reconfigure { targets: vec![target("a"), changed, target("c")] }).await.expect("taken");
    assert_eq!(world.generation("a", ProbeKind::Query), kept);
    assert_eq!(world.stage.lock().expect("no panic while held").started.len(), 12);
    assert_eq!(world.stage.lock().expect("no panic while held").stopped, 3);
    world.supervisor.send(Reconfigure { targets: vec![target("c")] }).await.expect("taken");
    world.until("removals are told", |world| {
        let heard = world.heard.lock().expect("no panic while held");
        let removed: Vec<_> = heard.iter().flat_map(|batch| &batch.removed).map(ToString::to_string).collect();
        removed.ends_with(&["r/a".to_owned(), "r/b".to_owned()])
    })
    .await;
}
