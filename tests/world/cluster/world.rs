//! Three regions as a test speaks of them: two nodes, a PostgreSQL with two databases and a Redis each (or one Redis for all), and the people
//! at the other end.

use std::{
    collections::BTreeMap,
    net::SocketAddrV4,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use isobar::sandbox::{Postgres, Redis};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::{bus::Bus, files, told::Told};
use crate::{
    doubles::{Receiver, Slack},
    support::{
        Node,
        net::{Net, Place},
        node::BINARY,
        secs, until,
    },
};

/// The regions.
pub(super) const REGIONS: [&str; 3] = ["us-east-1", "eu-west-1", "ap-south-1"];
/// The databases of each.
pub(super) const TARGETS: [&str; 2] = ["shop", "users"];
/// The token that may do anything.
pub(super) const TOKEN: &str = "operator-token-of-the-test-world";
/// All is as it should be within this, on a loaded machine.
pub(super) const SOON: Duration = secs(20);
/// Moves the wall clock of one process.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

/// How a node starts when not as usual.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Start {
    /// Its wall clock is so many minutes ahead.
    pub(super) skew: i32,
    /// It speaks the first version of the wire alone.
    pub(super) is_old: bool,
}

/// What the nodes meet in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Buses {
    One,
    Each,
    EachWatched,
}

/// See the module. Fields are dropped in this order: who runs in a place ends before the place.
pub(super) struct World {
    nodes: BTreeMap<String, Node>,
    pub(super) receiver: Receiver,
    pub(super) slack: Slack,
    databases: BTreeMap<&'static str, Postgres>,
    buses: Vec<Bus>,
    pub(super) folder: tempfile::TempDir,
    pub(super) net: Net,
    /// How often the test killed each database.
    outages: BTreeMap<&'static str, usize>,
}

impl World {
    /// A Redis in each region.
    pub(super) fn with_a_redis_each() -> Self {
        Self::three_regions(Buses::Each, Start::default())
    }

    /// A Redis in each region, another that follows it, and sentinels that put the one in the other's place.
    pub(super) fn with_sentinels_each() -> Self {
        Self::three_regions(Buses::EachWatched, Start::default())
    }

    /// One Redis, in a place of its own.
    pub(super) fn with_one_redis() -> Self {
        Self::three_regions(Buses::One, Start::default())
    }

    /// All nodes start so.
    pub(super) fn three_regions(buses: Buses, start: Start) -> Self {
        let net = Net::between(&[REGIONS[0], REGIONS[1], REGIONS[2], "redis"]);
        if buses == Buses::EachWatched && !net.is_of_packets() {
            eprintln!("SKIP  | links to a Redis that sentinels name: nodes call it as it is named, and by no proxy");
        }
        let site = |place| net.site(net.place(place));
        let buses: Vec<Bus> = match buses {
            Buses::One => vec![Bus::single(&site("redis"))],
            Buses::Each => REGIONS.map(|region| Bus::single(&site(region))).into(),
            Buses::EachWatched => REGIONS.map(|region| Bus::watched(&site(region))).into(),
        };
        let database = |region| {
            let server = Postgres::builder().at(&net.site(net.place(region))).start().expect("PostgreSQL");
            for target in TARGETS {
                server.create_database(target).expect("a database");
            }
            (region, server)
        };
        let databases = REGIONS.into_iter().map(database).collect();
        let at = net.internet_address();
        let (receiver, slack) = (Receiver::start_at(at, Some(Receiver::SECRET)), Slack::start_at(at).at_any_rate());
        let folder = tempfile::tempdir().expect("a folder");
        let (nodes, outages) = (BTreeMap::new(), BTreeMap::new());
        let mut world = Self { nodes, receiver, slack, databases, buses, folder, net, outages };
        for node in Self::names() {
            world.start_as(&node, start);
        }
        world.expect_all_well();
        world
    }

    /// `us-east-1-a` and the like.
    pub(super) fn names() -> Vec<String> {
        REGIONS.iter().flat_map(|region| ["a", "b"].map(|letter| format!("{region}-{letter}"))).collect()
    }

    // ---- what exists

    pub(super) fn node(&self, name: &str) -> &Node {
        self.nodes.get(name).unwrap_or_else(|| panic!("{name} does not run"))
    }

    pub(super) fn database(&self, region: &str) -> &Postgres {
        &self.databases[region]
    }

    pub(super) fn bus(&self, region: &str) -> &Bus {
        if self.buses.len() == 1 { &self.buses[0] } else { &self.buses[self.net.place(region)] }
    }

    /// The region's Redis, or the one that serves now.
    pub(super) fn redis(&self, region: &str) -> &Redis {
        self.bus(region).redis()
    }

    fn redis_place(&self, region: &str) -> Place {
        self.net.place(if self.buses.len() == 1 { "redis" } else { region })
    }

