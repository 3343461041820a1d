//! Whom to tell changes while the node runs: new incidents follow the new policies, open ones their own.

use super::{House, QUICK, SOON, expect_told, hook, receiver, server, told};
use crate::support::until;

fn policy(channels: &str) -> String {
    format!("[[escalation]]\nseverity = \"medium\"\nsteps = [{{ after = \"0s\", channels = {channels} }}]\n")
}

#[test]
fn a_new_channel_is_told_of_what_is_new_and_not_of_what_was_open() {
    let (old, new, first, second) = (receiver(), receiver(), server(&["shop"]), server(&["blog"]));
    let before = [QUICK, &hook("old", &old), &policy("[\"old\"]")].concat();
    let house = House::open(&before, &[("shop", &first.url("shop"), ""), ("blog", &second.url("blog"), "")]);
    first.kill();
    expect_told(&old, "firing database_down shop", 1);
    house.rewrite(&[QUICK, &hook("old", &old), &hook("new", &new), &policy("[\"old\", \"new\"]")].concat());
    until("the new channel", SOON, || {
        let channels = house.node().json("/api/channels").to_string();
        if channels.contains("\"new\"") { Ok(()) } else { Err(channels) }
    });
    second.kill();
    expect_told(&new, "firing database_down blog", 1);
    first.restart().expect("a restart");
    second.restart().expect("a restart");
    house.expect_quiet();
    assert_eq!(told(&new), ["firing database_down blog", "resolved database_down blog"]);
    let of = |target: &str| -> Vec<String> { told(&old).into_iter().filter(|said| said.ends_with(target)).collect() };
    for target in ["shop", "blog"] {
        assert_eq!(of(target), ["firing", "resolved"].map(|event| format!("{event} database_down {target}")));
    }
    assert_eq!(told(&old).len(), 4);
    house.assert_no_secret();
}
