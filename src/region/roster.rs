//! Who of a region's probes lives, and what to do about those that do not. Pure: the supervisor starts and stops, the roster decides.
//!
//! ```text
//!             spoke              silent past its limit, or its death watch fell
//!   ┌──────► Living ───────────────────────────────┐
//!   │ started                                      ▼
//!   └─────── Waiting (backoff) ◄── within budget ──┴── budget used up ──► given up for a minute ──► Waiting
//! ```
//! A panic and a hang end the same way: a new incarnation, whose generation tells its mail from that of the one it replaced.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use rand::Rng;

use crate::{
    backoff::Backoff,
    model::{TargetId, reading::ProbeKind, report::RosterState},
};

/// Restarts of one probe within [`WINDOW`] that are taken for accidents; more are a fault that restarting does not mend.
const BUDGET: usize = 5;
const WINDOW: Duration = Duration::from_mins(1);
/// After the budget is used up, one more try in this time.
const GIVE_UP_FOR: Duration = Duration::from_mins(1);
/// The first restart is soon, since most panics are of one reading.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));

/// One probe of one target.
pub type ProbeId = (TargetId, ProbeKind);

/// A probe to be started.
#[derive(Debug, PartialEq, Eq)]
pub struct Start {
    /// Which.
    pub probe: ProbeId,
    /// The incarnation to start.
    pub generation: u64,
    /// Whether its predecessor hung, so that its thread may be blocked.
    pub elsewhere: bool,
}

#[derive(Debug)]
struct Entry {
    generation: u64,
    state: State,
    backoff: Backoff,
    restarts: VecDeque<Instant>,
    hung: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Living { heard: Instant },
    Waiting { until: Instant, given_up: bool },
}

/// All probes of a region.
#[derive(Debug, Default)]
pub struct Roster {
    probes: BTreeMap<ProbeId, Entry>,
    generation: u64,
    panics: u64,
    hangs: u64,
}

impl Roster {
    /// Adds a probe, to be started with the next [`due`](Self::due).
    pub fn add(&mut self, probe: ProbeId, now: Instant) {
        let state = State::Waiting { until: now, given_up: false };
        self.probes.insert(probe, Entry { generation: 0, state, backoff: BACKOFF, restarts: VecDeque::new(), hung: false });
    }

    /// Forgets all probes of a target.
    pub fn remove(&mut self, target: &TargetId) {
        self.probes.retain(|(id, _), _| id != target);
    }

    /// Takes a sign of life; false when it is from an incarnation that was replaced.
    pub fn heard(&mut self, probe: &ProbeId, generation: u64, now: Instant) -> bool {
        let Some(entry) = self.probes.get_mut(probe).filter(|entry| entry.generation == generation) else { return false };
        let State::Living { heard } = &mut entry.state else { return false };
        *heard = now;
        // Alive for a while: the next accident is a new one.
        if entry.restarts.back().is_none_or(|last| now.saturating_duration_since(*last) > WINDOW) {
            entry.backoff.reset();
        }
        true
    }

    /// Takes the death of an incarnation; one that was replaced or removed is of no interest.
    pub fn died(&mut self, probe: &ProbeId, generation: u64, panicked: bool, now: Instant, rng: &mut impl Rng) {
        let Some(entry) = self.probes.get_mut(probe).filter(|entry| entry.generation == generation) else { return };
        if matches!(entry.state, State::Living { .. }) {
            self.panics += u64::from(panicked);
            entry.hung = false;
            entry.fail(now, rng);
        }
    }

    /// Those that have been silent for longer than `limit`; each is counted as hung and is to be stopped.
    pub fn silent(&mut self, now: Instant, limit: impl Fn(&ProbeId) -> Duration, rng: &mut impl Rng) -> Vec<ProbeId> {
        let mut silent = Vec::new();
        for (probe, entry) in &mut self.probes {
            if let State::Living { heard } = entry.state
                && now.saturating_duration_since(heard) > limit(probe)
            {
                self.hangs += 1;
                entry.hung = true;
                entry.fail(now, rng);
                silent.push(probe.clone());
            }
        }
        silent
    }

    /// Those to be started now.
    pub fn due(&mut self, now: Instant) -> Vec<Start> {
        let mut due = Vec::new();
        for (probe, entry) in &mut self.probes {
            if let State::Waiting { until, .. } = entry.state
                && now >= until
            {
                self.generation += 1;
                entry.generation = self.generation;
                entry.state = State::Living { heard: now };
                due.push(Start { probe: probe.clone(), generation: entry.generation, elsewhere: entry.hung });
            }
        }
        due
    }

