//! What watching costs the watched server, kept within a budget.
//!
//! **Metering.** Every read is charged by lane with its round trip less the network's (a TCP handshake, or the shortest read lately). That
//! says too much when the network or the server is slow, so it is scaled by what the server itself has counted: the execution
//! time of our own statements in `pg_stat_statements`, recognised by [`MARK`]. A fresh connection, which no view counts,
//! is charged with what was measured. Without the extension the round trips alone must do.
//!
//! **Slowing.** A lane's interval doubles, at most thrice, in the order upkeep, size, statements, replication, client check, counters, fast, until
//! the charges at the new intervals fit the budget; a lane that costs next to nothing is left alone. Recovery takes the same
//! way back, one doubling at a time. When the server is in distress, which is when the fast lane's round trips grow far beyond
//! their own baseline, the slow lanes make room at once, one after the other, and the fast lane and the client check
//! go on: they see the incident. Round trips say too much then, so only what the server has counted since can slow those too.
//! It never stops watching.
//!
//! One governor per server; pure and cheap enough for every read.

mod meters;

use std::time::{Duration, Instant};

use self::meters::{Floor, Ledger, Pulse};
use super::Sampling;

/// Stands after the first word of every statement that Isobar sends, so that it can tell its own entries from those of an
/// application that logs in under the same role. PostgreSQL keeps comments in the text (18 drops leading ones) but leaves them
/// out of the query id.
pub const MARK: &str = "/* isobar */";

/// The statement with [`MARK`] after its first word.
pub fn marked(sql: &str) -> String {
    let (verb, rest) = sql.split_once(' ').unwrap_or((sql, ""));
    format!("{verb} {MARK} {rest}")
}

/// One fresh connection with SCRAM, server CPU: measured 7.3 ms, with TLS 1.3 8.7 ms.
pub const CONNECT: Duration = Duration::from_millis(7);

/// What a prepared read costs the server beside its execution time (parse the message, bind, send): measured 0.02 to
/// 0.05 ms; `pg_stat_statements` does not count it.
const PER_READ: Duration = Duration::from_micros(40);

/// The least that a read costs, so what the shortest round trip holds beside the network while no TCP handshake was timed: measured
/// 0.09 ms for a snapshot of an idle server.
const LEAST_READ: Duration = Duration::from_micros(90);

/// Charges older than this, or than two intervals of a slow lane, are forgotten.
const WINDOW: Duration = Duration::from_secs(30);

/// Rest between two changes of the intervals, so that the effect of one is seen before the next.
const REST: Duration = Duration::from_secs(5);

/// Recovery begins below this share of the budget, and only to where the costs are expected to stay below [`AFTER_RECOVERY`].
const RECOVER_BELOW: f64 = 0.7;

/// Expected share of the budget after a step of recovery; the gap up to 1 keeps it from swinging.
const AFTER_RECOVERY: f64 = 0.9;

/// Slowing a lane that takes less of the budget than this would blind us for nothing.
const NEGLIGIBLE: f64 = 0.05;

/// Doublings of an interval at most: 8 times as slow.
const MOST_DOUBLINGS: u32 = 3;

/// How long the budget must be exceeded before lanes are slowed for it: longer than it takes to notice distress, which looks the
/// same at first.
const CONFIRM: Duration = Duration::from_secs(3);

const LANES: usize = 7;

/// A schedule with its own interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Sessions.
    Fast,
    /// `pg_stat_database`.
    Counters,
    /// `pg_stat_statements`.
    Statements,
    /// `pg_database_size`.
    Size,
    /// Fresh connections.
    ClientCheck,
    /// Replication.
    Replication,
    /// What keeps the database fit.
    Upkeep,
}

impl Lane {
    /// In the order in which they are slowed.
    pub const ALL: [Self; LANES] =
        [Self::Upkeep, Self::Size, Self::Statements, Self::Replication, Self::ClientCheck, Self::Counters, Self::Fast];