    /// Who leads the region's alert stage, as its Redis has it.
    pub(super) fn leader(&self, region: &str) -> Option<String> {
        let lease: String = self.redis(region).ask(&["GET", &format!("isobar:{{{region}}}:lease")]).ok()?;
        Self::names().into_iter().find(|name| lease.contains(name.as_str()))
    }

    #[track_caller]
    pub(super) fn expect_leader(&self, region: &str, within: Duration, wanted: impl Fn(&str) -> bool) -> (String, Duration) {
        until(&format!("a leader of {region}"), within, || {
            let leader = self.leader(region);
            leader.clone().filter(|leader| wanted(leader)).ok_or_else(|| format!("{leader:?}"))
        })
    }

    // ---- what is done to nodes

    pub(super) fn start(&mut self, name: &str) {
        self.start_as(name, Start::default());
    }

    pub(super) fn start_as(&mut self, name: &str, how: Start) {
        let region = region_of(name);
        let place = self.net.place(region);
        let config = self.folder.path().join(name);
        self.write_files(name, region, how);
        let mut command = self.net.command(place, "sh");
        // A full disk is an error and no signal.
        command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh", BINARY, "run", "--region", region, "--node", name, "--listen"]);
        command.arg(format!("{}:0", self.net.site(place).address())).arg("--config").arg(config);
        if how.skew != 0 && can_skew() {
            command.env("LD_PRELOAD", FAKETIME).env("FAKETIME", format!("{:+}m", how.skew));
            command.envs([("FAKETIME_DONT_FAKE_MONOTONIC", "1"), ("DONT_FAKE_MONOTONIC", "1")]);
        }
        self.nodes.insert(name.to_owned(), Node::launch_for(command, Some(TOKEN)));
    }

    fn write_files(&self, name: &str, region: &str, how: Start) {
        let from = self.net.place(region);
        let internet = |url: &str| self.internet_url(from, url);
        let channels = files::channels(&internet(&self.receiver.url()), &internet(&self.slack.api_url()));
        let global = files::global(&channels, if how.is_old { 1 } else { isobar::bus::wire::NEWEST });
        files::write(&self.folder.path().join(name), "global.toml", &global);
        for to in REGIONS {
            let database = self.database(to);
            let way = |place, server| self.net.way(from, place, server);
            let redis = self.bus(to).url(|server| way(self.redis_place(to), server));
            let database = way(self.net.place(to), SocketAddrV4::new(database.host(), database.port()));
            files::write(&self.folder.path().join(name), &format!("{to}.toml"), &files::region(to, &redis, database));
        }
    }

    /// The same URL as it is reached from the place.
    fn internet_url(&self, from: Place, url: &str) -> String {
        let (host, rest) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("http://host/path");
        let way = self.net.way(from, self.net.internet(), host.parse().expect("an address"));
        format!("http://{way}/{rest}")
    }

    /// `kill -9`.
    pub(super) fn kill(&mut self, name: &str) {
        self.nodes.remove(name).expect("it runs").stop_by(Signal::SIGKILL);
    }

    /// SIGTERM; how long it took to end.
    pub(super) fn stop(&mut self, name: &str) -> Duration {
        let (status, took) = self.nodes.remove(name).expect("it runs").stop();
        assert!(status.success(), "{name}: {status}");
        took
    }

    /// From now on none of its files may grow beyond this.
    pub(super) fn limit_files(&self, name: &str, bytes: &str) {
        let pid = self.node(name).pid().to_string();
        let limited = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={bytes}:")]).status();
        assert!(limited.expect("prlimit, of util-linux").success());
    }

    // ---- what is done to links

    /// Nothing passes between the region and the others, Redis of others included; its people are still reached.
    pub(super) fn cut(&mut self, region: &str) {
        for other in self.others(region) {
            self.net.cut(self.net.place(region), other);
            self.net.cut(other, self.net.place(region));
        }
    }

    pub(super) fn cut_one_way(&mut self, from: &str, to: &str) {
        self.net.cut(self.net.place(from), self.net.place(to));
    }

    /// Everything between regions takes so long each way, and so much of it gets lost.
    pub(super) fn slow_everywhere(&mut self, by: Duration, loss: u8) {
        for region in REGIONS {
            for other in self.others(region) {
                self.net.slow(self.net.place(region), other, by, loss);
                self.net.slow(other, self.net.place(region), by, loss);
            }
        }
    }

    pub(super) fn heal(&mut self) {
        self.net.heal();
    }

    fn others(&self, region: &str) -> Vec<Place> {
        let shared = (self.buses.len() == 1).then_some("redis");
        REGIONS.into_iter().chain(shared).filter(|other| *other != region).map(|other| self.net.place(other)).collect()
    }

    // ---- what nodes say

    /// `/api/health`.
    pub(super) fn health(&self, name: &str) -> Value {
        self.node(name).json("/api/health")
    }

