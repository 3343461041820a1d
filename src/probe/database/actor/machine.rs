//! The machine below, from its provider's page of metrics, which the project's other targets and poolers share.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix::Context;

use super::DatabaseProbe;
use crate::{
    clock,
    model::{reading::Body, sample::Missing},
    probe::{
        database::machine::host,
        scrape::office::{Office, Page},
    },
};

/// Who reads the page, and when.
pub(super) struct Machine {
    page: Arc<Office>,
    every: Duration,
    reading: bool,
    due: Instant,
}

impl Machine {
    pub(super) const fn new(page: Arc<Office>, every: Duration, due: Instant) -> Self {
        Self { page, every, reading: false, due }
    }
}

impl DatabaseProbe {
    pub(super) fn read_machine(&mut self, ctx: &mut Context<Self>, now: Instant) {
        let Some(machine) = self.machine.as_mut().filter(|machine| !machine.reading && now >= machine.due) else { return };
        (machine.reading, machine.due) = (true, now + machine.every);
        let newer_than = now.checked_sub(machine.every / 2).unwrap_or(now);
        let page = Arc::clone(&machine.page);
        self.voice.run(ctx, async move { page.read(newer_than).await }, |probe, page: Result<Page, Missing>, _| {
            if let Some(machine) = &mut probe.machine {
                machine.reading = false;
            }
            let host = page
                .map_err(|missing| Missing { field: "vitals.host".into(), ..missing })
                .and_then(|page| host(&page.figures, page.before.as_deref(), page.age));
            probe.voice.say(clock::now(), Body::Host(host.map(Arc::new)));
        });
    }
}
