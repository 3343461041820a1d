//! The dead man's switch is called while all is well, and not while Isobar cannot see.

use super::{House, QUICK, SOON, server};
use crate::{
    doubles::Heartbeat,
    support::{secs, until},
};

#[test]
fn the_heartbeat_stops_while_a_region_is_blind() {
    let (pulse, server) = (Heartbeat::start(), server(&["shop"]));
    let sees = format!("{QUICK}heartbeat_url = \"{}\"\nheartbeat_every = \"10s\"\n", pulse.url());
    let house = House::open(&sees, &[("shop", &server.url("shop"), "")]);
    pulse.expect(1, secs(15));
    // It looks once a minute, and is called blind after a second.
    house.rewrite(&format!("{sees}[sampling]\nfast = \"1m\"\n[thresholds]\nregion_blind_after = \"1s\"\n"));
    until("the heartbeat is held back", secs(20), || {
        let log = house.node().log();
        if log.contains("the heartbeat is held back") { Ok(()) } else { Err(house.node().json("/api/regions").to_string()) }
    });
    assert_eq!(pulse.beats().len(), 1);
    house.rewrite(&sees);
    house.expect_healthy();
    pulse.expect(2, secs(15));
    until("it goes on", SOON, || {
        let log = house.node().log();
        if log.contains("the heartbeat goes on") { Ok(()) } else { Err("not yet".into()) }
    });
    house.assert_no_secret();
}