    /// Those that make room when the server is in distress.
    const HEAVY: [Self; 5] = [Self::Upkeep, Self::Size, Self::Statements, Self::Replication, Self::Counters];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Fast => "sessions",
            Self::Counters => "counters",
            Self::Statements => "statements",
            Self::Replication => "replication",
            Self::Upkeep => "upkeep",
            Self::Size => "sizes",
            Self::ClientCheck => "client checks",
        }
    }
}

/// Why intervals are longer than configured.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cause {
    Budget { impact: f64 },
    Distress { times: f64 },
}

/// Meters and slows one server's lanes.
#[derive(Debug)]
pub struct Governor {
    sampling: Sampling,
    ledgers: [Ledger; LANES],
    doublings: [u32; LANES],
    cause: Option<Cause>,
    changed: Option<Instant>,
    started: Option<Instant>,
    /// Since when the budget is exceeded.
    over: Option<Instant>,
    /// Whether the server's own count came in since distress began.
    counted: bool,
    /// Server time per charged time, from the last metering.
    scale: Option<f64>,
    /// Reads and charges since then.
    unmetered: (u64, Duration),
    network: Floor,
    pulse: Pulse,
}

impl Governor {
    /// Nothing charged yet, all lanes as configured.
    pub fn new(sampling: Sampling) -> Self {
        Self {
            sampling,
            ledgers: Default::default(),
            doublings: [0; LANES],
            cause: None,
            changed: None,
            started: None,
            over: None,
            counted: false,
            scale: None,
            unmetered: (0, Duration::ZERO),
            network: Floor::default(),
            pulse: Pulse::default(),
        }
    }

    /// A read of this lane took that long, from sending to the last row; also one that timed out.
    pub fn round_trip(&mut self, now: Instant, lane: Lane, wall: Duration) {
        self.network.take(now, wall.saturating_sub(LEAST_READ));
        if lane == Lane::Fast {
            self.pulse.take(wall);
        }
        let charge = wall.saturating_sub(self.network.least());
        self.unmetered.0 += 1;
        self.unmetered.1 += charge;
        self.charge(now, lane, charge);
    }

    /// A TCP handshake took that long: the network's round trip and nothing else.
    pub fn network(&mut self, now: Instant, handshake: Duration) {
        self.network.take(now, handshake);
    }

    /// A fresh connection was made, whatever for; its first query is part of it.
    pub fn connected(&mut self, now: Instant) {
        self.charge(now, Lane::ClientCheck, CONNECT);
    }

    /// What the server counted for our own statements since the last call: executions and execution time. Call it with every
    /// statements reading that has [`own`](super::query::statements::Interval::own); a count that misses most of our reads (while not
    /// all of them are recognised yet) is not used.
    pub fn metered(&mut self, calls: u64, exec: Duration) {
        let (reads, charged) = std::mem::take(&mut self.unmetered);
        if calls * 2 >= reads && !charged.is_zero() {
            let counted = exec + PER_READ * u32::try_from(calls).unwrap_or(u32::MAX);
            self.counted = true;
            self.scale = Some((counted.as_secs_f64() / charged.as_secs_f64()).clamp(0.01, 100.0));
        }
    }

    /// What we cost the server lately, as a share of one core; none in the first seconds.
    pub fn impact(&self, now: Instant) -> Option<f64> {
        let running = now.saturating_duration_since(self.started?);
        (running >= REST).then(|| self.spending(self.doublings))
    }

    /// The interval of a lane now in force.
    pub fn interval(&self, lane: Lane) -> Duration {
        self.configured(lane) * 2_u32.pow(self.doublings[lane as usize])
    }

