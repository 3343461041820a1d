//! Causes before symptoms.

use super::room::*;
use crate::model::health::TransitionKind;

/// What is in breach on one target, and what is told of it; `!` before a rule means critical.
#[test]
fn on_one_target_only_the_cause_is_told() {
    for (breaches, told) in [
        ("!database_down !pool_waiting pool_saturated error_rate query_slow", "database_down"),
        ("!database_unresponsive blocking_chain connection_leak slow_query_rate cache_hit_low", "database_unresponsive"),
        ("!database_down !database_unresponsive !database_rejecting !pooler_down", "database_down"),
        ("!database_unresponsive !database_rejecting", "database_unresponsive"),
        ("!database_rejecting !pooler_down !pool_waiting error_rate", "database_rejecting error_rate"),
        ("!pooler_down !pool_waiting pool_saturated query_slow", "pooler_down query_slow"),
        ("!database_down size_growth", "database_down size_growth"),
        ("pool_waiting pool_saturated", "pool_saturated pool_waiting"),
    ] {
        let mut room = Room::new();
        for rule in breaches.split_whitespace() {
            let severity = if rule.starts_with('!') { "critical" } else { "high" };
            room.breach("app", rule.trim_start_matches('!'), severity);
        }
        room.run(30.0);
        let mut seen: Vec<String> = room.orders.iter().map(|order| order.alerts[0].rule.as_str().to_owned()).collect();
        seen.sort();
        assert_eq!(seen.join(" "), told, "{breaches}");
    }
}

#[test]
fn a_symptom_appears_by_itself_when_its_cause_ends_before_it_does() {
    let mut room = Room::new();
    room.breach("app", "database_down", "critical");
    room.breach("app", "pool_waiting", "critical");
    room.run(10.0);
    let cause = room.incident("app", "database_down").id.clone();
    assert_eq!(room.incident("app", "pool_waiting").suppressed_by.as_deref(), Some(cause.as_str()));
    room.clear("app", "database_down");
    room.run(20.0);
    room.expect(&[
        "0 slack firing app/database_down critical",
        "25 slack firing app/pool_waiting critical",
        "25 slack resolved app/database_down critical",
    ]);
    assert_eq!(room.steps("app", "pool_waiting"), "breached firing suppressed released told");
}

#[test]
fn a_symptom_that_ends_with_its_cause_is_told_to_nobody() {
    let mut room = Room::new();
    room.breach("app", "database_down", "critical");
    room.breach("app", "pool_waiting", "critical");
    room.run(10.0);
    room.clear("app", "database_down");
    room.run(3.0);
    room.clear("app", "pool_waiting");
    room.run(60.0);
    room.expect(&["0 slack firing app/database_down critical", "25 slack resolved app/database_down critical"]);
    let last = room.incident("app", "pool_waiting").steps.last().expect("a step").text.clone();
    assert_eq!(last, "nobody was told of it");
}

#[test]
fn what_was_told_before_its_cause_came_goes_no_further_but_its_end_is_told() {
    let mut room = Room::with_policies("chat mail", &["low: 0 chat, 20 mail"]);
    room.breach("app", "pool_saturated", "high");
    room.run(10.0);
    room.breach("app", "database_down", "critical");
    room.run(30.0);
    room.clear("app", "pool_saturated");
    room.run(20.0);
    room.expect(&[
        "0 chat firing app/pool_saturated high",
        "10 chat firing app/database_down critical",
        "30 mail firing app/database_down critical",
        "55 chat resolved app/pool_saturated high",
    ]);
}

#[test]
fn a_first_notice_waits_five_seconds_at_most_for_a_cause_that_may_come() {
    let mut room = Room::new();
    room.transition("app", "database_down", TransitionKind::Pending);
    room.breach("app", "pool_waiting", "high");
    room.run(2.0);
    room.expect(&[]);
    room.breach("app", "database_down", "critical");
    room.run(10.0);
    room.expect(&["2 slack firing app/database_down critical"]);

    let mut room = Room::new();
    room.transition("app", "database_down", TransitionKind::Pending);
    room.breach("app", "pool_waiting", "high");
    room.run(10.0);
    room.expect(&["5 slack firing app/pool_waiting high"]);

    let mut room = Room::new();
    room.transition("app", "database_down", TransitionKind::Pending);
    room.breach("app", "pool_waiting", "high");
    room.run(2.0);
    room.transition("app", "database_down", TransitionKind::Withdrawn);
    room.run(1.0);
    room.expect(&["2 slack firing app/pool_waiting high"]);
}

#[test]
fn a_blind_region_hides_what_is_in_it_and_only_that() {
    let mut room = Room::new();
    room.breach("app", "database_down", "high");
    room.breach("eu/shop", "database_down", "high");
    room.run(5.0);
    room.told();
    room.blind.insert("us".into());
    room.run(10.0);
    room.expect(&["5 slack firing region_blind high"]);
    let blind = room.incident("", "region_blind").id.clone();
    assert_eq!(room.incident("app", "database_down").suppressed_by.as_deref(), Some(blind.as_str()));
    assert_eq!(room.incident("eu/shop", "database_down").suppressed_by, None);
    room.blind.clear();
    room.clear("app", "database_down");
    room.run(20.0);
    room.expect(&["30 slack resolved region_blind high", "30 slack resolved app/database_down high"]);
}

