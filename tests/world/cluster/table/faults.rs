//! The faults of the table, each made once.

use std::time::{Duration, Instant};

use rand::Rng;

use super::{
    super::{
        probes::Watch,
        world::{REGIONS, SOON, Start, World, partner_of, region_of},
    },
    PAGE, Table,
};
use crate::{
    doubles::Refusal,
    support::{secs, until},
};

/// The last messages of a stream once more, shuffled, each of them twice; how many.
const STIR: &str = "math.randomseed(tonumber(ARGV[1]))
local all = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 40)
for round = 1, 2 do
  for i = #all, 2, -1 do
    local j = math.random(i)
    all[i], all[j] = all[j], all[i]
  end
  for i = 1, #all do redis.call('XADD', KEYS[1], '*', unpack(all[i][2])) end
end
return 2 * #all";

pub(super) fn a_node_is_killed(world: &mut World, table: &mut Table) {
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
}

pub(super) fn the_leader_is_killed_while_it_delivers(world: &mut World, table: &mut Table) {
    let region = table.region();
    let (leader, _) = world.expect_leader(region, SOON, |_| true);
    let calls = world.receiver.messages().len();
    world.receiver.refuse_next(Refusal::Slow(secs(2)));
    world.kill_database(region);
    until("a call is under way", SOON, || if world.receiver.messages().len() > calls { Ok(()) } else { Err("no call".into()) });
    table.wait(secs(2));
    world.kill(&leader);
    let (_, leaderless) = world.expect_leader(region, SOON, |new| new != leader);
    table.totals.leaderless = table.totals.leaderless.max(leaderless);
    table.page(world, region);
    world.start(&leader);
    world.restore_database(region);
}

pub(super) fn a_region_loses_both_nodes(world: &mut World, table: &mut Table) {
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
}

pub(super) fn a_redis_is_killed(world: &mut World, table: &mut Table) {
    let region = table.region();
    world.redis(region).kill();
    table.outage(world, region);
    table.wait(secs(2));
    world.redis(region).restart().expect("a restart");
    world.restore_database(region);
}

pub(super) fn a_redis_restarts_empty(world: &mut World, table: &mut Table) {
    let region = table.region();
    world.kill_database(region);
    table.wait(secs(2));
    world.redis(region).kill();
    table.wait(secs(1));
    world.redis(region).restart_empty().expect("a restart");
    table.page(world, region);
    world.restore_database(region);
}

pub(super) fn a_redis_is_frozen(world: &mut World, table: &mut Table) {
    let region = table.region();
    world.redis(region).freeze();
    table.outage(world, region);
    table.wait(secs(2));
    world.redis(region).thaw();
    world.restore_database(region);
}

/// The one that serves dies before the database or after it; what it had not yet handed on is lost with it.
pub(super) fn a_redis_fails_over(world: &mut World, table: &mut Table) {
    let region = table.region();
    let is_first = table.rng.random_bool(0.5);
    let fallen = world.redis(region).port();
    if is_first {
        world.redis(region).kill();
        table.outage(world, region);
    } else {
        world.kill_database(region);
        table.wait(secs(2));
        world.redis(region).kill();
        table.page(world, region);
    }
    let (took_over, _) = until("another serves", SOON, || {
        let serving = world.redis(region).port();
        if serving == fallen { Err("the one that was killed".into()) } else { Ok(serving) }
    });
    world.bus(region).restart(fallen);
    until("the one that was killed follows the other", secs(40), || {
        let is_so = world.bus(region).is_whole() && world.redis(region).port() == took_over;
        if is_so { Ok(()) } else { Err(format!("{} serves", world.redis(region).port())) }
    });
    world.restore_database(region);
}

pub(super) fn a_region_is_cut_both_ways(world: &mut World, table: &mut Table) {
    let region = table.region();
    world.cut(region);
    table.outage(world, region);
    table.wait(secs(3));
    world.heal();
    world.restore_database(region);
}

pub(super) fn a_region_is_cut_one_way(world: &mut World, table: &mut Table) {
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
}

pub(super) fn links_are_slow_and_lossy(world: &mut World, table: &mut Table) {
    let region = table.region();
    let delay = Duration::from_millis(table.rng.random_range(40..=125));
    world.slow_everywhere(delay, 1);
    table.outage(world, region);
    world.restore_database(region);
    world.heal();
}

pub(super) fn a_clock_is_ten_minutes_wrong(world: &mut World, table: &mut Table) {
    let node = table.node();
    let skew = if table.rng.random_bool(0.5) { 10 } else { -10 };
    world.stop(&node);
    world.start_as(&node, Start { skew, ..Start::default() });
    table.outage(world, region_of(&node));
    world.restore_database(region_of(&node));
    world.kill(&node);
    world.start(&node);
}

pub(super) fn a_disk_is_full(world: &mut World, table: &mut Table) {
    let region = table.region();
    let (leader, _) = world.expect_leader(region, SOON, |_| true);
    world.limit_files(&leader, "0");
    table.outage(world, region);
    world.limit_files(&leader, "unlimited");
    world.restore_database(region);
}

/// What nodes wrote a while ago comes again, out of order and twice, before and while the database dies.
pub(super) fn messages_come_twice_and_out_of_order(world: &mut World, table: &mut Table) {
    let region = table.region();
    let mut stir = |world: &World| {
        let seed = table.rng.random_range(1..1_000_000).to_string();
        for stream in ["raw", "world"] {
            let key = format!("isobar:{{{region}}}:{stream}");
            let added: usize = world.redis(region).ask(&["EVAL", STIR, "1", &key, &seed]).expect("an answer");
            assert!(added > 0, "{key} has messages");
        }
    };
    stir(world);
    let told = world.told().incidents("database_down", region);
    world.kill_database(region);
    let ((), took) = until("the outage is told, whatever comes again", PAGE, || {
        if world.told().incidents("database_down", region) > told {
            return Ok(());
        }
        // A few times a second: Redis has other things to do.
        std::thread::park_timeout(Duration::from_millis(250));
        stir(world);
        Err("not told".into())
    });
    table.totals.page = table.totals.page.max(took);
    stir(world);
    table.page(world, region);
    world.restore_database(region);
}
