use super::*;
use crate::clock;

/// A server and Isobar's schedules on it, in simulated time.
struct World {
    governor: Governor,
    start: Instant,
    now: Duration,
    due: [Duration; 5],
    /// Server milliseconds of a read by lane, in the order of `Lane`'s declaration.
    cost: [f64; 5],
    network_ms: f64,
    /// Whether client checks tell how long a TCP handshake takes.
    handshakes: bool,
    /// Whether the server counts our statements.
    metered: bool,
    spent_ms: f64,
    exec_ms: f64,
    calls: u64,
}

const LANES: [Lane; 5] = [Lane::Fast, Lane::Counters, Lane::Statements, Lane::Size, Lane::ClientCheck];

impl World {
    fn new(cost: [f64; 5]) -> Self {
        Self {
            governor: Governor::new(Sampling::default()),
            start: clock::now(),
            now: Duration::ZERO,
            due: [Duration::ZERO; 5],
            cost,
            network_ms: 0.2,
            handshakes: true,
            metered: false,
            spent_ms: 0.0,
            exec_ms: 0.0,
            calls: 0,
        }
    }

    fn run(&mut self, seconds: u64) -> &mut Self {
        let end = self.now + Duration::from_secs(seconds);
        self.spent_ms = 0.0;
        while self.now < end {
            for lane in LANES {
                let at = lane as usize;
                if self.due[at] > self.now {
                    continue;
                }
                let now = self.start + self.now;
                let cost = self.cost[at];
                self.spent_ms += cost;
                if lane == Lane::ClientCheck {
                    if self.handshakes {
                        self.governor.network(now, Duration::from_secs_f64(self.network_ms / 1e3));
                    }
                    self.governor.connected(now);
                } else {
                    let wall = Duration::from_secs_f64((cost + self.network_ms) / 1e3);
                    self.governor.round_trip(now, lane, wall);
                    self.exec_ms += cost - 0.04;
                    self.calls += 1;
                }
                if lane == Lane::Statements && self.metered {
                    let (calls, exec) = (std::mem::take(&mut self.calls), std::mem::take(&mut self.exec_ms));
                    self.governor.metered(calls, Duration::from_secs_f64(exec / 1e3));
                }
                self.due[at] = self.now + self.governor.interval(lane);
            }
            self.now += Duration::from_millis(50);
        }
        self.spent_ms /= seconds as f64 * 1e3;
        self
    }

    fn impact(&self) -> f64 {
        self.governor.impact(self.start + self.now).unwrap()
    }

    /// How many times slower than configured each lane is.
    fn slowed(&self) -> [u32; 5] {
        LANES.map(|lane| 2_u32.pow(self.governor.doublings[lane as usize]))
    }
}

/// Fast, counters, statements, size, client check: what was measured on a loaded server.
const USUAL: [f64; 5] = [0.35, 0.2, 8.0, 20.0, 7.0];

#[test]
fn the_usual_costs_are_metered_and_nothing_is_slowed() {
    for network_ms in [0.05, 1.0, 30.0] {
        for (metered, handshakes) in [(true, true), (true, false), (false, true), (false, false)] {
            let mut world = World::new(USUAL);
            (world.network_ms, world.metered, world.handshakes) = (network_ms, metered, handshakes);
            world.run(600);
            let (told, truth) = (world.impact(), world.spent_ms);
            // With neither, the least read passes for the measured floor.
            let tolerance = if metered || handshakes { 0.05 } else { 0.30 };
            assert!((told - truth).abs() < truth * tolerance, "{network_ms} {metered}: {told} {truth}");
            assert_eq!((world.slowed(), world.governor.throttled()), ([1; 5], None));
        }
    }
}

#[test]
fn nothing_is_told_before_something_is_known() {
    let mut governor = Governor::new(Sampling::default());
    let now = clock::now();
    assert_eq!(governor.impact(now), None);
    governor.round_trip(now, Lane::Fast, Duration::from_millis(300));
    assert_eq!(governor.impact(now + Duration::from_secs(1)), None);
    assert!(governor.impact(now + Duration::from_secs(6)).is_some());
    assert_eq!(LANES.map(|lane| governor.interval(lane)), {
        let usual = Sampling::default();
        [usual.fast, usual.counters, usual.statements, usual.size, usual.client_check]
    });
}

#[test]
fn lanes_are_slowed_in_order_and_only_as_far_as_needed() {
    for (what, cost, expected) in [
        ("sizes of fifty databases", [0.35, 0.2, 8.0, 1_000.0, 7.0], [1, 1, 1, 4, 1]),
        ("very many statements", [0.35, 0.2, 120.0, 20.0, 7.0], [1, 1, 2, 1, 1]),
        ("sizes and statements", [0.35, 0.2, 80.0, 1_000.0, 7.0], [1, 1, 2, 8, 1]),
        ("dear counters: cheap lanes are spared", [0.35, 12.0, 1.0, 1.0, 7.0], [1, 2, 1, 1, 4]),
        ("dear sessions: the fast lane comes last", [3.0, 0.2, 8.0, 20.0, 7.0], [2, 1, 4, 1, 4]),
        ("all too dear: it goes on at an eighth", [500.0, 500.0, 500.0, 5_000.0, 7.0], [8, 8, 8, 8, 4]),
    ] {
        for network_ms in [0.1, 20.0] {
            let mut world = World::new(cost);
            (world.network_ms, world.metered) = (network_ms, true);
            world.run(300);
            let slowed = world.slowed();
            assert_eq!(slowed, expected, "{what}");
            let throttled = world.governor.throttled().unwrap();
            assert!(throttled.contains("of a core, above the budget of 1.00%"), "{throttled}");
            if expected[0] < 8 {
                world.run(600);
                assert!(world.spent_ms < 0.0105, "{what}: {} {:?}", world.spent_ms, world.slowed());
            }
        }
    }
}