#[test]
fn targets_of_one_server_are_one_incident_that_names_them() {
    let mut room = Room::with_policies("chat*", &["low: 0 chat"]);
    for name in ["a", "b", "c"] {
        room.target(name).server = "db:5432".into();
    }
    room.breach("other", "database_down", "critical");
    room.breach("a", "database_down", "critical");
    room.run(1.0);
    room.breach("b", "database_down", "critical");
    room.breach("c", "database_down", "critical");
    room.run(20.0);
    let leader = room.desk.alert(room.incident("a", "database_down"));
    assert_eq!(leader.affects, ["a".into(), "b".into(), "c".into()]);
    assert_eq!(room.incident("b", "database_down").suppressed_by.as_ref(), Some(&leader.id));
    room.clear("a", "database_down");
    room.run(20.0);
    for name in ["b", "c", "other"] {
        room.clear(name, "database_down");
    }
    room.run(60.0);
    let told = room.told();
    let firsts: Vec<_> = told.iter().filter(|line| line.contains("firing")).map(String::as_str).collect();
    assert_eq!(
        firsts,
        [
            "0 chat firing a/database_down critical",
            "0 chat firing other/database_down critical",
            "36 chat firing b/database_down critical"
        ],
        "when the leader is over the next one leads\n{told:#?}"
    );
    assert_eq!(told.iter().filter(|line| line.contains("resolved")).count(), 3, "{told:#?}");
    assert!(told.contains(&"1 chat update a/database_down critical".to_owned()), "{told:#?}");
}

#[test]
fn a_silence_on_the_leader_does_not_hide_the_others() {
    let mut room = Room::new();
    for name in ["a", "b"] {
        room.target(name).server = "db:5432".into();
    }
    let matchers = crate::model::alert::Matchers { target: Some("a".into()), ..Default::default() };
    let lasts = Some(std::time::Duration::from_mins(10));
    let (by, reason) = ("me".into(), "moving".into());
    let silence = crate::model::alert::NewSilence { matchers, starts_at: None, ends_at: None, lasts, by, reason };
    room.desk.silence(room.now(), &silence).expect("silenced");
    room.breach("a", "database_down", "critical");
    room.run(1.0);
    room.breach("b", "database_down", "critical");
    room.run(5.0);
    room.expect(&["1 slack firing b/database_down critical"]);
}

#[test]
fn what_all_databases_of_a_server_see_of_it_is_one_incident() {
    for (rule, severity) in [("xid_wraparound", "critical"), ("replication_lag", "high")] {
        let mut room = Room::new();
        for nth in 0..20 {
            let name = format!("db{nth:02}");
            room.target(&name).server = "db:5432".into();
            room.breach(&name, rule, severity);
        }
        room.breach("other", rule, severity);
        room.run(5.0);
        room.expect(&[&format!("0 slack firing db00/{rule} {severity}"), &format!("0 slack firing other/{rule} {severity}")]);
        assert_eq!(room.incident("db00", rule).affects.len(), 19);
        room.clear("db00", rule);
        room.run(90.0);
        let told = room.told();
        assert!(told.iter().any(|line| line.contains(&format!("firing db01/{rule}"))), "another one leads: {told:#?}");
    }
}

#[test]
fn poolers_in_front_of_several_targets_are_one_incident() {
    let mut room = Room::new();
    for name in ["a", "b"] {
        room.breach(name, "pooler_down", "critical").evidence.pooler = Some("pgb:6432 app/web".into());
    }
    room.breach("c", "pooler_down", "critical").evidence.pooler = Some("other:6432".into());
    room.run(5.0);
    assert_eq!(room.told().len(), 2);
}

#[test]
fn the_worst_of_those_that_fail_together_leads() {
    let mut room = Room::new();
    for name in ["a", "b"] {
        room.target(name).server = "db:5432".into();
    }
    room.breach("a", "database_down", "medium");
    room.run(5.0);
    room.breach("b", "database_down", "critical");
    room.run(5.0);
    room.expect(&["0 slack firing a/database_down medium", "5 slack firing b/database_down critical"]);
    assert!(room.incident("a", "database_down").suppressed_by.is_some());
}

#[test]
fn a_cause_hides_nothing_that_is_worse_than_itself() {
    let mut room = Room::new();
    room.breach("app", "database_down", "medium");
    room.breach("app", "pool_waiting", "high");
    room.breach("app", "query_slow", "medium");
    room.run(5.0);
    room.expect(&["0 slack firing app/database_down medium", "0 slack firing app/pool_waiting high"]);
}

#[test]
fn the_steps_of_a_critical_go_on_while_its_region_is_blind_or_a_cause_comes_later() {
    let mut room = Room::with_policies("boss chat", &["critical: 0 chat, 60 boss"]);
    room.breach("app", "database_down", "critical");
    room.breach("eu/app", "pool_waiting", "critical");
    room.run(5.0);
    room.told();
    room.blind.insert("us".into());
    room.breach("eu/app", "database_down", "critical");
    room.run(70.0);
    let told = room.told();
    for expected in ["60 boss firing app/database_down critical", "60 boss firing app/pool_waiting critical"] {
        assert!(told.contains(&expected.to_owned()), "{told:#?}");
    }
}
