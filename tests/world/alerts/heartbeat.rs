//! The dead man's switch is called while all is well, and not while Isobar itself is in trouble: here its disk takes nothing.

use std::process::Command;

use super::{House, QUICK, SOON, expect_told, hook, receiver, server, told};
use crate::{
    doubles::Heartbeat,
    support::{Node, node::BINARY, secs, until},
};

/// From now on no file may grow beyond this.
fn limit_files(node: &Node, bytes: &str) {
    let limited = Command::new("prlimit").args(["--pid", &node.pid().to_string(), &format!("--fsize={bytes}:")]).status();
    assert!(limited.expect("prlimit, of util-linux").success());
}

#[test]
fn people_are_told_although_the_disk_takes_nothing_and_the_heartbeat_stops_meanwhile() {
    let (pulse, receiver, server) = (Heartbeat::start(), receiver(), server(&["shop"]));
    let beat = format!("heartbeat_url = \"{}\"\nheartbeat_every = \"10s\"\n", pulse.url());
    let global = [QUICK, &beat, &hook("hook", &receiver)].concat();
    let house = House::with(&global, &[("shop", &server.url("shop"), "")], |dir| {
        // A full disk is an error and no signal.
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh", BINARY, "run", "--listen", "127.0.0.1:0", "--config"]).arg(dir);
        Node::launch(command)
    });
    pulse.expect(1, secs(15));
    limit_files(house.node(), "0");
    server.kill();
    expect_told(&receiver, "firing database_down shop", 1);
    let logged = |text: &str| if house.node().log().contains(text) { Ok(()) } else { Err(house.node().log()) };
    until("that is told", SOON, || logged("alerts are delivered, but not kept on disk"));
    until("the heartbeat is held back", secs(15), || logged("the heartbeat is held back"));
    assert_eq!(pulse.beats().len(), 1);
    let ready = house.node().get("/readyz").text().expect("text");
    assert!(ready.contains("alerts: not kept on disk"), "{ready}");

    limit_files(house.node(), "unlimited");
    until("the disk takes it again", SOON, || logged("alerts are kept on disk again"));
    server.restart().expect("a restart");
    house.expect_quiet();
    pulse.expect(2, secs(15));
    until("the heartbeat goes on", SOON, || logged("the heartbeat goes on"));
    assert_eq!(told(&receiver), ["firing database_down shop", "resolved database_down shop"]);
    house.assert_no_secret();
}