    #[track_caller]
    pub(super) fn expect(&self, node: &str, region: &str, status: &str, within: Duration) -> Duration {
        until(&format!("{node} says that {region} is {status}"), within, || {
            let health = self.health(node);
            if health["regions"][region] == status { Ok(()) } else { Err(health.to_string()) }
        })
        .1
    }

    /// All nodes that run say so of the region.
    #[track_caller]
    pub(super) fn expect_everywhere(&self, region: &str, status: &str, within: Duration) {
        let began = Instant::now();
        for node in self.running() {
            self.expect(&node, region, status, within.saturating_sub(began.elapsed()));
        }
    }

    /// The nodes of other regions than this.
    #[track_caller]
    pub(super) fn expect_elsewhere(&self, region: &str, status: &str, within: Duration) {
        let began = Instant::now();
        for node in self.running().into_iter().filter(|node| region_of(node) != region) {
            self.expect(&node, region, status, within.saturating_sub(began.elapsed()));
        }
    }

    /// Every node that runs says that every region is healthy, and every region has a leader.
    #[track_caller]
    pub(super) fn expect_all_well(&self) {
        for region in REGIONS {
            self.expect_everywhere(region, "healthy", 2 * SOON);
        }
        for region in REGIONS {
            self.expect_leader(region, SOON, |leader| self.nodes.contains_key(leader));
        }
    }

    /// By name.
    pub(super) fn running(&self) -> Vec<String> {
        self.nodes.keys().cloned().collect()
    }

    /// Posts JSON at a node; the answer's status and what it says.
    pub(super) fn post(&self, node: &str, path: &str, body: &Value) -> (u16, Value) {
        let answer = self.node(node).request("POST", path).json(body).send().expect("an answer");
        (answer.status().as_u16(), answer.json().unwrap_or_default())
    }

    /// An incident as that node tells it; null while it does not know it.
    pub(super) fn alert(&self, node: &str, id: &str) -> Value {
        let answer = self.node(node).get(&format!("/api/alerts/{id}"));
        if answer.status().is_success() { answer.json().expect("JSON") } else { Value::Null }
    }

    // ---- outages of databases, and who was told

    /// A database's server is killed; its people must be told once: one broken server is one incident, whatever hangs on it.
    pub(super) fn kill_database(&mut self, region: &'static str) -> Instant {
        self.database(region).kill();
        *self.outages.entry(region).or_default() += 1;
        Instant::now()
    }

    /// It runs again; waits until all nodes say so and the incidents are over.
    #[track_caller]
    pub(super) fn restore_database(&mut self, region: &'static str) {
        self.database(region).restart().expect("a restart");
        self.expect_everywhere(region, "healthy", SOON);
        let outages = self.outages[region];
        until(&format!("the incidents of {region} are over"), 2 * SOON, || {
            let told = self.told();
            if told.ended(region) >= outages { Ok(()) } else { Err(told.to_string()) }
        });
    }

    /// The receiver was told of the region's outage; how long that took.
    #[track_caller]
    pub(super) fn expect_page(&self, region: &str, within: Duration) -> Duration {
        let outages = self.outages[region];
        until(&format!("the outage of {region} is told"), within, || {
            let told = self.told();
            if told.incidents("database_down", region) >= outages { Ok(()) } else { Err(told.to_string()) }
        })
        .1
    }

    /// What the receiver was told so far.
    pub(super) fn told(&self) -> Told {
        Told::by(&self.receiver)
    }

    /// Criticals that were made and never told.
    pub(super) fn lost(&self) -> usize {
        let told = self.told();
        let missing =
            |(region, outages): (&&'static str, &usize)| outages.saturating_sub(told.incidents("database_down", region));
        self.outages.iter().map(missing).sum()
    }

    /// Criticals that were told by more than one key, or more often than there were outages.
    pub(super) fn twice(&self) -> usize {
        let told = self.told();
        let extra = |region: &'static str| {
            let outages = self.outages.get(region).copied().unwrap_or_default();
            told.incidents("database_down", region).saturating_sub(outages)
        };
        told.keys_too_many() + REGIONS.into_iter().map(extra).sum::<usize>()
    }

    /// Every outage was told, once by its key, and nothing else was.
    #[track_caller]
    pub(super) fn expect_told_once(&self) {
        assert_eq!((self.lost(), self.twice()), (0, 0), "lost, and told twice: {}", self.told());
    }
}

/// `us-east-1` of `us-east-1-a`.
pub(super) fn region_of(node: &str) -> &'static str {
    REGIONS.into_iter().find(|region| node.starts_with(region)).expect("a node of a region")
}

/// The other node of the region.
pub(super) fn partner_of(node: &str) -> String {
    let (region, other) = (region_of(node), if node.ends_with('a') { "b" } else { "a" });
    format!("{region}-{other}")
}

/// Whether wall clocks of processes can be moved here.
pub(super) fn can_skew() -> bool {
    Path::new(FAKETIME).exists()
}
