//! What the instrumentations that people use send, byte by byte as they lay it out, and what nobody should.

mod hostile;
mod payloads;
mod waits;

use std::time::{Duration, Instant};

use prost::Message;

use super::{Book, Taken};
use crate::{
    clock,
    model::{
        TargetId,
        vitals::{Address, ApplicationPool},
    },
    otlp::{CUMULATIVE, DELTA, Export},
};
use payloads::{Metrics, count, export, gauge, hikari, histogram, node_postgres, sqlx, up_down};

fn addresses() -> Vec<Address> {
    let at = |target: &str, database: &str| Address {
        target: TargetId::new("eu", target),
        host: "db.example.com".into(),
        port: 5432,
        database: database.into(),
    };
    vec![at("shop", "shop"), at("billing", "billing")]
}

fn take(book: &mut Book, export: &Export, now: Instant) -> Taken {
    book.take(export, now, clock::wall(), &addresses(), |id| *id == TargetId::new("eu", "shop"))
}

/// The only pool that is told of.
#[track_caller]
fn pool(taken: &Taken) -> ApplicationPool {
    assert_eq!((taken.rejected, &taken.whys[..]), (0, &[][..]));
    let [told] = &taken.told[..] else { panic!("{taken:?}") };
    assert_eq!(told.target, TargetId::new("eu", "shop"));
    let [pool] = &told.pools[..] else { panic!("{told:?}") };
    pool.clone()
}

#[test]
fn hikari_is_joined_by_the_resource_and_counts_milliseconds() {
    let (mut book, now) = (Book::default(), clock::now());
    let first = pool(&take(&mut book, &hikari(100, 4_000.0), now));
    assert_eq!(
        (first.service.as_str(), first.pool.as_str(), first.instance.as_deref()),
        ("checkout", "HikariPool-1", Some("i-1"))
    );
    assert_eq!(
        (first.used, first.idle, first.max, first.pending, first.timeouts),
        (Some(10), Some(0), Some(10), Some(7), Some(3))
    );
    assert_eq!(first.mean_wait_ms, None, "the first sum may hold days");
    let second = pool(&take(&mut book, &hikari(110, 24_000.0), now + Duration::from_secs(10)));
    assert_eq!((second.mean_wait_ms, second.interval_ms), (Some(2_000.0), 10_000));
}

#[test]
fn node_postgres_is_joined_by_the_name_of_its_pool() {
    let told = pool(&take(&mut Book::default(), &node_postgres("db.example.com:5432/shop"), clock::now()));
    assert_eq!((told.used, told.idle, told.max, told.pending), (Some(9), Some(1), None, Some(4)));
    assert_eq!((told.pool.as_str(), told.instance.as_deref()), ("db.example.com:5432/shop", Some("web-1:4711")));
}

#[test]
fn a_password_in_the_name_of_a_pool_is_shown_to_nobody() {
    let taken =
        take(&mut Book::default(), &node_postgres("postgres://app:hunter2@db.example.com:5432/shop?x=hunter2"), clock::now());
    assert!(!format!("{taken:?}").contains("hunter2"), "{taken:?}");
    assert_eq!(taken.told[0].pools[0].pool, "db.example.com:5432/shop");
    for lost in [
        "postgres://app:hunter2@elsewhere:5432/shop",
        "jdbc:postgresql://db/shop?user=a&password=p@hunter2:1/x",
        "host=db password=hunter2",
    ] {
        let taken = take(&mut Book::default(), &node_postgres(lost), clock::now());
        assert!(taken.rejected > 0 && !format!("{taken:?}").contains("hunter2"), "{taken:?}");
    }
    let told = pool(&take(
        &mut Book::default(),
        &node_postgres("Host=db.example.com;Port=5432;Password=hunter2;Database=shop"),
        clock::now(),
    ));
    assert_eq!(told.pool, "db.example.com:5432/shop", "and that is where it leads");
}

#[test]
fn seconds_by_delta_are_means_at_once() {
    let (mut book, now) = (Book::default(), clock::now());
    let told = pool(&take(&mut book, &sqlx(4, 3.0), now));
    assert_eq!((told.mean_wait_ms, told.mean_use_ms, told.used, told.max), (Some(750.0), Some(20.0), Some(5), Some(5)));
    let told = pool(&take(&mut book, &sqlx(0, 0.0), now + Duration::from_secs(20)));
    assert_eq!(told.timeouts, Some(4), "differences add up");
}

