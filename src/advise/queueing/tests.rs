use std::{cmp::Reverse, collections::BinaryHeap};

use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::*;

fn near(what: &str, seen: f64, expected: f64, relative: f64) {
    assert!((seen - expected).abs() <= relative * expected.abs(), "{what}: {seen}, expected {expected}");
}

#[test]
fn erlang_c_is_as_in_the_tables() {
    near("one server: the load itself", erlang_c(1.0, 0.7), 0.7, 1e-12);
    // Two servers: a² / (2 + a), by hand.
    near("two servers", erlang_c(2.0, 1.5), 2.25 / 3.5, 1e-9);
    near("five servers, four Erlangs", erlang_c(5.0, 4.0), 0.5541, 1e-3);
    near("ten servers, eight Erlangs", erlang_c(10.0, 8.0), 0.4092, 1e-3);
    let between = erlang_c(4.5, 3.0);
    assert!(between < erlang_c(4.0, 3.0) && between > erlang_c(5.0, 3.0), "{between}");
    assert!((erlang_c(3.0, 3.0) - 1.0).abs() < 1e-12 && erlang_c(4_000.0, 3_000.0) < 1e-9, "no overflow");
}

#[test]
fn waits_of_an_open_queue_are_those_of_the_textbook() {
    // M/M/1: rho s / (1 - rho); half of it for M/D/1 (Pollaczek and Khinchine).
    let one = open(1, 80.0, 0.010, 1.0, 1.0).unwrap();
    near("M/M/1", one.mean, 0.8 * 0.010 / 0.2, 1e-9);
    near("M/M/1, p95", one.p95, 0.010 / 0.2 * (0.8_f64 / 0.05).ln(), 1e-9);
    near("M/D/1", open(1, 80.0, 0.010, 1.0, 0.0).unwrap().mean, 0.020, 1e-9);
    assert_eq!(open(4, 200.0, 0.020, 1.0, 1.0), None, "four Erlangs on four servers: no end");
    assert!(open(20, 100.0, 0.010, 1.0, 1.0).unwrap().p95.abs() < f64::EPSILON, "fewer than one in twenty waits");
}

#[test]
fn a_closed_queue_is_the_machine_repair_model() {
    for (servers, clients, service, think) in
        [(1_u32, 3_u32, 1.0, 4.0_f64), (3, 10, 0.02, 0.1), (4, 40, 0.02, 0.2), (2, 2, 0.1, 0.0)]
    {
        // Birth and death, state by state: a client more with (N - k) / Z, one less with min(k, c) / s.
        let mut weights = vec![1.0_f64];
        for k in 1..=clients {
            let rise = f64::from(clients - k + 1) / think.max(1e-12);
            weights.push(weights.last().unwrap() * rise * service / f64::from(k.min(servers)));
        }
        let total: f64 = weights.iter().sum();
        let busy: f64 = weights.iter().zip(0_u32..).map(|(weight, k)| weight / total * f64::from(k.min(servers))).sum();
        let there: f64 = weights.iter().zip(0_u32..).map(|(weight, k)| weight / total * f64::from(k)).sum();
        let seen = closed(servers, clients, service, think, 1.0).unwrap();
        near("throughput", seen.throughput, busy / service, 1e-6);
        let wait = there / (busy / service) - service;
        assert!((seen.mean - wait).abs() < 1e-6, "{} {wait}", seen.mean);
    }
}

#[test]
fn few_clients_wait_less_than_an_open_stream_of_the_same_rate() {
    let few = closed(4, 8, 0.020, 0.025, 1.0).unwrap();
    let open = open(4, few.throughput, 0.020, 1.0, 1.0).unwrap();
    assert!(few.mean < open.mean / 2.0, "{few:?} {open:?}");
    assert!(closed(8, 8, 0.020, 0.025, 1.0).unwrap().mean.abs() < 1e-9, "each has a server");
}

fn exponential(rng: &mut SmallRng, mean: f64) -> f64 {
    -mean * (1.0 - rng.random::<f64>()).ln()
}

/// The mean and the 95th percentile of the waits of that many clients, first come, first served.
fn simulated(servers: usize, mut next: impl FnMut(&mut SmallRng) -> (f64, f64), seed: u64) -> (f64, f64) {
    const CLIENTS: usize = 400_000;
    let mut rng = SmallRng::seed_from_u64(seed);
    let nanos = |seconds: f64| (seconds * 1e9) as u64;
    let mut free: BinaryHeap<Reverse<u64>> = (0..servers).map(|_| Reverse(0)).collect();
    let (mut now, mut waits) = (0.0, Vec::with_capacity(CLIENTS));
    for _ in 0..CLIENTS {
        let (gap, service) = next(&mut rng);
        now += gap;
        let Reverse(at) = free.pop().unwrap();
        let start = at.max(nanos(now));
        waits.push((start - nanos(now)) as f64 / 1e9);
        free.push(Reverse(start + nanos(service)));
    }
    waits.sort_by(f64::total_cmp);
    (waits.iter().sum::<f64>() / CLIENTS as f64, waits[CLIENTS * 95 / 100])
}

