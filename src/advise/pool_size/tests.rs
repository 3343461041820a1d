use super::*;
use crate::advise::{contention::Seen, demand::tests::demand, look::Work};

#[test]
fn a_pool_that_makes_clients_wait_gets_the_fewest_with_which_they_hardly_do() {
    let proposal = advise(&demand(4, 170.0, 0.020), Some(80)).unwrap();
    let predicted = proposal.predicted.unwrap();
    assert_eq!((proposal.kind, proposal.to), (Kind::EnlargePool, Some(6)));
    assert!(predicted.p95_wait_ms <= 10.0 && (predicted.utilization - 3.4 / 6.0).abs() < 1e-9, "{predicted:?}");
    assert!(predict(&demand(4, 170.0, 0.020), 5).unwrap().p95_wait_ms > 10.0, "five would be too few");
    assert!(predicted.low < predicted.mean_wait_ms && predicted.mean_wait_ms < predicted.high, "{predicted:?}");
    assert!(proposal.confidence() > 0.8, "{:?}", proposal.doubts);
}

#[test]
fn predictions_are_near_what_was_measured_on_a_real_pgbouncer() {
    // 20 ms fixed and exponential, 170/s: docs/advice.md.
    for (services, size, measured) in [(0.0, 5, 1.9), (0.0, 6, 0.9), (1.0, 5, 8.4), (1.0, 6, 2.6), (1.0, 8, 0.3)] {
        let mut demand = demand(4, 170.0, 0.020);
        demand.services.likely = services;
        let predicted = predict(&demand, size).unwrap().mean_wait_ms;
        assert!((predicted - measured).abs() <= f64::max(3.0, 0.5 * measured), "{size}: {predicted}, measured {measured}");
    }
}

#[test]
fn long_transactions_may_wait_a_tenth_of_what_they_take() {
    let mut slow = demand(8, 3.5, 2.0);
    slow.wait = 1.0;
    let to = advise(&slow, Some(80)).unwrap().to.unwrap();
    assert!(predict(&slow, to).unwrap().p95_wait_ms <= 200.0);
    assert!(predict(&slow, to - 1).is_none_or(|fewer| fewer.p95_wait_ms > 200.0 || fewer.utilization > 0.7), "{to}");
}

#[test]
fn whoever_does_not_wait_needs_nothing() {
    let mut demand = demand(6, 170.0, 0.020);
    (demand.wait, demand.queued) = (0.0004, 0.1);
    assert_eq!(advise(&demand, Some(80)), None);
}

#[test]
fn a_server_bound_by_its_processors_never_gets_a_larger_pool() {
    for work in [
        Work { active: 4.0, cpu: 3.8, lock: 0.0, cpu_busy: None },
        Work { active: 4.0, cpu: 1.0, lock: 0.0, cpu_busy: Some(0.95) },
    ] {
        for rate in [150.0, 170.0, 190.0, 199.9] {
            for saturated in [false, true] {
                let demand = Demand { bound: Bound::Cpu(work), saturated, ..demand(4, rate, 0.020) };
                let proposal = advise(&demand, Some(80)).unwrap();
                assert_eq!((proposal.kind, proposal.to, proposal.predicted), (Kind::DoNotEnlargePool, None, None));
                assert!(proposal.caution.contains("processors") && proposal.caution.contains("20.0 ms"), "{}", proposal.caution);
            }
        }
    }
}

#[test]
fn sessions_that_wait_for_locks_are_not_given_company() {
    let bound = Bound::Locks(Work { active: 4.0, cpu: 0.1, lock: 3.5, cpu_busy: None });
    let proposal = advise(&Demand { bound, ..demand(4, 170.0, 0.020) }, Some(80)).unwrap();
    assert_eq!(proposal.kind, Kind::DoNotEnlargePool);
    assert!(proposal.caution.contains("3.5 of 4.0"), "{}", proposal.caution);
}

#[test]
fn a_saturated_pool_gets_a_lower_bound_that_says_so() {
    let proposal = advise(&Demand { saturated: true, ..demand(4, 198.0, 0.020) }, Some(80)).unwrap();
    assert_eq!((proposal.kind, proposal.to, proposal.predicted), (Kind::EnlargePool, Some(6), None));
    assert!(proposal.caution.contains("lower bound") && proposal.confidence() < 0.5, "{proposal:?}");
}

#[test]
fn few_clients_never_need_more_than_one_connection_each() {
    // Eight clients who hardly pause: an open queue would ask for many more.
    let mut few = Demand { closed: Some((8, 0.004)), ..demand(4, 180.0, 0.020) };
    few.wait = 0.018;
    let proposal = advise(&few, Some(80)).unwrap();
    assert!(proposal.to.unwrap() <= 8, "{proposal:?}");
    assert!(proposal.predicted.unwrap().mean_wait_ms < 3.0, "{proposal:?}");
}

#[test]
fn max_connections_is_the_end_of_it() {
    let proposal = advise(&demand(4, 170.0, 0.020), Some(1)).unwrap();
    assert_eq!((proposal.kind, proposal.to), (Kind::EnlargePool, Some(5)));
    assert!(proposal.caution.contains("leaves room for 5"), "{}", proposal.caution);
    assert_eq!(proposal.predicted.unwrap().server_connections, 5);
    let proposal = advise(&demand(4, 170.0, 0.020), Some(0)).unwrap();
    assert_eq!((proposal.kind, proposal.to), (Kind::DoNotEnlargePool, None));
}