#[test]
fn over_budget_is_noticed_within_seconds_and_recovers_step_by_step() {
    let mut world = World::new(USUAL);
    world.metered = true;
    world.run(120);
    world.cost = [19.0, 0.2, 8.0, 20.0, 7.0];
    world.run(10);
    assert!(world.slowed()[0] >= 2, "{:?}", world.slowed());
    world.run(30);
    assert_eq!(world.slowed()[0], 8);
    assert_eq!(world.governor.interval(Lane::Fast), Duration::from_secs(2));
    world.run(60);
    world.cost = USUAL;
    let mut seen = Vec::new();
    for _ in 0..60 {
        world.run(5);
        if seen.last() != Some(&world.slowed()) {
            seen.push(world.slowed());
        }
    }
    assert_eq!(seen.last(), Some(&[1; 5]), "{seen:?}");
    assert_eq!(world.governor.throttled(), None);
    let jumps = seen.windows(2).all(|pair| (0..5).all(|lane| pair[0][lane] <= pair[1][lane] * 2));
    assert!(jumps, "one doubling at a time: {seen:?}");
    assert!(seen.windows(2).all(|pair| (0..5).all(|lane| pair[1][lane] <= pair[0][lane])), "no swinging: {seen:?}");
}

#[test]
fn a_cost_just_over_the_budget_does_not_swing() {
    let mut world = World::new([2.0, 0.2, 10.0, 20.0, 7.0]);
    world.metered = true;
    world.run(300);
    let settled = world.slowed();
    for _ in 0..40 {
        world.run(15);
        assert_eq!(world.slowed(), settled);
    }
}

#[test]
fn many_fresh_connections_are_charged() {
    let mut world = World::new([0.35, 0.2, 8.0, 20.0, 7.0]);
    world.run(60);
    for nth in 0..300 {
        world.governor.connected(world.start + world.now + Duration::from_millis(nth * 30));
    }
    world.now += Duration::from_secs(9);
    assert!(world.impact() > 0.01, "{}", world.impact());
    assert!(world.slowed()[Lane::ClientCheck as usize] > 1);
}

#[test]
fn distress_of_the_server_slows_the_heavy_lanes_and_never_the_eyes() {
    let mut world = World::new(USUAL);
    world.metered = true;
    world.run(120);
    // Everything takes 80 ms longer, though not by our doing.
    world.network_ms = 80.0;
    world.run(20);
    let slowed = world.slowed();
    assert!(slowed[Lane::Size as usize] == 8, "{slowed:?}");
    assert_eq!((slowed[Lane::Fast as usize], slowed[Lane::ClientCheck as usize]), (1, 1));
    let throttled = world.governor.throttled().unwrap();
    assert!(
        throttled.contains("times slower than usual: upkeep every 4m instead of 30s, sizes every 8m instead of 1m"),
        "{throttled}"
    );
    world.run(60);
    assert_eq!(world.slowed(), [1, 8, 8, 8, 1]);
    world.network_ms = 0.2;
    world.run(120);
    assert_eq!((world.slowed(), world.governor.throttled()), ([1; 5], None));
}

#[test]
fn reads_of_ours_that_became_dear_are_told_from_distress_by_the_servers_count() {
    for (metered, expected) in [(true, 8), (false, 1)] {
        let mut world = World::new(USUAL);
        world.metered = metered;
        world.run(120);
        world.cost[Lane::Fast as usize] = 60.0;
        world.run(100);
        assert_eq!(world.slowed()[Lane::Fast as usize], expected, "{metered}");
    }
}

#[test]
fn a_lasting_change_becomes_the_baseline() {
    let mut world = World::new(USUAL);
    world.metered = true;
    world.run(120);
    world.network_ms = 80.0;
    world.run(2_000);
    assert_eq!((world.slowed(), world.governor.throttled()), ([1; 5], None));
}

#[test]
fn a_hiccup_is_no_distress() {
    let mut world = World::new(USUAL);
    world.metered = true;
    world.run(120);
    for _ in 0..5 {
        world.governor.round_trip(world.start + world.now, Lane::Fast, Duration::from_millis(40));
        world.run(10);
    }
    assert_eq!((world.slowed(), world.governor.throttled()), ([1; 5], None));
}

#[test]
fn a_count_that_misses_most_of_our_reads_is_not_believed() {
    let mut governor = Governor::new(Sampling::default());
    let now = clock::now();
    for nth in 0..40 {
        governor.round_trip(now + Duration::from_millis(250 * nth), Lane::Fast, Duration::from_millis(2));
    }
    governor.metered(3, Duration::from_micros(300));
    assert_eq!(governor.scale, None);
    governor.metered(0, Duration::ZERO);
    assert_eq!(governor.scale, None);
}
