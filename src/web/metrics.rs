//! What a scraper reads: the names of postgres_exporter and pgbouncer_exporter as far as their signals are known here, so that
//! dashboards and rules go on working, and `isobar_*` for what only Isobar knows and for Isobar itself. All from the world as it
//! stands: a scrape asks no database anything. Every series of a target carries `region` and `target`, unless the scraper wants the
//! exporters' names with the exporters' labels. A value that is not known has no series.

mod alerts;
mod applications;
mod bus;
mod errors;
mod exposition;
mod host;
mod own;
mod past;
mod pgbouncer;
mod postgres;
mod pushes;
mod replication;
mod subject;
mod upkeep;
mod uploads;

pub(super) use exposition::Format;
use exposition::{Exposition, Kind, Labels};
pub(super) use subject::Style;

use std::{sync::Arc, time::Instant};

use super::process::Process;
use crate::model::{
    Timestamp,
    alert::AlertBook,
    cluster::BusState,
    history::Keeping,
    uploads::Uploads,
    world::{Pushes, Target, World},
};

/// What is to be said of this process.
pub(super) struct Own {
    /// The node's name.
    pub node: String,
    /// Isobar's version.
    pub version: &'static str,
    /// When the node started.
    pub started: Timestamp,
    /// Readers of the stream now.
    pub subscribers: usize,
    /// What it takes from its machine, where that is known.
    pub process: Option<Process>,
    /// The bus as it sees it; none without one.
    pub bus: Option<Arc<BusState>>,
    /// Points about applications' pools that were taken, and that were not.
    pub points: [u64; 2],
    /// How pushing figures to a collector goes.
    pub pushes: Arc<Pushes>,
    /// How keeping the past goes.
    pub keeping: Arc<Keeping>,
    /// How sending rows to Tinybird goes.
    pub uploads: Arc<Uploads>,
    /// The moment of the scrape.
    pub now: Instant,
}

/// The whole page.
pub(super) fn render(world: &World, book: &AlertBook, own: &Own, format: Format, style: Style) -> String {
    written(world, book, own, format, style).finish()
}

fn written(world: &World, book: &AlertBook, own: &Own, format: Format, style: Style) -> Exposition {
    let mut page = Page { text: Exposition::new(format), targets: named(world), style };
    postgres::families(&mut page);
    replication::families(&mut page);
    upkeep::families(&mut page);
    host::families(&mut page);
    pgbouncer::families(&mut page);
    errors::families(&mut page);
    alerts::families(&mut page.text, book);
    applications::families(&mut page, own.points);
    own::families(&mut page, world, own);
    pushes::families(&mut page.text, &own.pushes);
    past::families(&mut page.text, &own.keeping);
    uploads::families(&mut page.text, &own.uploads);
    if let Some(state) = &own.bus {
        bus::families(&mut page.text, state, own.now);
    }
    page.text
}

struct Named<'a> {
    region: &'a str,
    target: &'a str,
    state: &'a Target,
}

fn named(world: &World) -> Vec<Named<'_>> {
    let regions = world.regions.iter();
    let all = regions.flat_map(|(region, state)| state.targets.iter().map(move |(target, state)| (region, target, state)));
    all.map(|(region, target, state)| Named { region: region.as_str(), target: target.as_str(), state }).collect()
}

/// The page being written, and the targets it is about.
struct Page<'a> {
    text: Exposition,
    targets: Vec<Named<'a>>,
    style: Style,
}

impl<'a> Page<'a> {
    /// A family with one value per target.
    fn each(&mut self, name: &'static str, kind: Kind, help: &'static str, value: impl Fn(&Target) -> Option<f64>) {
        self.many(name, kind, help, |target, sample| {
            if let Some(value) = value(target) {
                sample(&[], value);
            }
        });
    }

    /// A family with any number of series per target; their labels come behind the target's own.
    fn many(
        &mut self,
        name: &'static str,
        kind: Kind,
        help: &'static str,
        series: impl Fn(&'a Target, &mut dyn FnMut(Labels, f64)),
    ) {
        if self.style == Style::Exporter && subject::is_of_server(name) {
            return self.of_servers(name, kind, help, series);
        }
        let mut family = self.text.family(name, kind, help);
        for Named { region, target, state } in &self.targets {
            series(state, &mut |more, value| {
                let own = [("region", *region), ("target", *target)];
                family.sample(&[&own, more].concat(), value);
            });
        }
    }
}

/// Milliseconds, as the model has them, in the base unit.
fn seconds(ms: f64) -> f64 {
    ms / 1_000.0
}

fn flag(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}

#[cfg(test)]
mod tests;
