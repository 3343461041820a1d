//! What looking at the past of every target takes, by processor time: a first round, in which all is learned, and one as most are.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use isobar::{
    advise::analyst::{Analyst, Settings},
    clock,
    history::store::Store,
    model::{RegionName, Report, TargetName, Timestamp, world::Target},
};

use crate::{meter::thread, report::percentile};

/// Publishing is shorter than the scheduler's books are exact, so it is done so often.
const PUBLISHED: u32 = 200;

/// A round of looks, one at each target.
pub(super) struct Round {
    /// How long each look took, by the clock.
    looks: Vec<Duration>,
    /// Processor time of all of them.
    work: Duration,
    /// How long the round takes, with the pauses between looks.
    pub(super) takes: Duration,
}

impl Round {
    fn of(analyst: &mut Analyst, targets: &[Target], store: &Store, now: Instant, wall: Timestamp) -> Self {
        let mut round = Self { looks: Vec::with_capacity(targets.len()), work: Duration::ZERO, takes: Duration::ZERO };
        let before = thread();
        for target in targets {
            let began = Instant::now();
            analyst.look(target, store, now, wall).expect("a look");
            let spent = began.elapsed();
            round.looks.push(spent);
            round.takes += spent + Settings::default().pause(spent);
        }
        round.work = thread().saturating_sub(before);
        round
    }

    /// Processor time of a look.
    pub(super) fn mean(&self) -> Duration {
        self.work / u32::try_from(self.looks.len()).unwrap_or(1)
    }

    pub(super) fn p95(&self) -> Duration {
        percentile(&self.looks, 95)
    }

    /// Of one core, over the time that it takes.
    pub(super) fn share(&self) -> f64 {
        self.work.as_secs_f64() / self.takes.as_secs_f64()
    }
}

/// The first round, a later one, and what publishing all that was found takes.
pub(super) fn rounds(store: &Store, names: &[(RegionName, TargetName)], end: Timestamp) -> (Round, Round, Duration) {
    let targets: Vec<Target> = names.iter().map(target).collect();
    let (mut analyst, now) = (Analyst::new(Settings::default()), clock::now());
    let first = Round::of(&mut analyst, &targets, store, now, end);
    // Statements are read again, and weeks are not.
    let later = Round::of(&mut analyst, &targets, store, now + Duration::from_mins(6), end);
    let before = thread();
    for _ in 0..PUBLISHED {
        assert_eq!(analyst.insights().targets.len(), names.len());
    }
    (first, later, thread().saturating_sub(before) / PUBLISHED)
}

fn target((region, name): &(RegionName, TargetName)) -> Target {
    let text = include_str!("../../tests/golden/web/report.json");
    let mut report: Report = serde_json::from_str(text).expect("a report");
    let sample = Arc::make_mut(&mut report.sample);
    (sample.region, sample.target) = (region.clone(), name.clone());
    Target::of(report, "n1".into(), clock::now())
}
