//! A world of regions with a node each that reads all of them, and one node more that is watched: how late it shows what was said, and
//! what knowing all of it takes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use actix::Actor;
use isobar::{
    clock,
    model::{
        Report, Status,
        report::{Batch, RosterState},
        world::WorldChange,
    },
    sandbox::Redis,
};
use rand::Rng as _;

use super::{
    report,
    rig::{Ear, Node, Stage, Witness, commands, region, sent},
};
use crate::report::{Section, ms, percent, percentile};

/// Samples of each target come this often.
const SAMPLE_EVERY: Duration = Duration::from_millis(250);
/// A judgement somewhere changes this often, and a moment more by chance.
const CHANGE_EVERY: Duration = Duration::from_millis(40);
/// All nodes know all others' wire, and every target was said.
const WARM_UP: Duration = Duration::from_secs(5);
const DELAYS: Duration = Duration::from_secs(25);
const COSTS: Duration = Duration::from_secs(8);

/// A change waits for its target's next newer figure to be shown; a plain figure counts only when it is shown itself.
#[derive(Default)]
struct Book {
    given: Vec<Instant>,
    changes: HashMap<(usize, usize), (usize, Instant)>,
    changed: Delays,
    plain: Delays,
}

/// Of the watched node's own region, and of all others.
#[derive(Default)]
struct Delays([Vec<Duration>; 2]);

/// What the speaking nodes say: every target four times a second, and changes at any moment.
struct World {
    regions: usize,
    targets: usize,
    nodes: Vec<Node>,
    statuses: Vec<Vec<Status>>,
    template: Report,
    book: Arc<Mutex<Book>>,
}

impl World {
    fn say(&mut self, nth: usize, targets: impl Iterator<Item = usize>, is_change: bool) {
        let mut book = self.book.lock().expect("nobody panicked");
        let (now, wall) = (Instant::now(), clock::wall());
        let reports = targets.map(|target| {
            let number = book.given.len();
            book.given.push(now);
            if is_change {
                book.changes.insert((nth, target), (number, now));
            }
            let mut report = self.template.clone();
            let sample = Arc::make_mut(&mut report.sample);
            (sample.region, sample.target) = (region(nth), target_name(target).as_str().into());
            (sample.timestamp, sample.status) = (wall, self.statuses[nth][target]);
            sample.connection_pool.total_connections = Some(number as u32);
            report
        });
        let reports = reports.collect();
        drop(book);
        let seen = self.targets as u32;
        let roster = RosterState { targets: seen, probes: seen, seen, ..RosterState::default() };
        let (figures, vitals, copies, views, removed) = Default::default();
        let node = node_name(nth).as_str().into();
        self.nodes[nth].bus.do_send(Batch {
            region: region(nth),
            node,
            roster: Some(roster),
            reports,
            figures,
            vitals,
            copies,
            views,
            removed,
        });
    }

