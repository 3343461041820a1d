//! What nodes of the world are configured with.

use std::{fs, net::SocketAddrV4, path::Path};

use isobar::sandbox::password;

use super::world::{TARGETS, TOKEN};
use crate::doubles::{Receiver, Slack};

/// A webhook, which has keys, and Slack, which has none. Everybody is told of everything.
pub(super) fn channels(hook: &str, slack: &str) -> String {
    let (secret, token, signing) = (Receiver::SECRET, Slack::TOKEN, Slack::SIGNING_SECRET);
    format!(
        "[[channel]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{hook}\"\nsecret = \"{secret}\"\n\n\
         [[channel]]\nname = \"slack\"\nkind = \"slack\"\ntoken = \"{token}\"\nchannel = \"#ops\"\nsigning_secret = \"{signing}\"\n\
         api_url = \"{slack}\"\n\n"
    )
}

/// `global.toml`; incidents are over soon, however often they come, and a digest is never due.
pub(super) fn global(channels: &str, wire: u16) -> String {
    format!(
        "[web]\nviewer_token = \"viewer-token-of-the-test-world\"\noperator_token = \"{TOKEN}\"\n\n[bus]\nwire = {wire}\n\n\
         [alerts]\nresolve_after = \"4s\"\nflap_window = \"0s\"\ndigest_above = 1000\n\n{channels}"
    )
}

/// A region's file.
pub(super) fn region(name: &str, redis: &str, database: SocketAddrV4) -> String {
    let target = |target: &&str| {
        let url = format!("postgres://isobar:{}@{database}/{target}", password());
        format!("[[target]]\nname = \"{target}\"\nurl = \"{url}\"\n\n")
    };
    let targets: String = TARGETS.iter().map(target).collect();
    format!("region = \"{name}\"\n\n[bus]\nredis = \"{redis}\"\n\n{targets}")
}

pub(super) fn write(folder: &Path, name: &str, text: &str) {
    fs::create_dir_all(folder).expect("a folder");
    fs::write(folder.join(name), text).expect("a file");
}
