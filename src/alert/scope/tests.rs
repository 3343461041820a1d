use std::sync::Arc;

use super::*;
use crate::{
    clock,
    model::{Evidence, Reason, Severity},
};

fn blindness() -> Reason {
    Reason {
        rule: Rule::RegionBlind,
        severity: Severity::Critical,
        value: None,
        threshold: None,
        since: clock::wall(),
        message: "nobody reports".into(),
        evidence: Evidence::default(),
    }
}

/// `a b! c?`: `b` is blind, `c` was never heard.
fn world(words: &str) -> World {
    let now = clock::now();
    let regions = words.split_whitespace().map(|word| {
        let mut region = Region::unseen();
        region.heard = (!word.ends_with('?')).then_some(now);
        region.reasons = if word.ends_with('!') { vec![blindness()] } else { Vec::new() };
        (RegionName::from(word.trim_end_matches(['!', '?'])), Arc::new(region))
    });
    let regions = regions.collect();
    World { regions, ..World::unseen([], clock::wall(), now) }
}

fn subject(region: &str, rule: Rule) -> Subject {
    let target = (rule != Rule::RegionBlind).then(|| "t".into());
    Subject { region: region.into(), target, rule, scope: String::new() }
}

fn scope(home: &str) -> Scope {
    Scope { home: Some(home.into()), ..Scope::default() }
}

#[test]
fn without_a_home_everything_is_ours() {
    for subject in [subject("a", Rule::DatabaseDown), subject("b", Rule::RegionBlind)] {
        assert_eq!(Scope::default().whose(&subject, &world("a b!")), Whose::Ours);
    }
}

#[test]
fn each_region_tells_of_its_own_targets_and_of_its_own_channels() {
    let world = world("a b");
    assert_eq!(scope("a").whose(&subject("a", Rule::DatabaseDown), &world), Whose::Ours);
    assert_eq!(scope("a").whose(&subject("b", Rule::DatabaseDown), &world), Whose::Theirs("b".into()));
    assert_eq!(scope("a").whose(&subject(ITSELF, Rule::DeliveryFailing), &world), Whose::Ours);
}

#[test]
fn of_all_who_see_that_a_region_is_blind_exactly_one_tells_and_the_next_one_when_it_is_gone_too() {
    let blind = subject("x", Rule::RegionBlind);
    let owners = |world: &World, live: &[&str]| {
        let is_owner = |home: &&&str| scope(home).whose(&blind, world) == Whose::Ours;
        live.iter().filter(is_owner).map(|home| (*home).to_owned()).collect::<Vec<String>>()
    };
    let first = owners(&world("a b c d x!"), &["a", "b", "c", "d"]);
    assert_eq!(first.len(), 1, "{first:?}");
    let others: Vec<&str> = ["a", "b", "c", "d"].into_iter().filter(|name| **name != first[0]).collect();
    let gone = world(&format!("{} {}! x!", others.join(" "), first[0]));
    let second = owners(&gone, &others);
    assert_eq!(second.len(), 1, "{second:?}");
    for home in others.iter().filter(|home| ***home != second[0]) {
        let blind_from = [(blind.fingerprint(), [second[0].as_str().into()].into())].into();
        assert_eq!(Scope { blind_from, ..scope(home) }.whose(&blind, &gone), Whose::Theirs(second[0].as_str().into()), "{home}");
    }
}

#[test]
fn what_another_region_told_stays_with_it() {
    let (blind, world) = (subject("x", Rule::RegionBlind), world("a b c x!"));
    let owner = ["a", "b", "c"].into_iter().find(|home| scope(home).whose(&blind, &world) == Whose::Ours).expect("an owner");
    let told = Scope { told_elsewhere: [blind.fingerprint()].into(), ..scope(owner) };
    assert!(matches!(told.whose(&blind, &world), Whose::Theirs(other) if other.as_str() != owner));
    let alone = Scope { told_elsewhere: [blind.fingerprint()].into(), ..scope("a") };
    assert_eq!(alone.whose(&blind, &self::world("a x!")), Whose::Ours, "nobody else is there to tell its end");
}

#[test]
fn who_sees_less_than_half_of_the_world_doubts_itself() {
    let blind = subject("x", Rule::RegionBlind);
    for (words, whose) in [
        ("a x!", Whose::Ours),
        ("a b! x!", Whose::Doubtful),
        ("a b? x!", Whose::Doubtful),
        ("a! b! x!", Whose::Doubtful),
        ("b! c! d! x!", Whose::Doubtful),
    ] {
        assert_eq!(scope("a").whose(&blind, &world(words)), whose, "{words}");
    }
}

#[test]
fn of_those_who_cannot_see_a_region_that_the_first_one_sees_exactly_one_tells_from_where() {
    let (blind, world) = (subject("x", Rule::RegionBlind), world("a b c d x!"));
    let all = ["a", "b", "c", "d"];
    let owner = all.into_iter().find(|home| scope(home).whose(&blind, &world) == Whose::Ours).expect("an owner");
    let seen_from = || Whose::Partial { seen_from: owner.into() };
    let others: Vec<&str> = all.into_iter().filter(|home| *home != owner).collect();
    let whose = |home: &str, saying: &[&str]| {
        let saying = saying.iter().filter(|name| **name != home).map(|name| RegionName::from(*name)).collect();
        Scope { blind_from: [(blind.fingerprint(), saying)].into(), ..scope(home) }.whose(&blind, &world)
    };
    for home in &others {
        assert_eq!(whose(home, &[]), seen_from(), "{home} alone");
        assert_eq!(whose(home, &all), Whose::Theirs(owner.into()), "the first one is blind too");
    }
    for pair in [[others[0], others[1]], [others[1], others[2]], [others[0], others[2]]] {
        assert_eq!(pair.iter().filter(|home| whose(home, &pair) == seen_from()).count(), 1, "{pair:?}");
    }
}
