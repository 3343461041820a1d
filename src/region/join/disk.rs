//! How the disk below fills, by what this node saw of it: a line through all of it, and one through the last minutes.

use std::time::{Duration, Instant};

use crate::{
    model::vitals::Host,
    probe::database::size::{Growth, Pace},
};

/// A sudden fill moves the line once it is a third of this. Of a page that comes each five minutes there are five in it, which is enough.
const LATELY: Duration = Duration::from_mins(20);

/// See the module.
#[derive(Debug)]
pub(super) struct Disk {
    all: Growth,
    lately: Growth,
    paces: Paces,
}

/// None before ten minutes.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Paces {
    /// Since the start, up to three days.
    pub(super) usual: Option<Pace>,
    /// In the last minutes.
    pub(super) lately: Option<Pace>,
}

impl Default for Disk {
    fn default() -> Self {
        Self { all: Growth::default(), lately: Growth::over(LATELY), paces: Paces::default() }
    }
}

impl Disk {
    /// Takes what is on it now.
    pub(super) fn take(&mut self, at: Instant, host: &Host) {
        let Some((free, size)) = host.disk_free_bytes.zip(host.disk_size_bytes) else { return };
        let used = size.saturating_sub(free);
        self.all.add(at, used);
        self.lately.add(at, used);
        self.paces = Paces { usual: self.all.pace(), lately: self.lately.pace() };
    }

    pub(super) const fn paces(&self) -> Paces {
        self.paces
    }
}
