use std::time::Duration;

use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::*;
use crate::advise::{
    demand::{self, Demand, Window},
    fitting,
    mix::tests::mix,
    pool_size,
};

const STEP: f64 = 5.0;
const STEPS: usize = 18;
const LENGTH: Duration = Duration::from_secs(90);

/// A pool whose transactions slow each other down so much, and what it goes through in each step.
struct Scene {
    size: usize,
    sigma: f64,
    /// Seconds.
    alone: f64,
    /// Arrivals per second.
    rates: Vec<f64>,
    /// How many times as slow everything is.
    slowness: Vec<f64>,
    /// Clients who think for so long, instead of arrivals; `rates` are how many there are.
    think: Option<f64>,
}

impl Scene {
    fn new(size: usize, sigma: f64, rates: Vec<f64>) -> Self {
        Self { size, sigma, alone: 0.010, slowness: vec![1.0; rates.len()], rates, think: None }
    }

    /// The looks at it, as the pooler counts: a transaction's time when it ends, its wait when it gets its connection.
    fn looks(&self, seed: u64) -> VecDeque<Look> {
        let mut rng = SmallRng::seed_from_u64(seed);
        let (mut now, mut at_work, mut queue) = (0.0_f64, Vec::<f64>::new(), VecDeque::<f64>::new());
        let (mut count, mut seconds, mut waited) = (0_u64, 0.0, 0.0);
        let begins = crate::clock::now();
        let look = |now: f64, count: u64, seconds: f64, waited: f64, at_work: usize, waiting: usize| Look {
            transaction_seconds: seconds,
            wait_seconds: Some(waited),
            size: self.size as u32,
            busy: at_work as u32,
            waiting: waiting as u32,
            mix: Some(mix(&[(1_000, 10.0)])),
            ..demand::tests::look(begins + Duration::from_secs_f64(now), count)
        };
        let mut looks = VecDeque::from([look(0.0, 0, 0.0, 0.0, 0, 0)]);
        for ((step, rate), slowness) in self.rates.iter().enumerate().map(|(step, rate)| (step + 1, *rate)).zip(&self.slowness) {
            let ends = step as f64 * STEP;
            loop {
                let busy = at_work.len() as f64;
                let comes = self.think.map_or(rate, |think| (rate - busy - queue.len() as f64).max(0.0) / think);
                let leaves = busy / (self.alone * slowness * longer(self.sigma, busy));
                let gap = exponential(&mut rng, 1.0 / (comes + leaves));
                if now + gap >= ends {
                    now = ends;
                    break;
                }
                now += gap;
                if rng.random::<f64>() < comes / (comes + leaves) {
                    queue.push_back(now);
                } else {
                    let asked = at_work.swap_remove(rng.random_range(0..at_work.len()));
                    (count, seconds) = (count + 1, seconds + now - asked);
                }
                while at_work.len() < self.size
                    && let Some(asked) = queue.pop_front()
                {
                    waited += now - asked;
                    at_work.push(asked);
                }
            }
            looks.push_back(look(now, count, seconds, waited, at_work.len(), queue.len()));
        }
        looks
    }

    fn found(&self, seed: u64) -> Option<Scaling> {
        scaling(&self.looks(seed), self.size as u32)
    }

    fn demand(&self, seed: u64) -> Demand {
        let mut window = Window::default();
        self.looks(seed).into_iter().for_each(|look| window.take(look, LENGTH));
        window.demand(LENGTH).expect("a demand")
    }

    /// What connections of that size give at most.
    fn capacity(&self) -> f64 {
        self.size as f64 / (self.alone * longer(self.sigma, self.size as f64))
    }
}

fn exponential(rng: &mut SmallRng, mean: f64) -> f64 {
    -mean * (1.0 - rng.random::<f64>()).ln()
}

