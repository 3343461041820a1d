//! What the attempts to get in have shown: which of them failed in a row, and what the run amounts to.
//!
//! `up` is two facts, an answer on the resident session and a fresh client that gets in, so there is a run for each way in.
//! A single failure is a blip; a run of enough failures is a [`Verdict`]. A verdict changes its class only when as many
//! attempts in a row say so, so that a restart (refused, starting up, in) is one incident and not three.
//!
//! ```text
//!  direct:    + + - - - s s s + +       - refused, s starting up
//!  verdict:         D D D D R           two of a kind each
//! ```

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::model::{
    Outcome, Timestamp,
    reading::{Attempt, Path},
};

/// What a run of failed attempts amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is there: `database_down`.
    Down,
    /// Something is there but does not answer: `database_unresponsive`.
    Unresponsive,
    /// It answers, and refuses: `database_rejecting`.
    Rejecting,
}

impl Verdict {
    const fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::TcpRefused | Outcome::TcpTimeout | Outcome::Lost | Outcome::DnsFailed => Self::Down,
            Outcome::Unresponsive | Outcome::QueryTimeout => Self::Unresponsive,
            _ => Self::Rejecting,
        }
    }
}

/// The attempts on one way in, since its last success.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// When each of the newest failures was, oldest first; bounded, since a server may be down for a year.
    recent: VecDeque<(Instant, Outcome)>,
    /// Failures since the last success.
    pub failed: u32,
    /// When the first of them was.
    pub since: Option<Timestamp>,
    /// The newest attempt, whichever way it ended.
    pub last: Option<Tried>,
}

/// An attempt and when it was.
#[derive(Debug, Clone)]
pub struct Tried {
    /// How it ended.
    pub attempt: Attempt,
    /// When, for judging.
    pub at: Instant,
    /// When, for people.
    pub wall: Timestamp,
}

impl Run {
    /// `failed_attempts` goes no higher, so no more failures need be remembered.
    const REMEMBERED: usize = 20;

    fn note(&mut self, tried: Tried) {
        if tried.attempt.outcome == Outcome::Ok {
            self.forgive();
        } else {
            self.failed = self.failed.saturating_add(1);
            self.since.get_or_insert(tried.wall);
            if self.recent.len() == Self::REMEMBERED {
                self.recent.pop_front();
            }
            self.recent.push_back((tried.at, tried.attempt.outcome));
        }
        self.last = Some(tried);
    }

    fn forgive(&mut self) {
        self.recent.clear();
        self.failed = 0;
        self.since = None;
    }

    /// Whether the newest attempt failed.
    pub fn failing(&self) -> bool {
        self.failed > 0
    }

    /// The newest attempt, when it failed.
    pub fn failure(&self) -> Option<&Tried> {
        self.last.as_ref().filter(|_| self.failing())
    }

    /// From the first of the failures that are remembered to the newest.
    pub fn lasts(&self) -> Duration {
        self.recent
            .front()
            .zip(self.recent.back())
            .map_or(Duration::ZERO, |(first, newest)| newest.0.saturating_duration_since(first.0))
    }

    /// When the run of the newest `needed` failures began.
    fn began(&self, needed: usize) -> Option<Instant> {
        Some(self.recent[self.recent.len().checked_sub(needed)?].0)
    }

    fn verdict(&self, needed: usize) -> Option<Verdict> {
        let classes: Vec<_> = self.recent.iter().map(|(_, outcome)| Verdict::of(*outcome)).collect();
        let mut windows = classes.windows(needed.max(1));
        let first = windows.next()?.last().copied();
        windows.fold(first, |held, run| if run.iter().all(|class| *class == run[0]) { Some(run[0]) } else { held })
    }
}

/// All ways into one target.
#[derive(Debug, Clone, Default)]
pub struct Attempts {
    /// Fresh clients, straight to the server.
    pub direct: Run,
    /// The resident session's unanswered queries. A lost session is no attempt: the fresh one that follows tells.
    pub resident: Run,
    /// Fresh clients through each pooler.
    pub poolers: Vec<Run>,
    /// When the resident session last showed something.
    pub resident_saw: Option<Instant>,
}

impl Attempts {
    /// Before the first attempt on a target with so many poolers.
    pub fn new(poolers: usize) -> Self {
        Self { poolers: vec![Run::default(); poolers], ..Self::default() }
    }

    /// Takes note of an attempt.
    pub fn note(&mut self, attempt: Attempt, at: Instant, wall: Timestamp) {
        let outcome = attempt.outcome;
        let tried = Tried { attempt, at, wall };
        match tried.attempt.path {
            Path::Resident if outcome == Outcome::Ok => self.saw(at),
            Path::Resident if Verdict::of(outcome) == Verdict::Unresponsive => self.resident.note(tried),
            Path::Resident => {}
            Path::Direct => {
                self.direct.note(tried);
                if outcome == Outcome::Ok {
                    self.resident.forgive();
                }
            }
            Path::Pooler(index) => {
                if let Some(run) = self.poolers.get_mut(index) {
                    run.note(tried);
                }
            }
        }
    }