    /// How the probes are.
    pub fn state(&self) -> RosterState {
        let waiting = |entry: &&Entry| matches!(entry.state, State::Waiting { .. });
        let given_up = |entry: &&Entry| matches!(entry.state, State::Waiting { given_up: true, .. });
        RosterState {
            probes: self.probes.len() as u32,
            silent: self.probes.values().filter(waiting).count() as u32,
            given_up: self.probes.values().filter(given_up).count() as u32,
            panics: self.panics,
            hangs: self.hangs,
            ..RosterState::default()
        }
    }
}

impl Entry {
    fn fail(&mut self, now: Instant, rng: &mut impl Rng) {
        while self.restarts.front().is_some_and(|first| now.saturating_duration_since(*first) > WINDOW) {
            self.restarts.pop_front();
        }
        self.restarts.push_back(now);
        let given_up = self.restarts.len() > BUDGET;
        let wait = if given_up { GIVE_UP_FOR } else { self.backoff.next(rng) };
        self.state = State::Waiting { until: now + wait, given_up };
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(3);

    struct Script {
        roster: Roster,
        start: Instant,
        rng: SmallRng,
    }

    impl Script {
        fn new() -> Self {
            let mut script = Self { roster: Roster::default(), start: crate::clock::now(), rng: SmallRng::seed_from_u64(1) };
            script.roster.add(probe(), script.start);
            script
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        /// The generation that is started, when one is.
        fn due(&mut self, ms: u64) -> Option<Start> {
            let now = self.at(ms);
            self.roster.due(now).pop()
        }

        fn died(&mut self, generation: u64, ms: u64) {
            let now = self.at(ms);
            self.roster.died(&probe(), generation, true, now, &mut self.rng);
        }

        fn silent(&mut self, ms: u64) -> usize {
            let now = self.at(ms);
            self.roster.silent(now, |_| LIMIT, &mut self.rng).len()
        }
    }

    fn probe() -> ProbeId {
        (TargetId::new("r", "t"), ProbeKind::Pool)
    }

    #[test]
    fn a_panicked_probe_is_started_again_soon_and_the_mail_of_the_old_one_is_stale() {
        let mut script = Script::new();
        assert_eq!(script.due(0).map(|start| start.generation), Some(1));
        script.died(1, 10);
        assert_eq!(script.roster.state().silent, 1);
        let again = script.due(120).expect("started again");
        assert_eq!((again.generation, again.elsewhere), (2, false));
        let now = script.at(130);
        assert!(!script.roster.heard(&probe(), 1, now));
        assert!(script.roster.heard(&probe(), 2, now));
        assert_eq!((script.roster.state().panics, script.roster.state().hangs), (1, 0));
    }

    #[test]
    fn a_hung_probe_is_replaced_elsewhere_and_its_late_death_does_not_count() {
        let mut script = Script::new();
        script.due(0);
        assert_eq!(script.silent(3_000), 0, "at the limit it is not yet silent");
        assert_eq!(script.silent(3_001), 1);
        assert!(script.due(3_200).expect("started again").elsewhere);
        script.died(1, 3_300);
        assert_eq!((script.roster.state().panics, script.roster.state().hangs, script.roster.state().silent), (0, 1, 0));
    }

    #[test]
    fn one_that_dies_again_and_again_is_given_up_for_a_minute() {
        let mut script = Script::new();
        let (mut ms, mut starts) = (0, 0);
        while script.roster.state().given_up == 0 {
            if let Some(start) = script.due(ms) {
                starts += 1;
                script.died(start.generation, ms);
            }
            ms += 100;
        }
        assert_eq!(starts, BUDGET + 1);
        assert!(script.due(ms + 50_000).is_none());
        assert!(script.due(ms + 61_000).is_some(), "tried once more after a minute");
    }

    #[test]
    fn a_removed_target_has_no_probes_and_no_interest_in_their_deaths() {
        let mut script = Script::new();
        script.due(0);
        script.roster.remove(&TargetId::new("r", "t"));
        script.died(1, 10);
        assert!(script.due(1_000).is_none());
        assert_eq!(script.roster.state(), RosterState::default());
    }
}