#[test]
fn an_application_that_starts_anew_counts_from_nothing() {
    let (mut book, now) = (Book::default(), clock::now());
    take(&mut book, &hikari(100, 4_000.0), now);
    let anew = pool(&take(&mut book, &hikari(4, 400.0), now + Duration::from_secs(10)));
    assert_eq!(anew.mean_wait_ms, Some(100.0));
}

#[test]
fn a_pool_in_which_nobody_gets_a_connection_shows_how_long_that_lasts() {
    let (mut book, now) = (Book::default(), clock::now());
    let at = |seconds| now + Duration::from_secs(seconds);
    take(&mut book, &hikari(100, 4_000.0), at(0));
    let stuck = pool(&take(&mut book, &hikari(100, 4_000.0), at(10)));
    assert_eq!(stuck.mean_wait_ms, Some(10_000.0));
    let stuck = pool(&take(&mut book, &hikari(100, 4_000.0), at(20)));
    assert_eq!(stuck.mean_wait_ms, Some(20_000.0));
    let served = pool(&take(&mut book, &hikari(101, 4_030.0), at(30)));
    assert_eq!(served.mean_wait_ms, Some(30.0));
    let again = pool(&take(&mut book, &hikari(101, 4_030.0), at(40)));
    assert_eq!(again.mean_wait_ms, Some(10_000.0), "it counts from when somebody was served");
}

#[test]
fn a_telling_in_several_requests_is_one() {
    let (mut book, now) = (Book::default(), clock::now());
    let one = |metric| export(&[("service.name", "shop"), ("isobar.target", "eu/shop")], vec![metric]);
    take(&mut book, &one(gauge("db.client.connection.max", &[], 5)), now);
    take(&mut book, &one(gauge("db.client.connection.max", &[], 5)), now + Duration::from_secs(30));
    let told =
        pool(&take(&mut book, &one(gauge("db.client.connection.pending_requests", &[], 2)), now + Duration::from_millis(30_010)));
    assert_eq!((told.max, told.pending, told.interval_ms), (Some(5), Some(2), 30_000));
}

#[test]
fn instances_and_pools_are_kept_apart_and_points_of_one_add_up() {
    let instance = |id| [("service.name", "shop"), ("isobar.target", "eu/shop"), ("service.instance.id", id)];
    let mut both = export(&instance("a"), vec![count(3, 1), count(2, 0)]);
    both.resource_metrics.extend(export(&instance("b"), vec![count(7, 7)]).resource_metrics);
    let taken = take(&mut Book::default(), &both, clock::now());
    let seen: Vec<_> = taken.told[0].pools.iter().map(|pool| (pool.instance.clone().unwrap(), pool.used, pool.idle)).collect();
    assert_eq!(seen, [("a".into(), Some(5), Some(1)), ("b".into(), Some(7), Some(7))]);
}

#[test]
fn what_leads_nowhere_is_counted_and_said_once() {
    let (mut book, now) = (Book::default(), clock::now());
    let lost = export(&[("service.name", "lost")], vec![count(1, 1)]);
    let taken = take(&mut book, &lost, now);
    assert_eq!((taken.accepted, taken.rejected, taken.told.len()), (0, 2, 0));
    assert!(taken.news[0].contains("lost") && taken.news[0].contains("isobar.target"), "{taken:?}");
    let again = take(&mut book, &lost, now);
    assert_eq!((again.rejected, again.news.len(), again.whys.len()), (2, 0, 1), "the sender hears it each time, the log once");
}

