//! What fails at one target, by cause: counters of the database and of the poolers, and Isobar's own clients that did not get in.
//!
//! ```text
//!  pg_stat_database ──► Sums ──┬──► window of the error rate ──┐
//!  poolers' counters ──► delta ┘                               ├──► vitals.errors
//!  client checks ──► (path, outcome), the newest of them ──────┘
//! ```
//! Rollbacks, sessions ended and the poolers' errors make the error rate; who did not get in is shown beside it, since nobody knows how
//! many clients of the application tried meanwhile.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use crate::{
    model::{
        Outcome,
        reading::{Attempt, Path},
        vitals::{ConnectionErrors, Errors, Failures},
    },
    probe::PoolerSettings,
    region::window::Sums,
};

/// A check comes twice a second at most while it fails, so this is more than a window of ten minutes holds of one path.
const MOST_ATTEMPTS: usize = 4_096;

/// Way in and end.
type Cause = (String, Outcome);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Failing {
    total: Sums,
    counted: bool,
    knows_sessions: bool,
    attempts: VecDeque<(Instant, Cause)>,
    total_attempts: BTreeMap<Cause, u64>,
    /// What each pooler had counted when it was last read.
    poolers: BTreeMap<usize, u64>,
}

impl Failing {
    /// What the database counted in an interval.
    pub(super) fn count(&mut self, sums: Sums, knows_sessions: bool) {
        self.total.add(sums);
        (self.counted, self.knows_sessions) = (true, knows_sessions);
    }

    /// A pooler's errors as they stand, and what is new of them. A count that went back began anew.
    pub(super) fn pooler(&mut self, index: usize, errors: Option<u64>) -> Sums {
        let Some(now) = errors else { return Sums::default() };
        let before = self.poolers.insert(index, now);
        let new = before.map_or(0, |before| now.checked_sub(before).unwrap_or(now));
        let sums = Sums { pooler: new, ..Sums::default() };
        self.total.add(sums);
        sums
    }

    /// An attempt ended. One on the resident session is no attempt to get in.
    pub(super) fn attempt(&mut self, at: Instant, attempt: &Attempt, poolers: &[PoolerSettings]) {
        let path = match attempt.path {
            _ if attempt.outcome == Outcome::Ok => return,
            Path::Resident => return,
            Path::Direct => "direct".to_owned(),
            Path::Pooler(index) => match poolers.get(index) {
                Some(pooler) => pooler.name(),
                None => return,
            },
        };
        let cause = (path, attempt.outcome);
        *self.total_attempts.entry(cause.clone()).or_default() += 1;
        if self.attempts.len() == MOST_ATTEMPTS {
            self.attempts.pop_front();
        }
        self.attempts.push_back((at, cause));
    }

    /// All of it; none before anything was counted or failed. `lately` is the window that the error rate is of.
    pub(super) fn errors(&mut self, now: Instant, window: Duration, lately: Option<Sums>) -> Option<Errors> {
        let left = |at: &Instant| now.saturating_duration_since(*at) >= window;
        while self.attempts.front().is_some_and(|(at, _)| left(at)) {
            self.attempts.pop_front();
        }
        if !self.counted && self.total_attempts.is_empty() && self.poolers.is_empty() {
            return None;
        }
        let mut recent: BTreeMap<&Cause, u64> = BTreeMap::new();
        for (_, cause) in &self.attempts {
            *recent.entry(cause).or_default() += 1;
        }
        let total = Some(self.total).filter(|_| self.counted || !self.poolers.is_empty());
        Some(Errors {
            lately: self.failures(lately, self.counted, recent),
            total: self.failures(total, self.counted, self.total_attempts.iter().map(|(cause, count)| (cause, *count)).collect()),
        })
    }

    fn failures(&self, sums: Option<Sums>, counted: bool, attempts: BTreeMap<&Cause, u64>) -> Failures {
        let told = |of: fn(Sums) -> u64| sums.filter(|_| counted).map(of);
        let sessions = |of: fn(Sums) -> u64| told(of).filter(|_| self.knows_sessions);
        let failed = |((path, outcome), count): (&Cause, u64)| ConnectionErrors { path: path.clone(), outcome: *outcome, count };
        Failures {
            transactions: told(|sums| sums.transactions),
            rollbacks: told(|sums| sums.rollbacks),
            deadlocks: told(|sums| sums.deadlocks),
            conflicts: told(|sums| sums.conflicts),
            sessions_killed: sessions(|sums| sums.killed),
            sessions_fatal: sessions(|sums| sums.fatal),
            sessions_abandoned: sessions(|sums| sums.abandoned),
            connections: attempts.into_iter().map(failed).collect(),
            pooler: sums.filter(|_| !self.poolers.is_empty()).map(|sums| sums.pooler),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock, model::Phases};

    fn failed(path: Path, outcome: Outcome) -> Attempt {
        Attempt { path, outcome, failed_phase: None, phases: Phases::default(), message: None }
    }

    #[test]
    fn nothing_is_told_before_anything_is_known() {
        assert_eq!(Failing::default().errors(clock::now(), Duration::from_secs(10), None), None);
    }

    #[test]
    fn who_did_not_get_in_is_counted_by_way_and_cause() {
        let (start, mut failing) = (clock::now(), Failing::default());
        let at = |seconds| start + Duration::from_secs(seconds);
        failing.attempt(at(0), &failed(Path::Direct, Outcome::TcpRefused), &[]);
        failing.attempt(at(5), &failed(Path::Direct, Outcome::AuthFailed), &[]);
        failing.attempt(at(6), &failed(Path::Direct, Outcome::AuthFailed), &[]);
        failing.attempt(at(7), &failed(Path::Direct, Outcome::Ok), &[]);
        failing.attempt(at(7), &failed(Path::Resident, Outcome::Lost), &[]);
        let errors = failing.errors(at(10), Duration::from_secs(10), None).unwrap();
        let told = |all: &[ConnectionErrors]| all.iter().map(|one| (one.outcome, one.count)).collect::<Vec<_>>();
        assert_eq!(told(&errors.lately.connections), [(Outcome::AuthFailed, 2)]);
        assert_eq!(told(&errors.total.connections), [(Outcome::TcpRefused, 1), (Outcome::AuthFailed, 2)]);
        assert_eq!((errors.lately.rollbacks, errors.lately.pooler), (None, None), "nothing is known of these");
    }

    #[test]
    fn a_poolers_errors_are_new_ones_only_and_a_count_that_went_back_began_anew() {
        let mut failing = Failing::default();
        let new: Vec<_> =
            [None, Some(900), Some(907), Some(907), Some(3), Some(4)].map(|errors| failing.pooler(0, errors).pooler).into();
        assert_eq!(new, [0, 0, 7, 0, 3, 1]);
        let errors = failing.errors(clock::now(), Duration::from_secs(10), None).unwrap();
        assert_eq!((errors.total.pooler, errors.total.rollbacks), (Some(11), None));
    }

    #[test]
    fn sessions_are_unknown_before_postgresql_14() {
        let sums = Sums { transactions: 9, rollbacks: 2, deadlocks: 1, killed: 1, ..Sums::default() };
        for (knows, killed) in [(true, Some(1)), (false, None)] {
            let mut failing = Failing::default();
            failing.count(sums, knows);
            let errors = failing.errors(clock::now(), Duration::from_secs(10), Some(sums)).unwrap();
            assert_eq!((errors.lately.deadlocks, errors.lately.sessions_killed), (Some(1), killed));
        }
    }
}