    /// Why and how lanes are slowed, in words; none when all run as configured.
    pub fn throttled(&self) -> Option<String> {
        let slowed: Vec<String> = Lane::ALL
            .into_iter()
            .filter(|&lane| self.doublings[lane as usize] > 0)
            .map(|lane| {
                let words = |interval| humantime::format_duration(interval).to_string();
                format!("{} every {} instead of {}", lane.as_str(), words(self.interval(lane)), words(self.configured(lane)))
            })
            .collect();
        let why = match self.cause? {
            Cause::Budget { impact } => format!(
                "watching took {:.2}% of a core, above the budget of {:.2}%",
                impact * 100.0,
                self.sampling.impact_budget * 100.0
            ),
            Cause::Distress { times } => format!("the server answers {times:.0} times slower than usual"),
        };
        (!slowed.is_empty()).then(|| format!("{why}: {}", slowed.join(", ")))
    }

    fn configured(&self, lane: Lane) -> Duration {
        match lane {
            Lane::Fast => self.sampling.fast,
            Lane::Counters => self.sampling.counters,
            Lane::Statements => self.sampling.statements,
            Lane::Replication => self.sampling.replication,
            Lane::Upkeep => self.sampling.upkeep,
            Lane::Size => self.sampling.size,
            Lane::ClientCheck => self.sampling.client_check,
        }
    }

    fn charge(&mut self, now: Instant, lane: Lane, charge: Duration) {
        let doubled = f64::from(2_u32.pow(self.doublings[lane as usize]));
        let interval = self.interval(lane);
        self.ledgers[lane as usize].add(now, charge.as_secs_f64() * doubled, interval);
        for other in Lane::ALL {
            let keep = WINDOW.max(self.interval(other) * 2);
            self.ledgers[other as usize].forget(now, keep);
        }
        self.started.get_or_insert(now);
        if self.changed.is_none_or(|changed| now.saturating_duration_since(changed) >= REST) {
            self.adjust(now);
        }
    }

    /// One lane's share of a core with that many doublings.
    fn lane_spending(&self, lane: Lane, doublings: u32) -> f64 {
        // Connections are charged with what they cost, not with how long they took.
        let scale = if lane == Lane::ClientCheck { 1.0 } else { self.scale.unwrap_or(1.0) };
        self.ledgers[lane as usize].per_second() * scale / f64::from(2_u32.pow(doublings))
    }

    fn spending(&self, doublings: [u32; LANES]) -> f64 {
        Lane::ALL.iter().map(|&lane| self.lane_spending(lane, doublings[lane as usize])).sum()
    }

    fn adjust(&mut self, now: Instant) {
        let Some(impact) = self.impact(now) else { return };
        let budget = self.sampling.impact_budget;
        let mut next = self.doublings;
        let over = impact > budget;
        self.over = over.then(|| self.over.unwrap_or(now));
        let confirmed = self.over.is_some_and(|since| now.saturating_duration_since(since) >= CONFIRM);
        let distress = self.pulse.distress();
        if distress.is_some() && !matches!(self.cause, Some(Cause::Distress { .. })) {
            self.counted = false;
        }
        let room = Lane::HEAVY.into_iter().find(|&lane| next[lane as usize] < MOST_DOUBLINGS);
        if let Some(times) = distress.filter(|_| room.is_some() || !self.counted || !over) {
            if let Some(lane) = room {
                next[lane as usize] = MOST_DOUBLINGS;
            }
            self.cause = Some(Cause::Distress { times });
        } else if over {
            if !confirmed {
                return;
            }
            for lane in Lane::ALL {
                let at = lane as usize;
                while self.spending(next) > budget
                    && next[at] < MOST_DOUBLINGS
                    && self.lane_spending(lane, next[at]) > budget * NEGLIGIBLE
                {
                    next[at] += 1;
                }
            }
            self.cause = Some(Cause::Budget { impact });
        } else if impact < budget * RECOVER_BELOW
            && let Some(&lane) = Lane::ALL.iter().rev().find(|&&lane| next[lane as usize] > 0)
        {
            next[lane as usize] -= 1;
            if self.spending(next) > budget * AFTER_RECOVERY {
                next = self.doublings;
            }
        }
        if next != self.doublings {
            self.doublings = next;
            self.changed = Some(now);
        }
        if next == [0; LANES] {
            self.cause = None;
        }
    }
}

#[cfg(test)]
mod tests;
