//! Storms, and days on which nothing is worth a call.

use std::time::{Duration, Instant};

use super::room::*;
use crate::{
    alert::{
        Settings,
        settings::{PlannedSilence, When},
    },
    model::{alert::Matchers, health::TransitionKind},
};

#[test]
fn five_hundred_at_once_are_the_causes_each_critical_and_one_digest_per_channel() {
    let mut room = Room::with_policies("chat* mail", &["low: 0 chat mail"]);
    for number in 0..100 {
        let name = format!("t{number}");
        for rule in ["pool_waiting", "pool_saturated", "query_slow", "error_rate"] {
            room.breach(&name, rule, "high");
        }
        if number < 25 {
            room.breach(&name, "database_down", "critical");
            room.target(&name).server = "shared:5432".into();
        } else if number < 30 {
            room.breach(&name, "pool_waiting", "critical");
        } else {
            room.breach(&name, "slow_query_rate", "medium");
        }
    }
    room.run(5.0);
    for channel in ["chat", "mail"] {
        let of = |event: &str| {
            room.orders.iter().filter(|order| order.lane.channel == channel && order.event.as_str() == event).collect::<Vec<_>>()
        };
        let (firsts, digests) = (of("firing"), of("digest"));
        let critical = firsts.iter().filter(|order| order.severity.as_str() == "critical").count();
        assert_eq!((critical, firsts.len(), digests.len()), (6, 20, 1), "{channel}");
        assert_eq!(digests[0].alerts.len(), 75 * 4 + 70 - 14 - 5, "{channel}");
        assert!(firsts[0].alerts[0].rule.as_str() == "database_down", "causes come first");
        assert_eq!(firsts[0].alerts[0].affects.len(), 25);
    }
    room.told();
    room.run(30.0);
    room.expect(&[]);
    for condition in room.targets.values_mut() {
        condition.reasons.clear();
    }
    room.run(400.0);
    let told = room.told();
    let digests: Vec<_> = told.iter().filter(|line| line.contains("digest")).collect();
    assert_eq!(digests.len(), 2, "each channel learns once that all is over: {digests:?}");
    assert_eq!(told.iter().filter(|line| line.contains("resolved")).count(), 40, "those told by themselves end by themselves");
}

#[test]
fn a_digest_changes_at_most_every_ten_seconds_or_is_told_anew_every_five_minutes() {
    let settings = Settings { digest_above: 1, ..Settings::default() };
    let mut room = Room::with(settings, ways("chat* mail"));
    for number in 0..40 {
        room.breach(&format!("t{number}"), "pool_saturated", "high");
        room.run(10.0 / 4.0);
    }
    room.run(400.0);
    let told = room.told();
    let times = |channel: &str| {
        let of = |line: &&String| line.contains(&format!(" {channel} digest"));
        told.iter().filter(of).map(|line| line.split_whitespace().next().expect("a time").to_owned()).collect::<Vec<_>>()
    };
    assert!((9..=11).contains(&times("chat").len()), "{:?}", times("chat"));
    assert_eq!(times("mail").len(), 2, "{:?}", times("mail"));
}

#[test]
fn one_of_a_digest_that_becomes_critical_is_told_by_itself() {
    let settings = Settings { digest_above: 1, ..Settings::default() };
    let mut room = Room::with(settings, ways("chat"));
    room.breach("a", "pool_saturated", "high");
    room.breach("b", "pool_saturated", "high");
    room.run(5.0);
    room.expect(&["0 chat firing a/pool_saturated high", "1 chat digest of 1"]);
    room.breach("b", "pool_saturated", "critical");
    room.run(5.0);
    room.expect(&["5 chat firing b/pool_saturated critical"]);
    room.clear("b", "pool_saturated");
    room.run(30.0);
    assert!(room.told().contains(&"25 chat resolved b/pool_saturated critical".to_owned()));
}

#[test]
fn a_provider_that_forgets_gets_each_alert_by_itself() {
    let settings = Settings { digest_above: 1, ..Settings::default() };
    let mut ways = ways("am chat");
    ways.get_mut("am").expect("there").nature.refresh = Some(Duration::from_mins(1));
    let mut room = Room::with(settings, ways);
    for name in ["a", "b", "c"] {
        room.breach(name, "pool_saturated", "high");
    }
    room.run(5.0);
    let told = room.told();
    let of = |what: &str| told.iter().filter(|line| line.contains(what)).count();
    assert_eq!((of("am firing"), of("am digest"), of("chat firing"), of("chat digest")), (3, 0, 1, 1), "{told:#?}");
}