fn normal(rng: &mut SmallRng) -> f64 {
    (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt() * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

/// Some steps of one, as many of the other.
fn waves(little: f64, much: f64) -> Vec<f64> {
    (0..STEPS).map(|step| if step % 6 < 3 { little } else { much }).collect()
}

/// Anything in between, another each step.
fn anything(little: f64, much: f64, seed: u64) -> Vec<f64> {
    let mut rng = SmallRng::seed_from_u64(seed ^ 0xabc);
    (0..STEPS).map(|_| rng.random_range(little..much)).collect()
}

/// Each resembles the one before, and is about so far from 1.
fn wandering(alike: f64, spread: f64, seed: u64) -> Vec<f64> {
    let mut rng = SmallRng::seed_from_u64(seed ^ 0xdef);
    let mut state = normal(&mut rng);
    let mut next = || {
        state = alike * state + (1.0 - alike * alike).sqrt() * normal(&mut rng);
        (spread * state).exp()
    };
    (0..STEPS).map(|_| next()).collect()
}

fn of_100(found: impl Fn(u64) -> bool) -> usize {
    (0..100).filter(|seed| found(*seed)).count()
}

/// Looks at a pool of eight, of so many transactions a second in each step and what they took; both as chance has it.
fn told(steps: impl Iterator<Item = (f64, f64)>, seed: u64) -> VecDeque<Look> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let (mut look, mut looks) = (demand::tests::look(crate::clock::now(), 0), VecDeque::new());
    (look.transaction_seconds, look.wait_seconds, look.mix) = (0.0, Some(0.0), Some(mix(&[(1_000, 10.0)])));
    looks.push_back(look.clone());
    for (rate, service) in steps {
        let count = (rate * STEP + (rate * STEP).sqrt() * normal(&mut rng)).max(1.0).round();
        look.at += Duration::from_secs_f64(STEP);
        (look.transactions, look.queries) = (look.transactions + count as u64, look.queries + count as u64);
        look.transaction_seconds += count * service * (1.0 + normal(&mut rng) / count.sqrt());
        looks.push_back(look.clone());
    }
    looks
}

#[test]
fn where_transactions_do_not_meet_contention_is_hardly_ever_found() {
    let mut most = 0;
    let mut note = |what: &str, found: usize| {
        println!("{what}: {found} of 100");
        most = most.max(found);
    };
    note("any load", of_100(|seed| Scene::new(4, 0.0, anything(100.0, 380.0, seed)).found(seed).is_some()));
    note("a small load that varies by chance", of_100(|seed| Scene::new(4, 0.0, vec![5.0; STEPS]).found(seed).is_some()));
    for alike in [0.0, 0.5, 0.8] {
        for spread in [0.1, 0.3] {
            let found = |rates: Vec<f64>, seed| {
                let services = wandering(alike, spread, seed).into_iter().map(|slow| 0.010 * slow);
                scaling(&told(rates.into_iter().zip(services), seed), 8).is_some()
            };
            note(&format!("waves, slow by {spread}, alike {alike}"), of_100(|seed| found(waves(100.0, 220.0), seed)));
            note(&format!("any load, slow by {spread}, alike {alike}"), of_100(|seed| found(anything(80.0, 240.0, seed), seed)));
        }
    }
    // The slope is above its bounds in one of forty.
    assert!(most <= 6, "{most} of 100");
}

#[test]
fn contention_is_found_as_it_is() {
    for (size, sigma, at_least) in [(4_usize, 0.1, 10), (4, 0.3, 29), (4, 1.0, 29), (10, 0.1, 27), (10, 0.3, 29), (10, 1.0, 29)] {
        let capacity = Scene::new(size, sigma, Vec::new()).capacity();
        let scene = |seed| Scene::new(size, sigma, anything(0.3 * capacity, 0.9 * capacity, seed));
        let all: Vec<Scaling> = (0..30).filter_map(|seed| scene(seed).found(seed)).collect();
        let middle = median(&mut all.iter().map(|found| found.sigma).collect::<Vec<_>>()).unwrap_or_default();
        let held = all.iter().filter(|found| found.low <= sigma && sigma <= found.high).count();
        println!("{size} connections, {sigma}: {} of 30, in the middle {middle:.3}, {held} within bounds", all.len());
        assert!(all.len() >= at_least, "{size} connections, {sigma}: {} of 30", all.len());
        assert!((middle - sigma).abs() <= 0.15 * sigma + 0.02, "{size} connections, {sigma}: {middle}");
    }
}

#[test]
fn slow_steps_of_another_cause_look_like_contention_over_concurrency_and_not_over_load() {
    // A disk that others use now and then.
    let looks = |seed| {
        let services = wandering(0.5, 0.3, seed).into_iter().map(|slow| 0.010 * slow);
        told(anything(150.0, 300.0, seed).into_iter().zip(services), seed)
    };
    let naive = |seed: u64| {
        let looks = looks(seed);
        let steps: Vec<_> = looks.iter().zip(looks.iter().skip(1)).filter_map(|(from, to)| step(from, to)).collect();
        let mut points: Vec<_> = steps.iter().map(|step| (step.rate * step.service, step.service)).collect();
        points.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        slope(&points, SURE).is_some_and(|slope| slope.low > 0.0)
    };
    let (fooled, found) = (of_100(naive), of_100(|seed| scaling(&looks(seed), 8).is_some()));
    println!("over concurrency {fooled}, over load {found} of 100");
    assert!(fooled > 60 && found <= 6, "over concurrency {fooled}, over load {found} of 100");
    // Clients who wait for their answers ask less often when those are slow: that hides contention at most.
    let closed = |seed| Scene { think: Some(0.05), slowness: wandering(0.5, 0.4, seed), ..Scene::new(8, 0.0, vec![12.0; STEPS]) };
    assert!((0..40).all(|seed| closed(seed).found(seed).is_none()), "clients who wait");
}

#[test]
fn few_clients_of_whom_more_come_show_it_too() {
    let scene =
        |seed| Scene { think: Some(0.05), ..Scene::new(8, 0.3, anything(3.0, 14.0, seed).iter().map(|n| n.round()).collect()) };
    let all: Vec<f64> = (0..30).filter_map(|seed| scene(seed).found(seed)).map(|found| found.sigma).collect();
    let middle = median(&mut all.clone()).unwrap_or_default();
    println!("{} of 30, in the middle {middle:.3}", all.len());
    assert!(all.len() >= 25 && (middle - 0.3).abs() < 0.08, "{} of 30: {middle}", all.len());
}

#[test]
fn dearer_statements_that_come_with_the_load_are_no_contention() {
    // A report begins for half a minute: more transactions, and dearer ones.
    let dearer = |is_dearer: bool| {
        let scene = Scene { slowness: waves(1.0, 2.0), ..Scene::new(4, 0.0, waves(80.0, 180.0)) };
        let mut looks = scene.looks(1);
        for (look, rate) in looks.iter_mut().skip(1).zip(&scene.rates) {
            let reports = if *rate > 100.0 && is_dearer { 100 } else { 0 };
            look.mix = Some(mix(&[(800, 10.0), (reports, 90.0)]));
        }
        scaling(&looks, 4)
    };
    assert!(dearer(false).is_some(), "the same statements are slower");
    assert_eq!(dearer(true), None);
}

#[test]
fn what_does_not_show_is_not_said() {
    let capacity = Scene::new(4, 0.5, Vec::new()).capacity();
    let of = |rates: Vec<f64>| Scene::new(4, 0.5, rates).looks(3);
    let shows = |looks: &VecDeque<Look>| scaling(looks, 4).is_some();
    let varied = of(waves(0.3 * capacity, 0.8 * capacity));
    assert!(shows(&varied));
    assert!(!shows(&of(vec![0.7 * capacity; STEPS])), "the same load all the time");
    let once = (0..STEPS).map(|step| if step < 9 { 0.3 * capacity } else { 0.8 * capacity }).collect();
    assert!(!shows(&of(once)), "a single rise");
    assert!(!shows(&varied.iter().take(8).cloned().collect()), "too short");
    assert_eq!(scaling(&varied, 1), None, "one at a time");
    let without = |change: fn(&mut Look)| {
        let mut looks = varied.clone();
        looks.iter_mut().for_each(change);
        shows(&looks)
    };
    assert!(!without(|look| look.mix = None), "it is not known which statements ran");
    assert!(!without(|look| look.counts = Counts::Looks) && !without(|look| look.wait_seconds = None));
}

#[test]
fn a_larger_pool_is_predicted_with_the_service_that_it_will_have() {
    for (size, sigma, to) in [(4_usize, 0.15, 7_u32), (4, 0.3, 8), (8, 0.1, 12)] {
        let capacity = Scene::new(size, sigma, Vec::new()).capacity();
        let (mut off, mut plain) = (Vec::new(), Vec::new());
        for seed in 0..10 {
            let rates = anything(0.4 * capacity, 0.95 * capacity, seed);
            let demand = Scene::new(size, sigma, rates.clone()).demand(seed);
            let larger = Scene::new(to as usize, sigma, rates).demand(seed + 100);
            let predicted = pool_size::predict(&demand, to).expect("a prediction");
            let service = fitting::service(&demand, to).expect("a service");
            if demand.scaling.is_some() {
                off.push((service / larger.service - 1.0).abs());
                plain.push((demand.service / larger.service - 1.0).abs());
            }
            let wait = larger.wait * 1e3;
            assert!((predicted.mean_wait_ms - wait).abs() <= f64::max(3.0, 0.5 * wait), "{predicted:?}, measured {wait}");
        }
        let (count, off, plain) = (off.len(), median(&mut off).unwrap_or(1.0), median(&mut plain).unwrap_or(0.0));
        println!("{size} to {to}, {sigma}: {count} of 10, service off by {off:.3}, without {plain:.3}");
        assert!(count >= 6 && off < 0.06 && off < 0.7 * plain, "{size} to {to}, {sigma}: {count} of 10, {off} {plain}");
    }
}
