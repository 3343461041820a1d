//! The fault table: each fault again and again at random moments, a database dying meanwhile, and the totals: nothing critical lost, nothing
//! told by two keys, nobody unprobed or unled for long. `make test-faults` runs the whole; every test run a short form of it.
//!
//! `ISOBAR_FAULT_ROUNDS` says how often each fault is made (2 unless given), `ISOBAR_FAULT_SEED` repeats a run that failed.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::{
    nodes::{LONGEST_GAP, LONGEST_LEADERLESS},
    probes::Watch,
    world::{REGIONS, SOON, Start, World, can_skew, partner_of, region_of},
};
use crate::{
    doubles::Refusal,
    support::{secs, until},
};

/// A page comes within this of whatever fault: the grace without Redis, and time to find out.
const PAGE: Duration = secs(25);

/// What came of all rounds of a fault.
#[derive(Debug, Default)]
struct Totals {
    rounds: usize,
    criticals: usize,
    gap: Duration,
    leaderless: Duration,
    page: Duration,
}

/// One fault's rounds.
struct Table {
    name: &'static str,
    rng: SmallRng,
    totals: Totals,
    seed: u64,
}

fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Makes the fault as often as asked for, each time in the calm world that the last round left, and judges the totals.
fn rounds(name: &'static str, world: &mut World, mut round: impl FnMut(&mut World, &mut Table)) {
    let seed = given("ISOBAR_FAULT_SEED").unwrap_or_else(rand::random);
    eprintln!("SEED  | {name} | ISOBAR_FAULT_SEED={seed}");
    let mut table = Table { name, rng: SmallRng::seed_from_u64(seed), totals: Totals::default(), seed };
    for _ in 0..given("ISOBAR_FAULT_ROUNDS").unwrap_or(2) {
        table.wait(Duration::from_millis(1_500));
        round(world, &mut table);
        table.totals.rounds += 1;
        world.expect_all_well();
    }
    table.judge(world);
}

impl Table {
    fn region(&mut self) -> &'static str {
        REGIONS[self.rng.random_range(0..REGIONS.len())]
    }

    fn node(&mut self) -> String {
        let names = World::names();
        names[self.rng.random_range(0..names.len())].clone()
    }

    /// A random time up to this.
    fn wait(&mut self, most: Duration) {
        let until = Instant::now() + most.mul_f64(self.rng.random_range(0.0..1.0));
        while Instant::now() < until {
            std::thread::park_timeout(until.saturating_duration_since(Instant::now()));
        }
    }

    /// A database dies at some moment of the fault and is told.
    fn outage(&mut self, world: &mut World, region: &'static str) {
        self.wait(secs(3));
        world.kill_database(region);
        self.page(world, region);
    }

    fn page(&mut self, world: &World, region: &str) {
        self.totals.criticals += 1;
        self.totals.page = self.totals.page.max(world.expect_page(region, PAGE));
    }

    fn judge(self, world: &World) {
        let Totals { rounds, criticals, gap, leaderless, page } = self.totals;
        let (lost, twice) = (world.lost(), world.twice());
        let mut row = format!("TABLE | {} | {rounds} | {criticals} | {lost} | {twice} | ", self.name);
        for longest in [page, gap, leaderless] {
            let text = if longest.is_zero() { "-".into() } else { format!("{:.1} s", longest.as_secs_f64()) };
            let _ = write!(row, "{text} | ");
        }
        eprintln!("{row}");
        assert_eq!((lost, twice), (0, 0), "lost and twice, with seed {}: {}", self.seed, world.told());
        assert!(gap <= LONGEST_GAP, "nobody probed for {gap:?}, with seed {}", self.seed);
        assert!(leaderless <= LONGEST_LEADERLESS, "nobody led for {leaderless:?}, with seed {}", self.seed);
    }
}

#[test]
fn a_node_is_killed() {
    let mut world = World::with_a_redis_each();
    rounds("node kill -9", &mut world, |world, table| {
        let victim = table.node();
        let region = region_of(&victim);
        let watch = Watch::over(world, region, &partner_of(&victim));
        world.kill(&victim);
        let (_, leaderless) = world.expect_leader(region, SOON, |leader| leader != victim);
        let since = Instant::now();
        until("probes go on", secs(10), || if since.elapsed() > secs(3) { Ok(()) } else { Err("not yet".into()) });
        table.totals.gap = table.totals.gap.max(watch.longest());
        table.totals.leaderless = table.totals.leaderless.max(leaderless);
        table.outage(world, region);
        world.start(&victim);
        world.restore_database(region);
    });
}

