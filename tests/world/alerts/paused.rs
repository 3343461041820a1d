//! Isobar itself stands still for a while, as a virtual machine that is moved does.

use nix::sys::signal::Signal;

use super::{House, QUICK, expect_told, hook, receiver, server, told};
use crate::support::{secs, until};

#[test]
fn a_node_that_stood_still_tells_nobody_what_it_did_not_see() {
    let (receiver, server) = (receiver(), server(&["shop"]));
    let blind = "[thresholds]\nregion_blind_after = \"2s\"\n";
    let house = House::open(&[QUICK, blind, &hook("hook", &receiver)].concat(), &[("shop", &server.url("shop"), "")]);
    house.node().signal(Signal::SIGSTOP);
    // For longer than silence may last.
    let stood = std::time::Instant::now();
    until("it stood still", secs(10), || if stood.elapsed() > secs(4) { Ok(()) } else { Err("not yet".into()) });
    house.node().signal(Signal::SIGCONT);
    house.expect_healthy();
    server.kill();
    expect_told(&receiver, "firing database_down shop", 1);
    server.restart().expect("a restart");
    house.expect_quiet();
    assert_eq!(told(&receiver), ["firing database_down shop", "resolved database_down shop"]);
}