#[test]
fn points_that_make_no_sense_are_refused_with_a_reason_and_harm_no_others() {
    let home = [("service.name", "shop"), ("isobar.target", "eu/shop")];
    let say = |metric: Metrics| {
        let taken =
            take(&mut Book::default(), &export(&home, vec![metric, gauge("db.client.connection.max", &[], 5)]), clock::now());
        assert_eq!(taken.told[0].pools[0].max, Some(5), "the others are taken");
        (taken.rejected, taken.whys.join("; "))
    };
    let wait = "db.client.connection.wait_time";
    for (metric, why) in [
        (gauge("db.client.connection.pending_requests", &[], -1), "negative"),
        (payloads::double("db.client.connection.pending_requests", f64::NAN), "no count"),
        (payloads::double("db.client.connection.pending_requests", f64::INFINITY), "no count"),
        (payloads::double("db.client.connection.pending_requests", 1e300), "no count"),
        (payloads::empty("db.client.connection.pending_requests"), "no value"),
        (gauge("db.client.connection.count", &[("state", "odd")], 1), "neither used nor idle"),
        (up_down("db.client.connection.pending_requests", DELTA, 1), "delta"),
        (gauge(wait, &[], 1), "no histogram"),
        (histogram("db.client.connection.max", "s", CUMULATIVE, 1, Some(1.0)), "not a number"),
        (histogram(wait, "By", CUMULATIVE, 1, Some(1.0)), "unit"),
        (histogram(wait, "s", CUMULATIVE, 1, None), "no sum"),
        (histogram(wait, "s", CUMULATIVE, 1, Some(f64::NAN)), "no sum"),
        (histogram(wait, "s", CUMULATIVE, 1, Some(-1.0)), "no sum"),
        (histogram(wait, "s", 0, 1, Some(1.0)), "temporality"),
    ] {
        let (rejected, whys) = say(metric);
        assert!(rejected == 1 && whys.contains(why), "{why}: {rejected} {whys}");
    }
}

#[test]
fn other_metrics_are_left_out_without_a_word() {
    let other = export(&[], vec![gauge("http.server.active_requests", &[], 1), gauge("db.client.connection.odd", &[], 1)]);
    let taken = take(&mut Book::default(), &other, clock::now());
    assert_eq!((taken.accepted, taken.rejected, taken.told.len()), (0, 0, 0));
}

#[test]
fn a_flood_of_pools_is_refused_and_who_falls_silent_makes_room() {
    let (mut book, now) = (Book::default(), clock::now());
    let many = |prefix: &str| {
        let one = |number: usize| {
            let name = format!("{prefix}{number}");
            gauge("db.client.connection.max", &[("pool.name", &name)], 1)
        };
        export(&[("service.name", "shop"), ("isobar.target", "eu/shop")], (0..2_100).map(one).collect())
    };
    let taken = take(&mut book, &many("a"), now);
    assert_eq!((taken.accepted, taken.rejected), (2_000, 100));
    assert_eq!(take(&mut book, &many("b"), now).accepted, 0);
    assert_eq!(take(&mut book, &many("b"), now + Duration::from_mins(4)).accepted, 2_000);
}

#[test]
fn a_series_that_has_ended_says_nothing() {
    let mut ended = export(&[("isobar.target", "eu/shop")], vec![gauge("db.client.connection.max", &[], 5)]);
    let Some(crate::otlp::Data::Gauge(all)) = &mut ended.resource_metrics[0].scope_metrics[0].metrics[0].data else { panic!() };
    all.data_points[0].flags = crate::otlp::NO_VALUE;
    let taken = take(&mut Book::default(), &ended, clock::now());
    assert_eq!((taken.accepted, taken.told.len()), (0, 0));
}

/// Two pushes of OpenTelemetry's SDK for Python 1.45, byte by byte: a counter that goes up and down, a counter and a histogram.
#[test]
fn the_bytes_of_a_real_sdk_are_understood() {
    let (mut book, now) = (Book::default(), clock::now());
    let first = include_bytes!("../../../tests/golden/otlp/python_sdk_1.bin");
    let second = include_bytes!("../../../tests/golden/otlp/python_sdk_2.bin");
    let told = pool(&take(&mut book, &Export::decode(&first[..]).unwrap(), now));
    assert_eq!((told.service.as_str(), told.instance.as_deref(), told.pool.as_str()), ("orders", Some("py-1"), "main"));
    assert_eq!((told.used, told.idle, told.max, told.pending, told.timeouts), (Some(9), Some(1), Some(10), Some(4), Some(2)));
    let told = pool(&take(&mut book, &Export::decode(&second[..]).unwrap(), now + Duration::from_secs(10)));
    assert_eq!(told.pending, Some(7));
    let mean = told.mean_wait_ms.unwrap();
    assert!((mean - 700.0).abs() < 0.01, "{mean}: only what came since");
}
