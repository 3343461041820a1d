//! What a series under an exporter's name is about. Isobar's own answer is a target: `region` and `target`. An exporter knows no targets:
//! each stands beside one server or one pooler, which Prometheus names by its `instance`; so whoever wants dashboards made for the exporters
//! to work unchanged asks for their labels, `?labels=exporter`, and keeps what the page says (`honor_labels: true`).
//!
//! Then several targets may be about one thing: databases of a server share its slots, and targets a pooler. Their series become one,
//! or every division by `pg_settings_max_connections` would find two partners. Where they differ (one was measured later, or cannot
//! get in) the counters and limits have the largest value, and what tells that all is well has the smallest.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Kind, Labels, Named, Page};
use crate::model::world::Target;

/// Whose labels the series under the exporters' names carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::web) enum Style {
    /// `region` and `target`; a pooler's also `pooler`.
    #[default]
    Isobar,
    /// `region`, and `instance` (of a server `server` too): `host:port`.
    Exporter,
}

/// What is 1 when all is well.
const WELL: [&str; 3] = ["pg_up", "pg_scrape_collector_success", "pgbouncer_up"];

/// Whether a family is one of postgres_exporter's: by its name, so that a new one cannot be forgotten.
pub(super) fn is_of_server(name: &str) -> bool {
    name.starts_with("pg_")
}

type Labelled = Vec<(&'static str, String)>;

/// The series of things that targets may share.
struct Merged {
    keep: fn(f64, f64) -> f64,
    order: Vec<Labelled>,
    values: BTreeMap<Labelled, f64>,
}

impl Merged {
    fn of(name: &str) -> Self {
        let keep = if WELL.contains(&name) { f64::min } else { f64::max };
        Self { keep, order: Vec::new(), values: BTreeMap::new() }
    }

    fn add(&mut self, labels: Labels, value: f64) {
        let labels: Labelled = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        if let Some(known) = self.values.get_mut(&labels) {
            *known = (self.keep)(*known, value);
        } else {
            self.order.push(labels.clone());
            self.values.insert(labels, value);
        }
    }
}

impl<'a> Page<'a> {
    /// A family about servers, under the exporter's labels.
    pub(super) fn of_servers(
        &mut self,
        name: &'static str,
        kind: Kind,
        help: &'static str,
        series: impl Fn(&'a Target, &mut dyn FnMut(Labels, f64)),
    ) {
        self.merged(name, kind, help, |Named { region, state, .. }, add| {
            let server = &*state.report.server;
            let own = [("region", *region), ("server", server), ("instance", server)];
            series(state, &mut |more, value| add(&[&own, more].concat(), value));
        });
    }

    /// A family about poolers: the series say first which one they are about.
    pub(super) fn poolers(
        &mut self,
        name: &'static str,
        kind: Kind,
        help: &'static str,
        series: impl Fn(&'a Target, &mut dyn FnMut(&str, Labels, f64)),
    ) {
        match self.style {
            Style::Isobar => self.many(name, kind, help, |target, sample| {
                series(target, &mut |pooler, more, value| sample(&[&[("pooler", pooler)], more].concat(), value));
            }),
            Style::Exporter => self.merged(name, kind, help, |Named { region, state, .. }, add| {
                series(state, &mut |pooler, more, value| {
                    add(&[&[("region", *region), ("instance", pooler)], more].concat(), value);
                });
            }),
        }
    }

    fn merged(
        &mut self,
        name: &'static str,
        kind: Kind,
        help: &'static str,
        series: impl Fn(&Named<'a>, &mut dyn FnMut(Labels, f64)),
    ) {
        let mut merged = Merged::of(name);
        for named in &self.targets {
            series(named, &mut |labels, value| merged.add(labels, value));
        }
        let mut family = self.text.family(name, kind, help);
        for labels in &merged.order {
            let borrowed: Vec<_> = labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
            family.sample(&borrowed, merged.values[labels]);
        }
    }
}
