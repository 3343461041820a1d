//! A running node and its stream, as the world tests have them.

#![allow(dead_code)] // the tests use more of them

#[path = "../tests/world/support/browser.rs"]
mod browser;
#[path = "../tests/world/support/client.rs"]
mod client;
#[path = "../tests/world/support/node.rs"]
mod node;
#[path = "../tests/world/support/stream.rs"]
mod stream;
#[path = "../tests/world/support/wait.rs"]
mod wait;

pub(crate) use browser::Browser;
pub(crate) use client::client;
pub(crate) use node::Node;
pub(crate) use stream::Stream;
pub(crate) use wait::{secs, until};

use std::time::Duration;

/// Lets so much time pass.
pub(crate) fn pass(time: Duration) {
    std::thread::sleep(time);
}

/// A region's file: `local` with these targets, name and URL each, and what else belongs to one.
pub(crate) fn region(targets: impl IntoIterator<Item = (String, String)>) -> String {
    let target = |(name, url)| format!("\n[[target]]\nname = \"{name}\"\nurl = \"{url}\"\n");
    targets.into_iter().map(target).fold("region = \"local\"\n".to_owned(), |text, target| text + &target)
}
