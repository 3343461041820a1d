use std::collections::BTreeMap;

use super::*;
use crate::{
    clock,
    model::cluster::{Lease, Member},
    web::tests::{clustered, report, world},
};

fn causes(found: &Readiness) -> Vec<&str> {
    found.lacks.iter().map(|lack| lack.cause.as_str()).collect()
}

/// What is the matter with a bus.
type Change = fn(&mut BusState, Instant);

#[test]
fn with_a_bus_only_what_its_own_regions_lack_keeps_a_node_from_being_ready() {
    let now = clock::now();
    let member = |node: &str| Member { node: node.into(), boot: 1, leaving: false, wire: 2 };
    let cases: [(&str, Change, &[&str], &[&str]); 6] = [
        ("all is well", |_, _| {}, &[], &[]),
        ("no home yet", |bus, _| bus.homes = BTreeMap::new(), &["its bus has not been asked yet"], &[]),
        ("never answered", |bus, _| home(bus).answered = None, &["its Redis has never answered"], &[]),
        (
            "not a member",
            |bus, _| home(bus).members.retain(|member| member.node != "n1".into()),
            &["this node is not among its members yet"],
            &[],
        ),
        // It goes on without its Redis, and so it serves.
        (
            "silent",
            |bus, now| home(bus).answered = now.checked_sub(Duration::from_secs(7)),
            &[],
            &["us-east-1: its Redis has been silent for 7 s"],
        ),
        (
            "no cache",
            |bus, _| bus.cache = Some("out of memory".to_owned()),
            &[],
            &["cache: health is not written to it: out of memory"],
        ),
    ];
    for (what, change, lacks, warnings) in cases {
        let mut bus = clustered::bus(now);
        home(&mut bus).members = vec![member("n1"), member("n2")];
        change(&mut bus, now);
        let mut seen = world(&[report()]);
        // A far region that was never heard changes nothing.
        seen.regions.insert("eu-west-1".into(), Region::unseen().into());
        let found = readiness(&seen, "n1", Some(&bus), now, true);
        assert_eq!(
            (causes(&found), found.warnings.iter().map(String::as_str).collect::<Vec<_>>()),
            (lacks.to_vec(), warnings.to_vec()),
            "{what}"
        );
    }
    let found = readiness(&world(&[report()]), "n7", Some(&clustered::bus(now)), now, true);
    assert_eq!(causes(&found), ["its supervisor has not reported yet"], "others have, and this one has not");
}

fn home(bus: &mut BusState) -> &mut Membership {
    bus.homes.values_mut().next().expect("a home")
}

#[test]
fn without_a_bus_every_region_counts() {
    let mut seen = world(&[report()]);
    assert_eq!(readiness(&seen, "n1", None, clock::now(), true), Readiness::default());
    seen.regions.insert("eu-west-1".into(), Region::unseen().into());
    let found = readiness(&seen, "n1", None, clock::now(), true);
    assert_eq!(causes(&found), ["its supervisor has not reported yet"]);
}

#[test]
fn a_lease_that_ran_out_leads_nothing() {
    let now = clock::now();
    let mut bus = clustered::bus(now);
    assert!(leads(home(&mut bus), now));
    home(&mut bus).lease = Lease::Mine { fence: 1, until: now, wiped: false };
    assert!(!leads(home(&mut bus), now));
    home(&mut bus).lease = Lease::Other("n2".into());
    assert!(!leads(home(&mut bus), now));
}
