//! Whole nodes in one process, on a bus of memory. Their databases are not there, which is news enough.

use std::time::Instant;

use tokio::{sync::oneshot, task::JoinHandle};

use super::*;
use crate::{
    bus::Place,
    config::{DiscoveryConfig, TargetConfig},
    model::{TargetId, TargetName},
    probe::{
        conninfo::ConnInfo,
        discovery::{Discovery, Patterns, Source},
    },
    sandbox::Postgres,
};

/// For whatever is to come; far beyond all limits.
const LONG: Duration = Duration::from_secs(15);

struct Cluster {
    bus: String,
    regions: Vec<&'static str>,
}

struct Running {
    world: Arc<ArcSwap<World>>,
    shutdown: Option<oneshot::Sender<()>>,
    ended: JoinHandle<Result<(), Error>>,
}

impl Cluster {
    fn new(name: &str, regions: &[&'static str]) -> Self {
        Self { bus: format!("memory:app-{name}"), regions: regions.to_vec() }
    }

    /// Eight targets in each region, with a server that refuses.
    fn config(&self, homes: &[&str]) -> Config {
        let urls: Vec<String> = (0..8).map(|n| format!("postgres://me@127.0.0.1:1/t{n}")).collect();
        let mut config = Config::for_watch(&urls, &[], None).expect("valid");
        let targets = config.regions.remove(0).targets;
        let of = |region: &str| {
            let target = |target: &TargetConfig| {
                let mut target = target.clone();
                target.settings.id.region = region.into();
                target
            };
            RegionConfig { name: region.into(), targets: targets.iter().map(target).collect(), discoveries: Vec::new() }
        };
        config.regions = homes.iter().map(|home| of(home)).collect();
        let place = |region: &&str| Place { region: (*region).into(), url: self.bus.as_str().into() };
        config.bus = Some(bus::Settings {
            places: self.regions.iter().map(place).collect(),
            raw: Duration::from_millis(100),
            cache: Duration::from_secs(10),
            wire: bus::wire::NEWEST,
            replicas: 0,
        });
        config.web.listen = "127.0.0.1:0".parse().expect("an address");
        config
    }

    fn start(&self, node: &str, homes: &[&str]) -> Running {
        Self::start_with(self.config(homes), node)
    }

    fn start_with(config: Config, node: &str) -> Running {
        let node = Node::build(config, node).expect("it starts");
        let (shutdown, asked) = oneshot::channel::<()>();
        let (_, reload) = mpsc::channel(1);
        let world = node.world();
        let run = node.run(
            async move {
                let _ = asked.await;
            },
            reload,
        );
        Running { world, shutdown: Some(shutdown), ended: tokio::task::spawn_local(run) }
    }
}

impl Running {
    /// Which node reported each target of a region last, as this node sees it.
    fn reporters(&self, region: &str) -> BTreeMap<TargetName, NodeName> {
        let world = self.world.load();
        let targets = world.regions.get(&RegionName::from(region)).map(|region| region.targets.clone()).unwrap_or_default();
        targets.into_iter().map(|(name, target)| (name, target.node.clone())).collect()
    }

    fn reported_by(&self, region: &str, node: &str) -> usize {
        self.reporters(region).values().filter(|by| by.as_str() == node).count()
    }

    fn targets(&self, region: &str) -> Vec<String> {
        self.reporters(region).keys().map(ToString::to_string).collect()
    }

    fn heard(&self, region: &str, target: &TargetName) -> Option<Instant> {
        Some(self.world.load().regions.get(&RegionName::from(region))?.targets.get(target)?.heard)
    }

    fn end(&mut self) {
        let _ = self.shutdown.take().expect("not asked yet").send(());
    }
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(LONG, wait).await.is_ok(), "{what}");
}

