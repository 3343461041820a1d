//! The fault table: each fault again and again at random moments, a database dying meanwhile, and the totals: nothing critical lost, nothing
//! told by two keys, nobody unprobed or unled for long. `make test-faults` runs the whole; every test run three short forms of it: the
//! faults that no scenario makes, once each, one after another in one world.
//!
//! `ISOBAR_FAULT_ROUNDS` says how often each fault is made (once unless given), `ISOBAR_FAULT_SEED` makes the same choices again.

mod faults;

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::{
    nodes::{LONGEST_GAP, LONGEST_LEADERLESS},
    world::{REGIONS, World, can_skew},
};
use crate::support::secs;

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

/// A fault, made once and repaired.
type Fault = fn(&mut World, &mut Table);

/// Makes the faults as often as asked for, each time in the calm world that the last one left, and judges the totals.
fn rounds(name: &'static str, world: &mut World, all: &[Fault]) {
    let seed = given("ISOBAR_FAULT_SEED").unwrap_or_else(rand::random);
    eprintln!("SEED  | {name} | ISOBAR_FAULT_SEED={seed}");
    let mut table = Table { name, rng: SmallRng::seed_from_u64(seed), totals: Totals::default(), seed };
    for _ in 0..given("ISOBAR_FAULT_ROUNDS").unwrap_or(1) {
        for fault in all {
            table.wait(Duration::from_millis(1_500));
            fault(world, &mut table);
            world.expect_all_well();
        }
        table.totals.rounds += 1;
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
#[ignore = "minutes: make test-faults"]
fn a_node_is_killed() {
    rounds("node kill -9", &mut World::with_a_redis_each(), &[faults::a_node_is_killed]);
}

#[test]
#[ignore = "minutes: make test-faults"]
fn the_leader_is_killed_while_it_delivers() {
    rounds("leader kill -9 mid-delivery", &mut World::with_a_redis_each(), &[faults::the_leader_is_killed_while_it_delivers]);
}

#[test]
#[ignore = "minutes: make test-faults"]
fn a_region_loses_both_nodes() {
    rounds("both nodes of a region killed", &mut World::with_a_redis_each(), &[faults::a_region_loses_both_nodes]);
}

#[test]
#[ignore = "minutes: make test-faults"]
fn a_redis_is_killed() {
    rounds("Redis killed and started", &mut World::with_a_redis_each(), &[faults::a_redis_is_killed]);
}

#[test]
#[ignore = "minutes: make test-faults"]
fn a_redis_restarts_empty() {
    rounds("Redis restarted empty", &mut World::with_a_redis_each(), &[faults::a_redis_restarts_empty]);
}

#[test]
#[ignore = "minutes: make test-faults"]
fn a_redis_is_frozen() {
    rounds("Redis frozen", &mut World::with_a_redis_each(), &[faults::a_redis_is_frozen]);
}

#[test]
#[ignore = "minutes: make test-faults"]
fn a_redis_fails_over() {
    rounds("Redis failed over by Sentinel", &mut World::with_sentinels_each(), &[faults::a_redis_fails_over]);
}

#[test]
#[ignore = "minutes: make test-faults"]
fn a_region_is_cut_both_ways() {
    rounds("region cut both ways", &mut World::with_a_redis_each(), &[faults::a_region_is_cut_both_ways]);
}

#[test]
#[ignore = "minutes: make test-faults"]
fn a_region_is_cut_one_way() {
    rounds("region cut one way", &mut World::with_a_redis_each(), &[faults::a_region_is_cut_one_way]);
}

#[test]
#[ignore = "minutes: make test-faults"]
fn links_are_slow_and_lossy() {
    rounds("slow link, 40 to 125 ms each way, 1% lost", &mut World::with_a_redis_each(), &[faults::links_are_slow_and_lossy]);
}

#[test]
#[ignore = "minutes: make test-faults"]
fn a_clock_is_ten_minutes_wrong() {
    if !can_skew() {
        eprintln!("SKIP  | no libfaketime");
        return;
    }
    rounds("clock of one node 10 minutes wrong", &mut World::with_a_redis_each(), &[faults::a_clock_is_ten_minutes_wrong]);
}

#[test]
#[ignore = "minutes: make test-faults"]
fn a_disk_is_full() {
    rounds("disk full under the journal", &mut World::with_a_redis_each(), &[faults::a_disk_is_full]);
}

#[test]
#[ignore = "minutes: make test-faults"]
fn messages_come_twice_and_out_of_order() {
    rounds("messages twice and out of order", &mut World::with_a_redis_each(), &[faults::messages_come_twice_and_out_of_order]);
}

#[test]
#[ignore = "minutes: make test-faults"]
fn a_node_is_killed_where_all_share_a_redis() {
    rounds("one Redis for all: node kill -9", &mut World::with_one_redis(), &[faults::a_node_is_killed]);
}

#[test]
#[ignore = "minutes: make test-faults"]
fn the_redis_that_all_share_is_killed() {
    rounds("one Redis for all: killed and started", &mut World::with_one_redis(), &[faults::a_redis_is_killed]);
}

#[test]
#[ignore = "minutes: make test-faults"]
fn a_region_is_cut_from_the_redis_that_all_share() {
    rounds("one Redis for all: region cut both ways", &mut World::with_one_redis(), &[faults::a_region_is_cut_both_ways]);
}

/// What a short table makes no other test makes quite so; the rest of the kinds are made, and held to the same totals, by the scenarios.
#[test]
fn the_short_table_with_a_redis_each() {
    let all: [Fault; 3] = [
        faults::the_leader_is_killed_while_it_delivers,
        faults::messages_come_twice_and_out_of_order,
        faults::a_region_loses_both_nodes,
    ];
    rounds("short: a Redis each", &mut World::with_a_redis_each(), &all);
}

#[test]
fn the_short_table_with_one_redis() {
    let all: [Fault; 2] = [faults::a_node_is_killed, faults::a_region_is_cut_both_ways];
    rounds("short: one Redis for all", &mut World::with_one_redis(), &all);
}

#[test]
fn the_short_table_with_sentinels() {
    rounds("short: Redis failed over by Sentinel", &mut World::with_sentinels_each(), &[faults::a_redis_fails_over]);
}
