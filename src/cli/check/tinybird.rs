//! Tinybird's part of `isobar check`: whether rows would be taken. It asks with a request that has none.

use std::fmt::Write as _;

use serde::Serialize;

use super::mark;
use crate::{
    clock,
    export::tinybird::{Settings, events::Events},
    probe::preflight::Level,
};

/// What was found.
#[derive(Debug, Serialize)]
pub(super) struct Tinybird {
    pub(super) status: Level,
    detail: String,
}

/// Asks, when there is somebody to ask.
pub(super) async fn check(settings: Option<Settings>) -> Option<Tinybird> {
    let settings = settings?;
    let found = match Events::new(&settings) {
        Ok(events) => events.knock(clock::wall()).await,
        Err(why) => Err(why),
    };
    Some(match found {
        Ok(()) => Tinybird { status: Level::Good, detail: format!("may append to {}; no row was sent", settings.datasource) },
        Err(why) => Tinybird { status: Level::Broken, detail: why },
    })
}

/// For people.
pub(super) fn report(found: Option<&Tinybird>, text: &mut String) {
    if let Some(found) = found {
        let _ = writeln!(text, "tinybird\n  {} token: {}", mark(found.status), found.detail);
    }
}