#[actix_web::test]
async fn the_nodes_of_a_region_share_its_targets_and_every_node_knows_the_world() {
    let cluster = Cluster::new("share", &["eu", "us"]);
    let one = cluster.start("one", &["eu"]);
    until("it takes all while it is alone", || one.reported_by("eu", "one") == 8).await;
    let two = cluster.start("two", &["eu"]);
    let far = cluster.start("far", &["us"]);
    let all = [&one, &two, &far];
    let shared = |node: &Running| node.reported_by("eu", "one") > 0 && node.reported_by("eu", "two") > 0;
    until("both have a share, and all know", || all.iter().all(|node| shared(node) && node.reporters("us").len() == 8)).await;
    for mut node in [one, two, far] {
        node.end();
        node.ended.await.expect("no panic").expect("an orderly end");
    }
}

#[actix_web::test]
async fn a_node_that_ends_hands_its_targets_over_without_a_gap() {
    let cluster = Cluster::new("end", &["eu"]);
    let (mut one, two) = (cluster.start("one", &["eu"]), cluster.start("two", &["eu"]));
    until("both have a share", || two.reported_by("eu", "one") > 0 && two.reported_by("eu", "two") > 0).await;
    until("all are known", || two.reporters("eu").len() == 8).await;
    let handed: Vec<TargetName> =
        two.reporters("eu").into_iter().filter(|(_, by)| by.as_str() == "one").map(|(name, _)| name).collect();
    one.end();
    let began = clock::now();
    let mut longest = Duration::ZERO;
    while !one.ended.is_finished() || two.reported_by("eu", "two") < 8 {
        let now = clock::now();
        assert!(now - began < LONG, "{:?}", two.reporters("eu"));
        for target in &handed {
            let heard = two.heard("eu", target).expect("never forgotten");
            longest = longest.max(now.saturating_duration_since(heard));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(began.elapsed() < Duration::from_secs(5), "the contract's limit");
    assert!(longest < Duration::from_secs(3), "{longest:?} without a word of a target");
    let mut two = two;
    two.end();
    two.ended.await.expect("no panic").expect("an orderly end");
}

#[actix_web::test]
async fn two_nodes_with_one_name_do_not_live_together() {
    let cluster = Cluster::new("name", &["eu"]);
    let mut one = cluster.start("one", &["eu"]);
    until("it lives", || one.reported_by("eu", "one") == 8).await;
    let other = cluster.start("one", &["eu"]);
    let error = tokio::time::timeout(LONG, other.ended).await.expect("it ends").expect("no panic").expect_err("refused");
    assert_eq!(error.to_string(), "another live node of region eu is called one; give this one another --node");
    one.end();
    one.ended.await.expect("no panic").expect("an orderly end");
}

#[actix_web::test]
async fn the_nodes_of_a_region_agree_on_what_they_find() {
    let server = Postgres::start().expect("a server");
    for name in ["a", "b", "c", "d", "e", "f"] {
        server.create_database(name).expect("a database");
    }
    let cluster = Cluster::new("found", &["eu"]);
    let config = || {
        let mut config = cluster.config(&["eu"]);
        let region = &mut config.regions[0];
        let TargetConfig { mut settings, thresholds } = region.targets.remove(0);
        region.targets.clear();
        settings.url = ConnInfo::parse(&server.url("postgres")).expect("valid");
        settings.id = TargetId::new("eu", "all");
        let source = Source::Databases(Patterns { exclude: vec!["postgres".into()], ..Patterns::default() });
        region.discoveries = vec![DiscoveryConfig { discovery: Discovery { template: settings, source }, thresholds }];
        config
    };
    let (one, two) = (Cluster::start_with(config(), "one"), Cluster::start_with(config(), "two"));
    let both = |wanted: &[&str]| [&one, &two].iter().all(|node| node.targets("eu") == wanted);
    until("both know all", || both(&["all-a", "all-b", "all-c", "all-d", "all-e", "all-f"])).await;
    until("they share them", || two.reported_by("eu", "one") > 0 && two.reported_by("eu", "two") > 0).await;
    server.sql("postgres", "DROP DATABASE a WITH (FORCE)").expect("dropped");
    server.sql("postgres", "DROP DATABASE f WITH (FORCE)").expect("dropped");
    server.create_database("g").expect("a database");
    until("both follow", || both(&["all-b", "all-c", "all-d", "all-e", "all-g"])).await;
    for mut node in [one, two] {
        node.end();
        node.ended.await.expect("no panic").expect("an orderly end");
    }
}
