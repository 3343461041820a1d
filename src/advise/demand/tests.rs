use super::*;

/// What many clients want who ask so often and take so long, exponential and Poisson, seen for three minutes.
pub(in crate::advise) fn demand(size: u32, rate: f64, service: f64) -> Demand {
    Demand {
        size,
        open: size,
        span: 180.0,
        whole: true,
        transactions: (rate * 180.0) as u64,
        rate,
        service,
        wait: 0.020,
        queued: 0.5,
        arrivals: Varies { low: 0.5, likely: 1.0, high: 1.5 },
        services: Varies { low: 0.0, likely: 1.0, high: 2.0 },
        spread: Spread::Measured,
        fit: Some(1.0),
        counts: Counts::Transactions,
        wanted: None,
        is_part: false,
        statements_per_transaction: 1.0,
        closed: None,
        saturated: false,
        unsteady: 0.05,
        bound: Bound::Neither(Work { active: 3.4, cpu: 0.2, lock: 0.0, cpu_busy: None }),
        scaling: None,
        peak: (rate * service, Duration::from_mins(3)),
    }
}

/// A pool of four that served so many transactions of 20 ms by then, each after 10 ms of waiting.
pub(in crate::advise) fn look(at: Instant, transactions: u64) -> Look {
    Look {
        at,
        transactions,
        queries: transactions,
        assignments: None,
        transaction_seconds: transactions as f64 * 0.030,
        wait_seconds: Some(transactions as f64 * 0.010),
        size: 4,
        busy: 3,
        open: 4,
        clients: 500,
        waiting: 1,
        times: Some(Times { means: 1.0, singles: Some(2.0) }),
        counts: Counts::Transactions,
        is_scraped: false,
        part: None,
        mix: None,
        work: Some(Work { active: 3.4, cpu: 0.2, lock: 0.0, cpu_busy: None }),
        server: None,
    }
}

const MINUTES: Duration = Duration::from_mins(3);
const STEP: Duration = Duration::from_secs(10);

/// The window after these looks, ten seconds apart, of the transactions in each step.
fn seen(steps: impl IntoIterator<Item = u64>, change: impl Fn(&mut Look)) -> Window {
    let (mut window, mut at, mut total) = (Window::default(), crate::clock::now(), 1_000);
    for step in std::iter::once(0).chain(steps) {
        total += step;
        at += STEP;
        let mut look = look(at, total);
        change(&mut look);
        window.take(look, MINUTES);
    }
    window
}

fn near(seen: f64, expected: f64) {
    assert!((seen - expected).abs() < 1e-6 * expected.abs().max(1.0), "{seen}, expected {expected}");
}

#[test]
fn counters_tell_arrivals_service_wait_and_load() {
    let demand = seen([1_700; 30], |_| {}).demand(MINUTES).unwrap();
    near(demand.rate, 170.0);
    near(demand.service, 0.020);
    near(demand.wait, 0.010);
    near(demand.load(), 3.4);
    near(demand.span, 180.0);
    assert!(demand.whole && !demand.saturated && demand.spread == Spread::Measured && demand.closed.is_none(), "{demand:?}");
    near(demand.peak.0, 3.4);
    assert_eq!(demand.peak.1, STEP * 30);
}

#[test]
fn waits_are_by_assignment_where_those_are_counted() {
    let demand = seen([1_700; 18], |look| look.assignments = Some(look.transactions / 2)).demand(MINUTES).unwrap();
    near(demand.wait, 0.020);
}

#[test]
fn few_clients_are_a_closed_queue_whose_pause_is_known() {
    let demand = seen([1_000; 18], |look| look.clients = 20).demand(MINUTES).unwrap();
    let (clients, think) = demand.closed.unwrap();
    assert_eq!(clients, 20);
    near(think, 20.0 / 100.0 - 0.030);
}

#[test]
fn an_idle_pool_says_nothing_and_a_young_one_says_for_how_long_it_was_seen() {
    assert_eq!(seen([1; 18], |_| {}).demand(MINUTES), Err(Silent::Idle));
    let Err(Silent::Unknown(cause)) = seen([1_700; 5], |_| {}).demand(MINUTES) else { panic!("too young") };
    assert_eq!(cause, "it was seen for 50 s, of 90 s that are needed");
}

#[test]
fn a_restart_another_size_and_a_gap_begin_anew() {
    let full = || seen([1_700; 18], |_| {});
    let next = full().newest().unwrap().at + STEP;
    let at_last = next.checked_sub(STEP * 2).unwrap();
    let window = |change: &dyn Fn(&mut Look)| {
        let mut window = full();
        let mut look = look(window.newest().unwrap().at + STEP, 50_000);
        change(&mut look);
        window.take(look, MINUTES);
        window.demand(MINUTES).is_ok()
    };
    assert!(window(&|_| {}));
    assert!(!window(&|look| look.transactions = 5));
    assert!(!window(&|look| look.size = 6));
    assert!(!window(&|look| look.at = next + MINUTES * 2));
    assert!(window(&|look| look.at = at_last), "an old look is no look");
}

#[test]
fn a_pool_that_is_always_full_is_saturated_and_one_that_queues_now_and_then_is_not() {
    assert!(seen([1_950; 18], |_| {}).demand(MINUTES).unwrap().saturated);
    assert!(!seen([1_951; 18], |look| look.waiting = (look.transactions % 3) as u32).demand(MINUTES).unwrap().saturated);
}

#[test]
fn what_holds_the_server_back_is_seen_from_its_sessions() {
    let bound = |work| seen([1_700; 18], |look| look.work = work).demand(MINUTES).unwrap().bound;
    let work = |cpu, lock, cpu_busy| Some(Work { active: 4.0, cpu, lock, cpu_busy });
    assert!(matches!(bound(work(3.5, 0.0, None)), Bound::Cpu(_)));
    assert!(matches!(bound(work(3.5, 0.0, Some(0.3))), Bound::Neither(_)), "the machine has processors to spare");
    assert!(matches!(bound(work(1.0, 0.0, Some(0.9))), Bound::Cpu(_)));
    assert!(matches!(bound(work(0.5, 3.0, None)), Bound::Locks(_)));
    assert!(matches!(bound(work(1.0, 1.0, None)), Bound::Neither(_)));
    assert_eq!(bound(None), Bound::Unseen);
    let small = |cpu| Some(Work { active: 1.2, cpu, lock: 0.0, cpu_busy: None });
    assert!(matches!(bound(small(0.96)), Bound::Cpu(_)), "as much as the smallest server has");
    assert!(matches!(bound(small(0.5)), Bound::Neither(_)));
}

#[test]
fn bursts_widen_what_arrivals_may_be() {
    let steady = seen([1_700; 18], |_| {}).demand(MINUTES).unwrap();
    let bursty = seen([1_000, 2_400].into_iter().cycle().take(18), |_| {}).demand(MINUTES).unwrap();
    near(steady.arrivals.high, 1.5);
    assert!(bursty.arrivals.high > MOST_BUNCHED && bursty.arrivals.likely <= MOST_BUNCHED, "{bursty:?}");
    assert!(steady.unsteady < 1e-9 && bursty.unsteady > 0.3);
}