#[test]
fn an_open_queue_waits_as_in_a_simulation() {
    for (servers, load, seed) in [(4_u32, 3.4, 1), (6, 3.4, 2), (10, 8.0, 3)] {
        let rate = load / 0.020;
        let of = |services| open(servers, rate, 0.020, 1.0, services).unwrap();
        let (mean, p95) = simulated(servers as usize, |rng| (exponential(rng, 1.0 / rate), exponential(rng, 0.020)), seed);
        near("mean, exponential", of(1.0).mean, mean, 0.06);
        near("p95, exponential", of(1.0).p95, p95, 0.08);
        // Fixed times: Allen and Cunneen are near, not exact.
        let (mean, _) = simulated(servers as usize, |rng| (exponential(rng, 1.0 / rate), 0.020), seed);
        near("mean, fixed", of(0.0).mean, mean, 0.25);
    }
}

#[test]
fn a_mix_of_short_and_long_waits_as_in_a_simulation() {
    // 90% of 5 ms and 10% of 100 ms: cv² = (0.9 * 25 + 0.1 * 10 000) / 14.5² - 1.
    let (service, cv2) = (0.0145, 1_022.5 / 210.25 - 1.0);
    let mix = |rng: &mut SmallRng| if rng.random::<f64>() < 0.9 { 0.005 } else { 0.1 };
    let (mean, _) = simulated(6, |rng| (exponential(rng, 1.0 / 250.0), mix(rng)), 4);
    near("mean", open(6, 250.0, service, 1.0, cv2).unwrap().mean, mean, 0.3);
}

#[test]
fn bunches_wait_as_in_a_simulation_and_a_larger_pool_helps_them_less() {
    // Eight at once, sixteen times a second, 20 ms each.
    // Within a factor of two: fixed bunches that just do not fit wait longer than bunches of any size.
    for (servers, within) in [(4, 0.3), (6, 0.5), (8, 0.5)] {
        let mut left = 0;
        let bunches = |rng: &mut SmallRng| {
            left = (left + 7) % 8;
            (if left == 7 { exponential(rng, 1.0 / 16.0) } else { 0.0 }, 0.020)
        };
        let (mean, _) = simulated(servers, bunches, 5);
        near(&format!("{servers} servers"), open(servers as u32, 128.0, 0.020, 8.0, 0.0).unwrap().mean, mean, within);
    }
}

#[test]
fn clients_without_a_pause_keep_a_small_pool_full_however_steady_the_service() {
    let greedy = closed(6, 10, 0.020, 0.0, 0.0).unwrap();
    near("wait", greedy.mean, 10.0 * 0.020 / 6.0 - 0.020, 1e-9);
    near("utilization", greedy.utilization, 1.0, 1e-9);
}

#[test]
fn who_slows_nobody_down_waits_as_ever() {
    for (servers, rate) in [(1_u32, 40.0), (4, 170.0), (12, 400.0), (900, 40_000.0)] {
        let (service, wait) = shared(servers, Source::Open(rate), |_| 0.020).unwrap();
        near("service", service, 0.020, 1e-9);
        assert!((wait - open(servers, rate, 0.020, 1.0, 1.0).unwrap().mean).abs() < 1e-9, "{servers}: {wait}");
    }
    for (servers, clients, think) in [(4_u32, 8_u32, 0.025), (4, 150, 0.2), (3, 10, 0.0)] {
        let (service, wait) = shared(servers, Source::Closed(clients, think), |_| 0.020).unwrap();
        near("service", service, 0.020, 1e-9);
        assert!((wait - closed(servers, clients, 0.020, think, 1.0).unwrap().mean).abs() < 1e-5, "{servers}: {wait}");
    }
    assert_eq!(shared(4, Source::Open(200.0), |_| 0.020), None, "no end");
}

#[test]
fn what_all_of_them_share_is_one_server_however_many_connections() {
    // Each slows the others down by as much as it takes itself: M/M/1 with shared processing, 1 / (1 / s - rate) from question to answer.
    for servers in [1, 2, 5, 60] {
        let (service, wait) = shared(servers, Source::Open(80.0), |at_work| 0.010 * at_work).unwrap();
        near("answer", service + wait, 0.050, 1e-6);
    }
    let [few, many] = [2, 60].map(|servers| shared(servers, Source::Open(80.0), |at_work| 0.010 * at_work).unwrap());
    assert!(few.0 < 0.020 && many.0 > 0.049, "what it does not wait it takes longer: {few:?} {many:?}");
}
