//! When upkeep is read: the server's part on the upkeep interval, shared with the server's other targets; what is inside the database
//! [`SURVEYS`] times as rarely. The governor slows both alike.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix::Context;

use super::{DatabaseProbe, SIZE_RETRY};
use crate::{
    clock,
    model::{reading::Body, sample::Missing, vitals::Tables},
    probe::governor::Lane,
};

/// Upkeep intervals between two looks into the database: ten minutes as configured. Dead rows, sequences and indexes change by the hour.
const SURVEYS: u32 = 20;
/// The faster lanes have their first figures before these are asked for.
const FIRST: Duration = Duration::from_secs(1);
/// After a look that had to wait for a client check.
const AGAIN: Duration = Duration::from_secs(1);

/// What is due when, and what was found inside the database.
#[derive(Debug)]
pub(super) struct Schedule {
    reading: bool,
    due: Instant,
    surveying: bool,
    survey_due: Instant,
    survey: Option<Result<(Tables, Vec<Missing>), Missing>>,
}

impl Schedule {
    pub(super) fn new(now: Instant) -> Self {
        Self { reading: false, due: now + FIRST, surveying: false, survey_due: now + FIRST * 2, survey: None }
    }
}

impl DatabaseProbe {
    pub(super) fn read_upkeep(&mut self, ctx: &mut Context<Self>, now: Instant) {
        if self.upkeep.reading || now < self.upkeep.due {
            return;
        }
        self.upkeep.reading = true;
        let server = Arc::clone(&self.voice.server);
        let newer_than = now.checked_sub(server.interval(Lane::Upkeep) / 2).unwrap_or(now);
        let work = async move { server.slow().await.upkeep(&server, newer_than).await };
        self.voice.run(ctx, work, |probe, read, _| {
            let now = clock::now();
            let server = &probe.voice.server;
            probe.upkeep.reading = false;
            probe.upkeep.due = now + if server.reads_slowly() { server.interval(Lane::Upkeep) } else { SIZE_RETRY };
            let (at, read) = match read {
                Ok((at, shared)) => {
                    let (tables, missing) = match &probe.upkeep.survey {
                        None => (None, Vec::new()),
                        Some(Ok((tables, missing))) => (Some(tables.clone()), missing.clone()),
                        Some(Err(missing)) => (None, vec![missing.clone()]),
                    };
                    let mut upkeep = shared.view(&probe.target.url.dbname, tables);
                    upkeep.missing.extend(missing);
                    (at, Ok(Arc::new(upkeep)))
                }
                Err(missing) => (now, Err(missing)),
            };
            probe.voice.say(at, Body::Upkeep(read));
        });
    }

    pub(super) fn look_around(&mut self, ctx: &mut Context<Self>, now: Instant) {
        if self.upkeep.surveying || now < self.upkeep.survey_due {
            return;
        }
        self.upkeep.surveying = true;
        let server = Arc::clone(&self.voice.server);
        let url = self.target.url.clone();
        let work = async move { server.survey(&url).await };
        self.voice.run(ctx, work, |probe, survey, _| {
            let now = clock::now();
            probe.upkeep.surveying = false;
            let Some(survey) = survey else {
                probe.upkeep.survey_due = now + AGAIN;
                return;
            };
            let interval = probe.voice.server.interval(Lane::Upkeep);
            // One that did not get in is due with the next reading.
            probe.upkeep.survey_due = now + if survey.is_ok() { interval * SURVEYS } else { interval };
            probe.upkeep.survey = Some(survey);
            probe.upkeep.due = now;
        });
    }
}