    /// Speaks for so long, each region at a moment of its own.
    fn speak(&mut self, time: Duration, changes: bool) {
        let (until, mut rng) = (Instant::now() + time, rand::rng());
        let mut next: Vec<Instant> =
            (0..self.regions).map(|nth| Instant::now() + SAMPLE_EVERY * nth as u32 / self.regions as u32).collect();
        let mut change = Instant::now();
        while Instant::now() < until {
            let now = Instant::now();
            for (nth, next) in next.iter_mut().enumerate() {
                if *next <= now {
                    *next += SAMPLE_EVERY;
                    self.say(nth, 0..self.targets, false);
                }
            }
            if changes && change <= now {
                change = now + CHANGE_EVERY + Duration::from_millis(rng.random_range(0..20));
                // One in four in the watched node's own region.
                let nth = if rng.random_ratio(1, 4) { 0 } else { rng.random_range(0..self.regions) };
                let target = rng.random_range(0..self.targets);
                let status = &mut self.statuses[nth][target];
                *status = if *status == Status::Healthy { Status::Unhealthy } else { Status::Healthy };
                self.say(nth, std::iter::once(target), true);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Book {
    fn see(&mut self, report: &Report, now: Instant) {
        let sample = &report.sample;
        let number = |name: &str| name.rsplit('-').next().and_then(|nth| nth.parse::<usize>().ok());
        let (Some(region), Some(target)) = (number(sample.region.as_str()), number(sample.target.as_str())) else { return };
        let Some(figure) = sample.connection_pool.total_connections.map(|figure| figure as usize) else { return };
        let far = usize::from(region != 0);
        match self.changes.get(&(region, target)) {
            Some((number, given)) if figure >= *number => {
                self.changed.0[far].push(now - *given);
                self.changes.remove(&(region, target));
            }
            Some(_) => {}
            None => {
                if let Some(given) = self.given.get_mut(figure) {
                    // What is told again, unchanged, was shown before.
                    self.plain.0[far].push(now.saturating_duration_since(*given));
                    *given = now + Duration::from_hours(1);
                }
            }
        }
    }
}

/// One world and its watched node, ready.
struct Watched {
    redis: Redis,
    world: World,
    node: Node,
    stage: Stage,
    _speakers: Stage,
}

fn begin(regions: usize, targets: usize) -> Watched {
    let redis = Redis::start().expect("Redis");
    let (speakers, stage) = (Stage::new("speaker"), Stage::new("watcher"));
    let nodes = (0..regions).map(|nth| speakers.node(&redis, regions, nth, &node_name(nth), Ear::Deaf)).collect();
    let book: Arc<Mutex<Book>> = Arc::default();
    let statuses = vec![vec![Status::Healthy; targets]; regions];
    let mut world = World { regions, targets, nodes, statuses, template: report(0), book: Arc::clone(&book) };
    world.template.transitions.clear();
    world.speak(WARM_UP, false);
    let see = move |change: &WorldChange| {
        let (now, mut book) = (Instant::now(), book.lock().expect("nobody panicked"));
        change.reports.iter().for_each(|report| book.see(report, now));
    };
    let counts = stage.on(|| Witness(see).start().recipient());
    let other = stage.on(|| Witness(|_: &WorldChange| {}).start().recipient());
    let node = stage.node(&redis, regions, 0, "watched", Ear::Aggregator(vec![counts, other]));
    // Whole reports of all targets come within ten seconds.
    world.speak(WARM_UP * 2, false);
    node.is_up(regions * targets);
    Watched { redis, world, node, stage, _speakers: speakers }
}

/// The delay from what is given to a bus until the watched node's world shows it.
pub(super) fn delays(section: &mut Section, regions: usize, targets: usize) {
    let mut of = begin(regions, targets);
    {
        let mut book = of.world.book.lock().expect("nobody panicked");
        (book.changed, book.plain) = Default::default();
    }
    of.world.speak(DELAYS, true);
    of.world.speak(Duration::from_secs(2), false);
    let book = of.world.book.lock().expect("nobody panicked");
    let unseen = book.changes.len();
    let told = |delays: &[Duration]| {
        let [half, most, max] = [50, 99, 100].map(|percent| ms(percentile(delays, percent)));
        format!("{half} / {most} / {max}, of {}", delays.len())
    };
    let soon = |delays: &[Duration]| !delays.is_empty() && percentile(delays, 99) < Duration::from_millis(250);
    let name = format!("{} targets in {regions} regions", regions * targets);
    let [own, far] = &book.changed.0;
    let budget = "p99 < 250 ms";
    section.held(
        format!("{name}: a changed judgement in another region, p50 / p99 / max"),
        budget,
        told(far),
        soon(far) && unseen == 0,
    );
    section.held(format!("{name}: the same in the own region"), budget, told(own), soon(own) && unseen == 0);
    let [own, far] = &book.plain.0;
    section.beside(format!("{name}: plain samples in the own region, which go out each 250 ms"), told(own));
    section.beside(format!("{name}: plain figures of other regions, which go out each second"), told(far));
    drop(book);
    drop(of);
}

/// What a node takes that knows all of it, and what its Redis does for each node.
pub(super) fn costs(section: &mut Section, regions: usize, targets: usize) {
    let mut of = begin(regions, targets);
    let nodes = (regions + 1) as f64;
    let (began, cpu, redis) = (Instant::now(), of.stage.took(), of.redis.cpu_time());
    let (calls, bytes, messages) = (commands(&of.redis), sent(&of.redis), of.node.read());
    of.world.speak(COSTS, false);
    let seconds = began.elapsed().as_secs_f64();
    let share = of.stage.took().saturating_sub(cpu).as_secs_f64() / seconds;
    let server = of.redis.cpu_time().saturating_sub(redis).as_secs_f64() / seconds;
    let after = commands(&of.redis);
    let rate = |count: u64| count as f64 / seconds;
    let of_all = |name: &str| after.get(name).unwrap_or(&0) - calls.get(name).unwrap_or(&0);
    let beats = of_all("eval") + of_all("evalsha");
    let each = |count: u64| rate(count) / nodes;
    // A beat's script asks for the time too, which is no command of its own to whoever pays.
    let [read, time, ping, add, set] =
        [of_all("xread"), of_all("time").saturating_sub(beats), of_all("ping"), of_all("xadd"), of_all("set")].map(each);
    let beats = each(beats);
    section.beside(
        format!("{regions} regions, {} targets: one node that knows all", regions * targets),
        format!(
            "{} of one core; {:.0} messages/s, {:.0} KB/s read; {:.1} commands/s: {read:.1} reads, {time:.1} for the time, {ping:.1} pings, \
             {beats:.1} beats, {add:.1} messages, {set:.1} for the cache; Redis of all {nodes} nodes: {} of one core",
            percent(share),
            rate(of.node.read() - messages),
            each(sent(&of.redis) - bytes) / 1e3,
            read + time + ping + beats + add + set,
            percent(server)
        ),
    );
}

fn node_name(nth: usize) -> String {
    format!("node-{nth}")
}

fn target_name(nth: usize) -> String {
    format!("target-{nth}")
}