#[test]
fn a_large_pool_shrinks_only_after_a_day() {
    let mut demand = demand(60, 100.0, 0.020);
    (demand.wait, demand.queued) = (0.0, 0.0);
    assert_eq!(advise(&demand, Some(80)), None, "three minutes are no day");
    demand.peak = (3.0, DAY);
    let proposal = advise(&demand, Some(80)).unwrap();
    assert_eq!(proposal.kind, Kind::ShrinkPool);
    assert!((6..12).contains(&proposal.to.unwrap()), "{proposal:?}");
    demand.size = 9;
    assert_eq!(advise(&demand, Some(80)), None, "not much too large");
}

#[test]
fn what_is_not_known_lowers_confidence_and_is_named() {
    let sure = advise(&demand(4, 170.0, 0.020), Some(80)).unwrap().confidence();
    let unsure = |change: &dyn Fn(&mut Demand)| {
        let mut demand = demand(4, 170.0, 0.020);
        change(&mut demand);
        advise(&demand, Some(80)).unwrap()
    };
    for proposal in [
        unsure(&|demand| demand.unsteady = 0.5),
        unsure(&|demand| demand.spread = Spread::Assumed),
        unsure(&|demand| demand.whole = false),
        unsure(&|demand| demand.bound = Bound::Unseen),
        unsure(&|demand| demand.fit = Some(9.0)),
    ] {
        assert!(proposal.confidence() < sure && !proposal.doubts.is_empty(), "{proposal:?}");
    }
}

#[test]
fn a_session_pool_is_large_enough_that_hardly_anybody_finds_it_full() {
    let mut sessions = demand(4, 40.0, 0.085);
    (sessions.wanted, sessions.wait) = (Some(Wanted { most: 5, mean: 4.0 }), 0.020);
    let proposal = advise(&sessions, Some(80)).unwrap();
    let predicted = proposal.predicted.unwrap();
    assert_eq!((proposal.kind, proposal.to), (Kind::EnlargePool, Some(8)));
    assert!(predicted.mean_wait_ms < 1.0 && (predicted.utilization - 3.7 / 8.0).abs() < 1e-9, "{predicted:?}");
    // The most who wanted one at once count more than the mean.
    sessions.wanted = Some(Wanted { most: 15, mean: 4.0 });
    assert_eq!(advise(&sessions, Some(80)).unwrap().to, Some(15));
}

/// Four connections that are mostly at work, with transactions that slow each other down.
fn slowed(sigma: f64) -> Demand {
    let (little, much) = (Seen { rate: 112.0, service: 0.015 }, Seen { rate: 190.0, service: 0.021 });
    let scaling = Scaling { sigma, low: 0.8 * sigma, high: 1.2 * sigma, little, much };
    Demand { scaling: Some(scaling), ..demand(4, 170.0, 0.020) }
}

#[test]
fn a_larger_pool_is_predicted_to_take_longer_when_transactions_slow_each_other_down() {
    let (steady, slowed) = (demand(4, 170.0, 0.020), slowed(0.1));
    let proposal = advise(&slowed, Some(80)).unwrap();
    let (to, predicted) = (proposal.to.unwrap(), proposal.predicted.unwrap());
    assert_eq!(proposal.kind, Kind::EnlargePool);
    let then = fitting::service(&slowed, to).unwrap();
    assert!(then > 0.0202 && then < 0.030, "{then}");
    assert!((predicted.utilization - 170.0 * then / f64::from(to)).abs() < 1e-9, "{predicted:?}");
    assert!(predicted.mean_wait_ms > predict(&steady, to).unwrap().mean_wait_ms, "{predicted:?}");
    assert!(predicted.low < predicted.mean_wait_ms && predicted.mean_wait_ms < predicted.high, "{predicted:?}");
    assert!(proposal.confidence() < advise(&steady, Some(80)).unwrap().confidence());
    let now = fitting::service(&slowed, 4).unwrap();
    assert!((now - 0.020).abs() < 1e-6, "the present size has the service that is measured: {now}");
}

#[test]
fn few_clients_who_slow_each_other_down_ask_less_often() {
    let few = |demand: Demand| predict(&Demand { closed: Some((8, 0.004)), wait: 0.018, ..demand }, 8).unwrap();
    let (steady, slowed) = (few(demand(4, 180.0, 0.020)), few(slowed(0.1)));
    assert!(slowed.utilization > steady.utilization && slowed.utilization <= 1.0, "{slowed:?} {steady:?}");
}

#[test]
fn a_pool_that_gives_as_good_as_all_that_any_would_is_not_enlarged() {
    for (sigma, reached) in [(0.6, "86%"), (0.9, "97%"), (1.0, "100%")] {
        let proposal = advise(&slowed(sigma), Some(80)).unwrap();
        assert_eq!((proposal.kind, proposal.to, proposal.predicted), (Kind::DoNotEnlargePool, None, None));
        for said in [reached, "15.0 ms at 112/s with 1.7", "21.0 ms at 190/s with 4.0", &format!("σ = {sigma:.2}")] {
            assert!(proposal.caution.contains(said), "{said} in {}", proposal.caution);
        }
    }
}
