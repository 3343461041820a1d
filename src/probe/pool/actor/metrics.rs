//! A pooler whose pools stand on a page of metrics. What clients meet is told by the client checks alone: the page is old when it comes, and
//! one that cannot be read says nothing of the pooler.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix::Context;

use super::{PoolProbe, nothing};
use crate::{
    clock,
    model::{
        Outcome,
        reading::{Body, PoolerReading},
        sample::{Missing, Pooler},
    },
    probe::{
        PoolerSettings, Sampling,
        pool::{
            pgbouncer::Leading,
            supabase,
            supavisor::{self, Wanted},
        },
        scrape::{
            Kind,
            office::{Office, Page},
        },
    },
};

/// Who reads a pooler's page, and when.
pub struct Metrics {
    kind: Kind,
    tenant: Option<String>,
    office: Arc<Office>,
    every: Duration,
    reading: bool,
    due: Instant,
}

impl Metrics {
    /// The page of that pooler, if it has one.
    pub fn of(
        settings: &PoolerSettings,
        sampling: &Sampling,
        office: impl Fn(&crate::probe::scrape::Source) -> Arc<Office>,
    ) -> Option<Self> {
        let source = settings.metrics.as_ref()?;
        Some(Self {
            kind: source.kind,
            tenant: source.tenant.clone(),
            office: office(source),
            every: source.every(sampling),
            reading: false,
            due: clock::now(),
        })
    }

    /// What the page says of one database.
    fn leading(&self, page: &Page, settings: &PoolerSettings, dbname: &str) -> Leading {
        let database = settings.client.as_ref().map_or(dbname, |client| &client.dbname);
        // Clients log in as `user.tenant`.
        let suffix = settings.client.as_ref().and_then(|client| client.user.rsplit_once('.')).map_or("", |(_, tenant)| tenant);
        let tenant = self.tenant.as_deref().or(Some(suffix).filter(|suffix| !suffix.is_empty() && self.kind == Kind::Supavisor));
        let wanted = Wanted { tenant, database, suffix };
        let read = match self.kind {
            Kind::Supabase => supabase::leading,
            Kind::Supavisor => supavisor::leading,
        };
        read(&page.figures, page.before.as_deref(), &settings.name(), wanted)
    }
}

impl PoolProbe {
    pub(super) fn read_metrics(&mut self, ctx: &mut Context<Self>, index: usize, now: Instant) {
        let Some(metrics) = self.poolers[index].metrics.as_mut().filter(|metrics| !metrics.reading && now >= metrics.due) else {
            return;
        };
        (metrics.reading, metrics.due) = (true, now + metrics.every);
        // Targets of one page that started one after the other share a question.
        let newer_than = now.checked_sub(metrics.every / 2).unwrap_or(now);
        let office = Arc::clone(&metrics.office);
        self.voice.run(ctx, async move { office.read(newer_than).await }, move |probe, page, _| {
            if let Some(metrics) = &mut probe.poolers[index].metrics {
                metrics.reading = false;
            }
            probe.metrics_read(index, page);
        });
    }

    fn metrics_read(&self, index: usize, page: Result<Page, Missing>) {
        let watch = &self.poolers[index];
        let Some(metrics) = &watch.metrics else { return };
        let (settings, name) = (&watch.settings, watch.settings.name());
        let known = page.is_ok();
        let (leading, message) = match page {
            Ok(page) => (metrics.leading(&page, settings, &self.target.url.dbname), page.unwell),
            Err(missing) => {
                let missing = vec![Missing { field: "connectionPool".into(), ..missing }];
                (Leading { missing, ..nothing(name.clone()) }, None)
            }
        };
        let outcome = known.then_some(if leading.paused { Outcome::PoolerPaused } else { Outcome::Ok });
        let Leading { pools, detail, errors, missing, .. } = leading;
        let up = outcome.map(|outcome| outcome == Outcome::Ok);
        let pooler = Pooler { kind: settings.kind, name, up, outcome, pools };
        let detail = Arc::new(detail);
        self.voice.say(clock::now(), Body::Pooler(PoolerReading { index, pooler, message, detail, errors, missing, known }));
    }
}