    /// The resident session answered.
    pub fn saw(&mut self, at: Instant) {
        self.resident_saw = self.resident_saw.max(Some(at));
        self.resident.forgive();
    }

    /// What the failed attempts on the server amount to, when `needed` of them are enough.
    ///
    /// Refused connections while the resident session still sees are a refusal (a firewall, a full accept queue), not a
    /// server that is down.
    pub fn verdict(&self, needed: u32) -> Option<Verdict> {
        let needed = needed.max(1) as usize;
        match self.direct.verdict(needed) {
            Some(Verdict::Down) if self.direct.began(needed) < self.resident_saw => Some(Verdict::Rejecting),
            Some(verdict) => Some(verdict),
            None => {
                let silent =
                    |run: &Run| run.recent.iter().filter(|(_, outcome)| Verdict::of(*outcome) == Verdict::Unresponsive).count();
                (silent(&self.resident) + silent(&self.direct) >= needed).then_some(Verdict::Unresponsive)
            }
        }
    }

    /// Whether something failed lately, though it may not be enough for a verdict: keeps a breach, opens none.
    pub fn suspicious(&self) -> bool {
        self.direct.failing() || self.resident.failing()
    }

    /// When the newest attempt on the server ended.
    pub fn newest(&self) -> Option<Instant> {
        [&self.direct, &self.resident].into_iter().filter_map(|run| run.last.as_ref()).map(|tried| tried.at).max()
    }

    /// The newest failed attempt on the server.
    pub fn failure(&self) -> Option<&Tried> {
        self.direct.failure().or_else(|| self.resident.failure())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock, model::Phases};

    /// `D` and `R` are the ways in (direct, resident), the letter behind says how it ended: `+` ok, `-` refused, `l` lost,
    /// `s` starting up, `t` no answer, `a` authentication failed. `A+` is a fast reading.
    fn verdict(script: &str) -> String {
        let mut attempts = Attempts::new(0);
        let (start, wall) = (clock::now(), clock::wall());
        let steps = script.split_whitespace().enumerate().map(|(step, word)| {
            let at = start + Duration::from_millis(100 * step as u64);
            let (path, end) = word.split_at(1);
            let outcome = match end {
                "+" => Outcome::Ok,
                "-" => Outcome::TcpRefused,
                "l" => Outcome::Lost,
                "s" => Outcome::StartingUp,
                "t" => Outcome::QueryTimeout,
                _ => Outcome::AuthFailed,
            };
            let path = if path == "D" { Path::Direct } else { Path::Resident };
            if word == "A+" {
                attempts.saw(at);
            } else {
                attempts.note(Attempt { path, outcome, failed_phase: None, phases: Phases::default(), message: None }, at, wall);
            }
            match attempts.verdict(2) {
                None => '.',
                Some(Verdict::Down) => 'D',
                Some(Verdict::Unresponsive) => 'U',
                Some(Verdict::Rejecting) => 'R',
            }
        });
        steps.collect()
    }

    #[test]
    fn runs_amount_to_verdicts() {
        for (script, expected, why) in [
            ("D+ D- D+ D- D+", ".....", "a single blip stays up"),
            ("D+ D- D- D- D+", "..DD.", "two in a row are down, one success is up"),
            ("D+ Rl Rl Rl", "....", "a lost resident session is no attempt"),
            ("Rl D- A+ D-", "...R", "refused while the resident session still sees"),
            ("A+ Rl D- D-", "...D", "refused and the resident session is gone"),
            ("D- A+ D- D-", "..RD", "the resident session went later"),
            ("D- Dl", ".D", "both say that nothing is there"),
            ("D- D- Ds D+", ".DD.", "one incident while it restarts"),
            ("D- D- Ds Ds D+", ".DDR.", "a long recovery is told"),
            ("Da Da", ".R", "authentication broke"),
            ("Da A+ Da A+", "..RR", "rejecting, though the resident session sees"),
            ("Rt Dt", ".U", "frozen"),
            ("Rt Rt", ".U", "frozen, before the fresh client noticed"),
            ("Rt A+ Rt A+ Rt", ".....", "slow now and then"),
            ("Rt Rt D+", ".U.", "a fresh client gets an answer"),
            ("Rt Rt A+", ".U.", "the resident session gets an answer"),
        ] {
            assert_eq!(verdict(script), expected, "{why}: {script}");
        }
    }

    #[test]
    fn a_long_outage_is_remembered_in_a_bounded_space() {
        assert!(verdict(&"D- ".repeat(500)).ends_with('D'));
    }
}
