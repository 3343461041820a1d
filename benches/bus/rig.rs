//! Nodes on a real Redis inside this process: each stage has threads of its own, so that what they take can be told apart.

use std::{
    collections::BTreeMap,
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc,
    },
    time::{Duration, Instant},
};

use actix::{Actor, Addr, Context, Handler, Recipient, System};
use arc_swap::ArcSwap;
use isobar::{
    aggregate::{Aggregator, Blindness},
    bus::{
        Place, Settings,
        actor::{BusActor, Doors, Links, Places, Stop},
    },
    clock,
    model::{
        RegionName, Severity,
        cluster::BusState,
        report::Batch,
        world::{World, WorldChange},
    },
    sandbox::Redis,
};
use tokio::runtime::{Builder, Handle, Runtime};

/// Threads with one name: actors on one, and one for what waits for Redis.
pub(super) struct Stage {
    name: String,
    system: System,
    io: Option<Runtime>,
    thread: Option<std::thread::JoinHandle<()>>,
    buses: Mutex<Vec<Addr<BusActor>>>,
}

impl Stage {
    pub(super) fn new(name: &str) -> Self {
        let io = Builder::new_multi_thread().worker_threads(1).thread_name(format!("{name}-io")).enable_all().build();
        let (tell, told) = mpsc::channel();
        let actors = move || {
            let system = System::new();
            tell.send(System::current()).expect("who started it waits");
            system.run().expect("an actor system");
        };
        let thread = std::thread::Builder::new().name(format!("{name}-actors")).spawn(actors).expect("a thread");
        let system = told.recv().expect("an actor system");
        Self { name: name.to_owned(), system, io: Some(io.expect("a runtime")), thread: Some(thread), buses: Mutex::default() }
    }

    /// Does this where its actors live.
    pub(super) fn on<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (tell, told) = mpsc::channel();
        self.system.arbiter().spawn_fn(move || drop(tell.send(work())));
        told.recv().expect("the stage lives")
    }

    pub(super) fn io(&self) -> Handle {
        self.io.as_ref().expect("until it ends").handle().clone()
    }

    /// Processor time that its threads took.
    pub(super) fn took(&self) -> Duration {
        let tasks = fs::read_dir("/proc/self/task").expect("Linux").filter_map(Result::ok);
        let read = |path: std::path::PathBuf| fs::read_to_string(path).unwrap_or_default();
        let own = tasks.filter(|task| read(task.path().join("comm")).starts_with(&self.name));
        let nanos = own.map(|task| {
            read(task.path().join("schedstat")).split(' ').next().and_then(|nanos| nanos.parse::<u64>().ok()).unwrap_or_default()
        });
        Duration::from_nanos(nanos.sum())
    }

    /// A node of one region that knows all of them; its aggregator is `ear`, or a real one.
    pub(super) fn node(&self, redis: &Redis, regions: usize, home: usize, name: &str, ear: Ear) -> Node {
        let place = |nth| Place { region: region(nth), url: redis.url().as_str().into() };
        let (raw, cache) = (Duration::from_millis(250), Duration::from_secs(10));
        let settings =
            Settings { places: (0..regions).map(place).collect(), raw, cache, wire: isobar::bus::wire::NEWEST, replicas: 0 };
        let (node, io) = (name.into(), self.io());
        let boot = BOOT.fetch_add(1, Relaxed);
        let (world, state, bus) = self.on(move || {
            let all: Vec<RegionName> = (0..regions).map(region).collect();
            let world = Arc::new(ArcSwap::from_pointee(World::unseen(all.clone(), clock::wall(), clock::now())));
            let state: Arc<ArcSwap<BusState>> = Arc::default();
            let aggregator = match ear {
                Ear::Deaf => Nobody.start().recipient(),
                Ear::Aggregator(subscribers) => {
                    let rule = Blindness { enabled: true, after: Duration::from_secs(5), severity: Severity::Critical };
                    let aggregator = Aggregator::new(all, Arc::clone(&world), subscribers, rule);
                    aggregator.with_bus(Some(Arc::clone(&state))).start().recipient()
                }
            };
            let places = Places::open(&settings, &io).expect("a good URL");
            let (homes, versions, (ended, _)) = (vec![region(home)], BTreeMap::new(), tokio::sync::mpsc::unbounded_channel());
            let links =
                Links { settings, homes, node, boot, places, versions, world: world.clone(), state: state.clone(), ended, io };
            let (membership, replicas, asked) = Default::default();
            let doors = Doors { aggregator, news: None, membership, replicas, asked, told: BTreeMap::new() };
            (world, state, BusActor::new(links, doors).start())
        });
        self.buses.lock().expect("nobody panicked").push(bus.clone());
        Node { world, state, bus }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for bus in self.buses.lock().expect("nobody panicked").drain(..) {
            bus.do_send(Stop);
        }
        // A goodbye of all at once takes a moment.
        std::thread::sleep(Duration::from_millis(500));
        self.system.stop();
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
        if let Some(io) = self.io.take() {
            io.shutdown_timeout(Duration::from_secs(1));
        }
    }
}