#[test]
fn the_leader_is_killed_while_it_delivers() {
    let mut world = World::with_a_redis_each();
    rounds("leader kill -9 mid-delivery", &mut world, |world, table| {
        let region = table.region();
        let (leader, _) = world.expect_leader(region, SOON, |_| true);
        let calls = world.receiver.messages().len();
        world.receiver.refuse_next(Refusal::Slow(secs(2)));
        world.kill_database(region);
        until(
            "a call is under way",
            SOON,
            || {
                if world.receiver.messages().len() > calls { Ok(()) } else { Err("no call".into()) }
            },
        );
        table.wait(secs(2));
        world.kill(&leader);
        let (_, leaderless) = world.expect_leader(region, SOON, |new| new != leader);
        table.totals.leaderless = table.totals.leaderless.max(leaderless);
        table.page(world, region);
        world.start(&leader);
        world.restore_database(region);
    });
}

#[test]
fn a_region_loses_both_nodes() {
    let mut world = World::with_a_redis_each();
    rounds("both nodes of a region killed", &mut world, |world, table| {
        let region = table.region();
        let [a, b] = ["a", "b"].map(|letter| format!("{region}-{letter}"));
        world.kill(&a);
        table.wait(secs(1));
        world.kill(&b);
        world.expect_elsewhere(region, "unknown", SOON);
        world.start(&a);
        world.start(&b);
        table.outage(world, region);
        world.restore_database(region);
    });
}

#[test]
fn a_redis_is_killed() {
    let mut world = World::with_a_redis_each();
    rounds("Redis killed and started", &mut world, |world, table| {
        let region = table.region();
        world.redis(region).kill();
        table.outage(world, region);
        table.wait(secs(2));
        world.redis(region).restart().expect("a restart");
        world.restore_database(region);
    });
}

#[test]
fn a_redis_restarts_empty() {
    let mut world = World::with_a_redis_each();
    rounds("Redis restarted empty", &mut world, |world, table| {
        let region = table.region();
        world.kill_database(region);
        table.wait(secs(2));
        world.redis(region).kill();
        table.wait(secs(1));
        world.redis(region).restart_empty().expect("a restart");
        table.page(world, region);
        world.restore_database(region);
    });
}

#[test]
fn a_redis_is_frozen() {
    let mut world = World::with_a_redis_each();
    rounds("Redis frozen", &mut world, |world, table| {
        let region = table.region();
        world.redis(region).freeze();
        table.outage(world, region);
        table.wait(secs(2));
        world.redis(region).thaw();
        world.restore_database(region);
    });
}

#[test]
fn a_region_is_cut_both_ways() {
    let mut world = World::with_a_redis_each();
    rounds("region cut both ways", &mut world, |world, table| {
        let region = table.region();
        world.cut(region);
        table.outage(world, region);
        table.wait(secs(3));
        world.heal();
        world.restore_database(region);
    });
}

#[test]
fn a_region_is_cut_one_way() {
    let mut world = World::with_a_redis_each();
    rounds("region cut one way", &mut world, |world, table| {
        let region = table.region();
        let outward = table.rng.random_bool(0.5);
        for other in REGIONS.into_iter().filter(|other| *other != region) {
            if outward {
                world.cut_one_way(region, other);
            } else {
                world.cut_one_way(other, region);
            }
        }
        table.outage(world, region);
        table.wait(secs(3));
        world.heal();
        world.restore_database(region);
    });
}

#[test]
fn links_are_slow_and_lossy() {
    let mut world = World::with_a_redis_each();
    rounds("slow link, 40 to 125 ms each way, 1% lost", &mut world, |world, table| {
        let region = table.region();
        let delay = Duration::from_millis(table.rng.random_range(40..=125));
        world.slow_everywhere(delay, 1);
        table.outage(world, region);
        world.restore_database(region);
        world.heal();
    });
}

#[test]
fn a_clock_is_ten_minutes_wrong() {
    if !can_skew() {
        eprintln!("SKIP  | no libfaketime");
        return;
    }
    let mut world = World::with_a_redis_each();
    rounds("clock of one node 10 minutes wrong", &mut world, |world, table| {
        let node = table.node();
        let skew = if table.rng.random_bool(0.5) { 10 } else { -10 };
        world.stop(&node);
        world.start_as(&node, Start { skew, ..Start::default() });
        table.outage(world, region_of(&node));
        world.restore_database(region_of(&node));
        world.kill(&node);
        world.start(&node);
    });
}

#[test]
fn a_disk_is_full() {
    let mut world = World::with_a_redis_each();
    rounds("disk full under the journal", &mut world, |world, table| {
        let region = table.region();
        let (leader, _) = world.expect_leader(region, SOON, |_| true);
        world.limit_files(&leader, "0");
        table.outage(world, region);
        world.limit_files(&leader, "unlimited");
        world.restore_database(region);
    });
}