/// Spikes that never hold for their `for`, blips in the dark, a slow query now and then, and a batch at night under maintenance that
/// fills the pool until clients wait.
#[test]
fn a_day_of_noise_calls_nobody() {
    let zone = chrono_tz::Europe::Berlin;
    let when = When::Recurring { cron: "0 2 * * *".into(), lasts: Duration::from_hours(2), zone };
    let (name, reason, matchers) = ("batch".into(), "the nightly batch".into(), Matchers::default());
    let planned = vec![PlannedSilence { name, maintenance: true, matchers, when, reason }];
    let escalations = vec![policy("critical: 0 pager"), policy("low: 0 chat")];
    let mut room = Room::with(Settings { escalations, planned, ..Settings::default() }, ways("chat pager"));
    room.target("app");
    for minute in 0..24 * 60_u32 {
        let local = room.now().wall.0.with_timezone(&zone).format("%H:%M").to_string();
        let spike = minute % 7 == 0;
        if spike {
            room.transition("app", "pool_waiting", TransitionKind::Pending);
            room.transition("app", "database_down", TransitionKind::Pending);
        }
        if minute % 11 == 0 {
            room.target("app").dark = true;
        }
        if local == "02:05" {
            room.breach("app", "pool_waiting", "critical");
            room.breach("app", "pool_saturated", "critical");
        }
        if local == "03:40" {
            room.clear("app", "pool_waiting");
            room.clear("app", "pool_saturated");
        }
        if minute % 240 == 30 {
            room.breach("app", "query_slow", "medium");
        }
        room.run_by(3.0, Duration::from_millis(500));
        if spike {
            room.transition("app", "pool_waiting", TransitionKind::Withdrawn);
            room.transition("app", "database_down", TransitionKind::Withdrawn);
        }
        room.target("app").dark = false;
        room.clear("app", "query_slow");
        room.run_by(57.0, Duration::from_secs(3));
    }
    let told = room.told();
    assert!(told.iter().all(|line| !line.contains("critical") && !line.contains("pager")), "{told:#?}");
    assert!(told.iter().filter(|line| line.contains("firing")).count() <= 6, "{told:#?}");
    let batch = room.incident("app", "pool_waiting");
    assert!(batch.steps.iter().any(|step| step.text.contains("maintenance batch")), "{:#?}", batch.steps);
}

/// Not a measurement: a hundred times what a quiet report, one with five rules in breach, and a tick with thousands of open incidents
/// may cost, so that only a full scan that creeps in fails it.
#[test]
fn quiet_reports_and_ticks_cost_next_to_nothing() {
    let mut room = Room::new();
    let names: Vec<String> = (0..1_000).map(|number| format!("t{number}")).collect();
    for name in &names {
        room.target(name);
    }
    room.run(2.0);
    let turns = |room: &mut Room, turns: u32, turn: &dyn Fn(&mut Room)| {
        let begun: Instant = crate::clock::now();
        for _ in 0..turns {
            room.elapsed += Duration::from_millis(100);
            turn(room);
            room.collect();
        }
        crate::clock::now().duration_since(begun) / turns
    };
    let change = room.change();
    let quiet = turns(&mut room, 20, &|room| room.desk.see(room.now(), &change));
    for rule in ["pool_saturated", "query_slow", "error_rate", "connection_leak", "blocking_chain"] {
        for name in &names {
            room.breach(name, rule, "high");
        }
    }
    room.run(2.0);
    assert_eq!(room.desk.incidents().count(), 5_000);
    let change = room.change();
    let breached = turns(&mut room, 5, &|room| room.desk.see(room.now(), &change));
    let ticks = turns(&mut room, 100, &|room| room.desk.tick(room.now()));
    println!("a thousand quiet reports {quiet:?}, a thousand with five rules in breach {breached:?}, a tick {ticks:?}");
    let most = Duration::from_millis;
    assert!(quiet < most(100) && breached < most(1_000) && ticks < most(10), "{quiet:?} {breached:?} {ticks:?}");
}