/// Each start has another.
static BOOT: AtomicU64 = AtomicU64::new(1_000);

/// Who takes the batches of a node.
pub(super) enum Ear {
    /// Nobody: it only speaks.
    Deaf,
    /// A real aggregator, which tells these.
    Aggregator(Vec<Recipient<WorldChange>>),
}

struct Nobody;

impl Actor for Nobody {
    type Context = Context<Self>;
}

impl Handler<Batch> for Nobody {
    type Result = ();

    fn handle(&mut self, _: Batch, _: &mut Self::Context) {}
}

pub(super) struct Node {
    pub(super) world: Arc<ArcSwap<World>>,
    pub(super) state: Arc<ArcSwap<BusState>>,
    pub(super) bus: Addr<BusActor>,
}

impl Node {
    /// Messages that it has read, as it counted them last; its own among them.
    pub(super) fn read(&self) -> u64 {
        self.state.load().links.values().map(|link| link.read).sum()
    }

    /// The same without its own.
    pub(super) fn heard(&self) -> u64 {
        let state = self.state.load();
        state.links.values().map(|link| link.read).sum::<u64>().saturating_sub(state.written)
    }

    /// Targets that it shows.
    pub(super) fn shows(&self) -> usize {
        self.world.load().regions.values().map(|region| region.targets.len()).sum()
    }

    /// Waits until it shows so many.
    pub(super) fn is_up(&self, targets: usize) {
        let limit = Instant::now() + Duration::from_mins(1);
        while self.shows() < targets {
            assert!(Instant::now() < limit, "{} of {targets} targets are shown", self.shows());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Passes what is told to whoever counts; there are two of them, as in a node that shows and alerts.
pub(super) struct Witness<F>(pub(super) F);

impl<F: FnMut(&WorldChange) + Unpin + 'static> Actor for Witness<F> {
    type Context = Context<Self>;
}

impl<F: FnMut(&WorldChange) + Unpin + 'static> Handler<WorldChange> for Witness<F> {
    type Result = ();

    fn handle(&mut self, change: WorldChange, _: &mut Self::Context) {
        (self.0)(&change);
    }
}

pub(super) fn region(nth: usize) -> RegionName {
    format!("region-{nth}").as_str().into()
}

/// Calls of each command since Redis started, by name.
pub(super) fn commands(redis: &Redis) -> BTreeMap<String, u64> {
    let stats: String = redis.ask(&["INFO", "commandstats"]).expect("Redis answers");
    let calls = |line: &str| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        Some((name.to_owned(), rest.split(',').next()?.parse().ok()?))
    };
    stats.lines().filter_map(calls).collect()
}

/// Bytes that Redis has sent.
pub(super) fn sent(redis: &Redis) -> u64 {
    let stats: String = redis.ask(&["INFO", "stats"]).expect("Redis answers");
    let sent = stats.lines().find_map(|line| line.strip_prefix("total_net_output_bytes:"));
    sent.and_then(|bytes| bytes.trim().parse().ok()).unwrap_or_default()
}
