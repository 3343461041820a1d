//! A wall clock that jumps by ten minutes, ahead and back: while all is well, with a step and a reminder due, and while it recovers.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use super::{World, about, files, shop, well};
use crate::{
    doubles::Receiver,
    support::{Node, node::BINARY, secs},
};

#[test]
fn a_clock_that_jumps_neither_fires_nor_resolves_nor_skips() {
    let library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
    if !Path::new(library).exists() {
        eprintln!("SKIP  | no libfaketime");
        return;
    }
    let (server, receiver, second) = (shop(), Receiver::start(None), Receiver::start(None));
    let more = format!(
        "[[channel]]\nname = \"second\"\nkind = \"webhook\"\nurl = \"{}\"\n\n[[escalation]]\nseverity = \"low\"\nremind_every = \"6s\"\n\
         steps = [{{ after = \"0s\", channels = [\"hook\"] }}, {{ after = \"3s\", channels = [\"second\"] }}]\n",
        second.url()
    );
    let (global, region) = files(&server, None, &receiver, &more);
    let config = tempfile::tempdir().expect("a folder");
    let shift = config.path().join("shift");
    for (path, text) in [("global.toml", &*global), ("local.toml", &region), ("shift", "+0")] {
        fs::write(config.path().join(path), text).expect("written");
    }
    let mut command = Command::new(BINARY);
    command.args(["run", "--listen", "127.0.0.1:0", "--config"]).arg(config.path());
    command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", &shift);
    command.envs([("FAKETIME_NO_CACHE", "1"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1"), ("DONT_FAKE_MONOTONIC", "1")]);
    let node = Node::launch(command);
    well(&node, false);
    let world = World { server, receiver, node, _config: config };
    let jump = |to: &str| fs::write(&shift, to).expect("written");

    for to in ["+600", "-600", "+0"] {
        jump(to);
        world.quiet_for(Duration::from_millis(1_500));
    }
    second.stays(0, Duration::ZERO);

    for (round, [fired, reminded, over]) in [["+600", "+0", "-600"], ["-1200", "-600", "+0"]].into_iter().enumerate() {
        let (hooked, seconded) = (3 * round, 3 * round);
        world.server.kill();
        world.receiver.expect(hooked + 1, secs(10));
        let told = Instant::now();
        jump(fired);
        second.expect(seconded + 1, secs(8));
        let late = told.elapsed();
        assert!(late > Duration::from_millis(2_500) && late < secs(6), "a step due after 3 s came after {late:?}");
        world.receiver.expect(hooked + 1, Duration::ZERO);
        jump(reminded);
        world.receiver.expect(hooked + 2, secs(12));
        second.expect(seconded + 2, secs(2));
        world.server.restart().expect("a restart");
        jump(over);
        world.receiver.expect(hooked + 3, secs(12));
        second.expect(seconded + 3, secs(5));
        well(&world.node, false);
    }
    let (first, second_told) = (about(&world.receiver.messages()), about(&second.messages()));
    let once = ["firing database_down", "reminder database_down", "resolved database_down"];
    assert_eq!(first, [once, once].concat());
    assert_eq!(second_told, [once, once].concat());
    world.receiver.stays(6, secs(2));
    second.stays(6, Duration::ZERO);
    assert!(!world.node.log().contains("panicked"));
}
