//! What is known of requests that wait when nobody says how long they did.

use super::{payloads::queue_of_node_postgres, *};

/// A book, and a clock that goes on with each telling.
struct Told(Book, Instant);

impl Told {
    fn new() -> Self {
        Self(Book::default(), clock::now())
    }

    /// What stands after a telling so long after the one before.
    fn after(&mut self, seconds: f64, export: &Export) -> ApplicationPool {
        self.1 += Duration::from_secs_f64(seconds);
        pool(&take(&mut self.0, export, self.1))
    }

    fn node_postgres(&mut self, used: i64, idle: i64, pending: i64) -> ApplicationPool {
        self.after(60.0, &queue_of_node_postgres("db.example.com:5432/shop", used, idle, pending))
    }
}

fn home(metrics: Vec<Metrics>) -> Export {
    export(&[("service.name", "shop"), ("isobar.target", "eu/shop")], metrics)
}

fn pending(number: i64) -> Metrics {
    up_down("db.client.connection.pending_requests", CUMULATIVE, number)
}

fn wait(temporality: i32, waits: u64, seconds: f64) -> Metrics {
    histogram("db.client.connection.wait_time", "s", temporality, waits, Some(seconds))
}

#[test]
fn a_queue_in_node_postgres_is_as_old_as_the_tellings_that_show_it() {
    let mut told = Told::new();
    assert_eq!(told.node_postgres(10, 0, 400).queued_ms, None, "one telling is a moment");
    let queue = told.node_postgres(10, 0, 400);
    assert_eq!((queue.queued_ms, queue.mean_wait_ms), (Some(60_000.0), None), "whether some were served nobody knows");
    assert_eq!(told.node_postgres(9, 0, 1).queued_ms, Some(120_000.0));
    assert_eq!(told.node_postgres(9, 1, 1).queued_ms, None, "one is free");
    assert_eq!(told.node_postgres(10, 0, 1).queued_ms, None, "it counts anew");
    assert_eq!(told.node_postgres(10, 0, 1).queued_ms, Some(60_000.0));
    assert_eq!(told.node_postgres(10, 0, 0).queued_ms, None, "nobody waits");
    let small = told.node_postgres(2, 3, 0);
    assert_eq!((small.peak, small.max), (Some(10), None), "it shrinks, and had ten");
}

#[test]
fn the_rest_of_a_telling_is_no_second_one() {
    let mut told = Told::new();
    told.after(0.0, &home(vec![count(5, 0)]));
    assert_eq!(told.after(0.1, &home(vec![pending(4)])).queued_ms, None);
    assert_eq!(told.after(0.1, &home(vec![count(5, 0)])).queued_ms, None);
    assert_eq!(told.after(9.8, &home(vec![count(5, 0)])).queued_ms, Some(9_900.0));
}

#[test]
fn who_tells_differences_and_falls_silent_about_waits_stands_still() {
    let mut told = Told::new();
    let whole = |metric| home([count(5, 0), pending(3)].into_iter().chain(metric).collect());
    assert_eq!(told.after(10.0, &whole(Some(wait(DELTA, 10, 0.02)))).mean_wait_ms, Some(2.0));
    assert_eq!(told.after(10.0, &whole(None)).mean_wait_ms, Some(10_000.0), "the small mean is of before");
    assert_eq!(told.after(10.0, &whole(None)).mean_wait_ms, Some(20_000.0));
    assert_eq!(told.after(10.0, &whole(Some(wait(DELTA, 1, 0.5)))).mean_wait_ms, Some(500.0));
    assert_eq!(told.after(10.0, &home(vec![count(1, 4), pending(0)])).mean_wait_ms, None, "nobody waits, nobody did");
}

#[test]
fn a_pool_that_never_served_anybody_shows_its_queue() {
    for temporality in [DELTA, CUMULATIVE] {
        let mut told = Told::new();
        let stuck = home(vec![count(5, 0), pending(3)]);
        told.after(10.0, &stuck);
        assert_eq!(told.after(10.0, &stuck).queued_ms, Some(10_000.0));
        let served = told.after(10.0, &home(vec![count(5, 0), pending(3), wait(temporality, 1, 25.0)]));
        assert_eq!(served.mean_wait_ms, (temporality == DELTA).then_some(25_000.0), "a first sum may hold days");
        assert_eq!(told.after(10.0, &home(vec![pending(0), count(0, 5)])).queued_ms, None);
    }
}

#[test]
fn a_pool_from_which_all_give_up_shows_its_queue() {
    let mut told = Told::new();
    let all = |gave_up| home(vec![count(5, 0), pending(3), wait(CUMULATIVE, 9, 1.0), payloads::timeouts(gave_up)]);
    told.after(10.0, &all(0));
    for number in 1..4 {
        let pool = told.after(10.0, &all(3 * number));
        assert_eq!((pool.mean_wait_ms, pool.queued_ms), (None, Some(10_000.0 * number as f64)));
    }
}

#[test]
fn parts_of_a_telling_come_in_any_order() {
    for temporality in [DELTA, CUMULATIVE] {
        for first in [false, true] {
            let mut told = Told::new();
            for number in 1..5_u64 {
                let (waits, seconds) = if temporality == DELTA { (10, 0.05) } else { (10 * number, 0.05 * number as f64) };
                let parts = [home(vec![pending(3)]), home(vec![count(5, 0), wait(temporality, waits, seconds)])];
                let (one, two) = if first { (&parts[0], &parts[1]) } else { (&parts[1], &parts[0]) };
                let means = [told.after(9.9, one).mean_wait_ms, told.after(0.1, two).mean_wait_ms];
                let is_small = |mean: &Option<f64>| mean.is_none_or(|mean| (mean - 5.0).abs() < 0.01);
                assert!(means.iter().all(is_small) && (number < 2 || means[1].is_some()), "{temporality} {first}: {means:?}");
            }
        }
    }
}
