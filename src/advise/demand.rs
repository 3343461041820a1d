//! What a pool's clients want of it, from its counters over the last minutes. Pure.
//!
//! ```text
//!  arrivals   Δ transactions / Δ t
//!  service    (Δ transaction time − Δ wait) / Δ transactions     PgBouncer's transaction time begins when the client asks
//!             mean connections at work / arrivals                where that is not told: other poolers, session mode (Little)
//!  wait       Δ wait / Δ assignments, or mean queue / arrivals   (Little again)
//!  load       arrivals × service, in connections
//!  think      clients / arrivals − service − wait                what few clients do between two transactions
//! ```
//! How much single times vary, `pg_stat_statements` tells. How bunched arrivals are is seen from how the rates of the steps differ, and
//! `fitted` to how long clients wait now.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::{
    bound::Bound,
    contention::{self, Scaling},
    fitting::fitted,
    look::{Counts, Look, Part, Times, Work},
};

/// Fewer transactions in a window are an idle pool.
const FEWEST: u64 = 50;
/// A pool busier than this that is never without a queue lets through what it can, and hides what would come.
const SATURATED: f64 = 0.95;
/// So many looks of ten, for "always".
const NEARLY_ALWAYS: f64 = 0.9;
/// Clients per connection up to which they count as few. Above, an open queue is as near, and cheaper.
const FEW: u32 = 10;
/// More clients than this are many for any pool.
const MOST_CLIENTS: u32 = 200;
/// More than one statement and a half per transaction: the mix of statements says little of transactions.
const ONE_STATEMENT: f64 = 1.5;
/// Rates over fewer steps say nothing of bursts.
const FEWEST_STEPS: usize = 6;
/// Counts of Poisson arrivals in a few steps differ by this as well.
const BUNCHED: f64 = 2.0;
/// A drift of the load looks like one burst; more than this is not believed.
const MOST_BUNCHED: f64 = 30.0;

/// Why nothing is said.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Silent {
    /// Hardly anybody asks.
    Idle,
    /// It cannot be known.
    Unknown(String),
}

/// How much something varies: a squared coefficient of variation, and what it may be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Varies {
    pub(super) low: f64,
    pub(super) likely: f64,
    pub(super) high: f64,
}

/// Where the variation of single times is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Spread {
    /// Measured.
    Measured,
    /// Between statements measured, within them taken for exponential.
    Estimated,
    /// Taken for exponential.
    Assumed,
}

/// Clients of a session pool, over the window's looks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Wanted {
    /// The most who held or wanted a connection at one time.
    pub(super) most: u32,
    /// In the mean.
    pub(super) mean: f64,
}

/// See the module. Times in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Demand {
    pub(super) size: u32,
    pub(super) open: u32,
    pub(super) span: f64,
    /// Whether the window is full.
    pub(super) whole: bool,
    pub(super) transactions: u64,
    pub(super) rate: f64,
    pub(super) service: f64,
    pub(super) wait: f64,
    /// Share of the looks that saw somebody wait.
    pub(super) queued: f64,
    pub(super) arrivals: Varies,
    pub(super) services: Varies,
    /// Where that is from.
    pub(super) spread: Spread,
    /// How many times as long as the model of steady arrivals says clients waited; none where both are next to nothing.
    pub(super) fit: Option<f64>,
    pub(super) counts: Counts,
    /// Of a session pool.
    pub(super) wanted: Option<Wanted>,
    /// Whether a part of the counters was taken for this user's.
    pub(super) is_part: bool,
    pub(super) statements_per_transaction: f64,
    /// Few clients, and for how long each thinks; none: many.
    pub(super) closed: Option<(u32, f64)>,
    pub(super) saturated: bool,
    /// Standard deviation of the rates of the steps, by their mean.
    pub(super) unsteady: f64,
    pub(super) bound: Bound,
    /// How much longer transactions take for each one beside them; none: that does not show.
    #[serde(default)]
    pub(super) scaling: Option<Scaling>,
    /// The largest load of any step since the pool is watched, and for how long that is.
    pub(super) peak: (f64, Duration),
}

impl Demand {
    /// Connections that work, in the mean.
    pub(super) fn load(&self) -> f64 {
        self.rate * self.service
    }
}

/// The looks of the last minutes.
#[derive(Debug, Default)]
pub(super) struct Window {
    looks: VecDeque<Look>,
    /// Connections at work and clients that wait, in between: a count in the mean takes many looks.
    peeks: VecDeque<(Instant, u32, u32)>,
    since: Option<Instant>,
    peak: f64,
    /// The next look is of what an outage left.
    interrupted: bool,
}

impl Window {
    /// The newest look.
    pub(super) fn newest(&self) -> Option<&Look> {
        self.looks.back()
    }

    /// While a server is away clients wait for it, and that says nothing of the pool's size: the window begins anew after it, once the
    /// queue that it left is gone.
    pub(super) fn interrupt(&mut self) {
        self.looks.clear();
        self.peeks.clear();
        self.interrupted = true;
    }

    /// Takes a look in. Counters that go backwards, another size, and a gap begin the window anew.
    pub(super) fn take(&mut self, look: Look, length: Duration) {
        if std::mem::take(&mut self.interrupted) {
            return;
        }
        let Some(last) = self.looks.back() else {
            self.since.get_or_insert(look.at);
            self.looks.push_back(look);
            return;
        };
        if look.at <= last.at {
            return;
        }
        let backwards = look.transactions < last.transactions
            || look.transaction_seconds < last.transaction_seconds
            || look.wait_seconds < last.wait_seconds;
        // What is scraped stands still between two scrapes of its source.
        if look.is_scraped && look.transactions == last.transactions && look.size == last.size {
            return;
        }
        if backwards || look.size != last.size || look.at.duration_since(last.at) > length {
            self.looks.clear();
            self.peeks.clear();
        } else {
            let waited = look.wait_seconds.unwrap_or_default() - last.wait_seconds.unwrap_or_default();
            let worked =
                (look.transaction_seconds - last.transaction_seconds - waited) / look.at.duration_since(last.at).as_secs_f64();
            self.peak = self.peak.max(if look.counts == Counts::Transactions { worked } else { f64::from(look.busy) });
        }
        // The oldest that stays is the newest of those that are a window old.
        while self.looks.get(1).is_some_and(|second| look.at.duration_since(second.at) >= length) {
            self.looks.pop_front();
        }
        self.peek(&look);
        let began = self.looks.front().map_or(look.at, |first| first.at);
        self.looks.push_back(look);
        while self.peeks.front().is_some_and(|(at, ..)| *at < began) {
            self.peeks.pop_front();
        }
    }

    /// Whether the mean of what is at work is to be looked at.
    pub(super) fn wants_peeks(&self) -> bool {
        self.newest().is_some_and(|look| look.counts != Counts::Transactions)
    }

    /// Takes in what is at work now.
    pub(super) fn peek(&mut self, look: &Look) {
        if self.peeks.back().is_none_or(|(at, ..)| look.at > *at) {
            self.peeks.push_back((look.at, look.busy, look.waiting));
        }
    }

    fn peeked(&self, of: impl Fn(u32, u32) -> u32) -> impl Iterator<Item = f64> {
        self.peeks.iter().map(move |(_, busy, waiting)| f64::from(of(*busy, *waiting)))
    }

    /// The same in the mean; of the looks where nobody peeked.
    fn peeked_mean(&self, of: impl Fn(u32, u32) -> u32) -> f64 {
        if self.peeks.is_empty() {
            return self.mean(|look| Some(f64::from(of(look.busy, look.waiting)))).unwrap_or_default();
        }
        self.peeked(of).sum::<f64>() / self.peeks.len() as f64
    }

    /// What the clients want, or why that is not said.
    pub(super) fn demand(&self, length: Duration) -> Result<Demand, Silent> {
        let unknown = |cause: String| Err(Silent::Unknown(cause));
        let (Some(first), Some(last)) = (self.looks.front(), self.looks.back()) else {
            return unknown(format!("it was seen for 0 s, of {:.0} s that are needed", length.as_secs_f64() / 2.0));
        };
        let span = last.at.duration_since(first.at).as_secs_f64();
        if span < length.as_secs_f64() / 2.0 {
            return unknown(format!("it was seen for {span:.0} s, of {:.0} s that are needed", length.as_secs_f64() / 2.0));
        }
        let transactions = last.transactions - first.transactions;
        if transactions < FEWEST {
            return Err(Silent::Idle);
        }
        let (all, waited) = (transactions as f64, last.wait_seconds.zip(first.wait_seconds).map(|(now, then)| now - then));
        let part = self.part();
        let count = all * part.map_or(1.0, |part| part.calls);
        if count < FEWEST as f64 {
            return Err(Silent::Idle);
        }
        let rate = count / span;
        let queue = self.peeked_mean(|_, waiting| waiting);
        let service = match last.counts {
            Counts::Transactions => {
                let worked = last.transaction_seconds - first.transaction_seconds - waited.unwrap_or_default();
                worked * part.map_or(1.0, |part| part.time) / count
            }
            Counts::Sessions | Counts::Looks => self.peeked_mean(|busy, _| busy) / rate,
        };
        if service <= 0.0 {
            return unknown("its counters say that clients waited for longer than their transactions took".into());
        }
        let assigned = last.assignments.zip(first.assignments).and_then(|(now, then)| now.checked_sub(then));
        let waits = assigned.filter(|assigned| *assigned > 0).map_or(all, |assigned| assigned as f64) * count / all;
        let wait = waited.map_or(queue / rate, |waited| waited * self.queue_part(part) / waits);
        let queued = self.mean(|look| Some(f64::from(u8::from(look.waiting > 0)))).unwrap_or_default();
        let clients = self.mean(|look| Some(f64::from(look.clients))).unwrap_or_default().round() as u32;
        let think = (f64::from(clients) / rate - service - wait).max(0.0);
        let few = clients <= MOST_CLIENTS && clients <= FEW * last.size;
        let statements = (last.queries - first.queries.min(last.queries)) as f64 / all;
        let (services, spread) = services(self.times(), statements);
        let (unsteady, dispersion) = self.steps();
        let bound = self.bound();
        // Processors and locks are advised on as such.
        let is_open = matches!(bound, Bound::Neither(_) | Bound::Unseen);
        let demand = Demand {
            size: last.size,
            open: last.open,
            span,
            whole: span >= length.as_secs_f64() * NEARLY_ALWAYS,
            transactions: count as u64,
            rate,
            service,
            wait,
            queued,
            arrivals: arrivals(dispersion),
            services,
            spread,
            fit: None,
            counts: last.counts,
            wanted: (last.counts == Counts::Sessions).then(|| self.wanted()),
            is_part: part.is_some(),
            statements_per_transaction: statements,
            closed: few.then_some((clients, think)),
            saturated: rate * service >= SATURATED * f64::from(last.size) && queued >= NEARLY_ALWAYS,
            unsteady,
            bound,
            scaling: is_open.then(|| contention::scaling(&self.looks, last.size.min(clients))).flatten(),
            peak: (self.peak, self.since.map_or(Duration::ZERO, |since| last.at.duration_since(since))),
        };
        Ok(fitted(demand))
    }

    /// This user's part of the counters, when the database has several.
    fn part(&self) -> Option<Part> {
        let waiting = self.looks.back()?.part?.waiting;
        let calls = self.mean(|look| Some(look.part?.calls))?;
        Some(Part { calls, time: self.mean(|look| Some(look.part?.time))?, waiting })
    }

    /// Its part of the time that all of them waited: that of the queue, or of the calls where no look saw one.
    fn queue_part(&self, part: Option<Part>) -> f64 {
        let Some(part) = part else { return 1.0 };
        let all = self.mean(|look| Some(f64::from(look.part?.waiting))).unwrap_or_default();
        let own = self.mean(|look| Some(f64::from(look.waiting))).unwrap_or_default();
        if all > 0.0 { own / all } else { part.calls }
    }

    fn times(&self) -> Option<Times> {
        let singles = self.mean(|look| look.times?.singles);
        Some(Times { means: self.mean(|look| Some(look.times?.means))?, singles })
    }

    fn wanted(&self) -> Wanted {
        let wants = |look: &Look| look.busy.saturating_add(look.waiting);
        let seen = self.looks.iter().map(wants).max().unwrap_or_default();
        let peeked = self.peeked(u32::saturating_add).fold(0.0, f64::max) as u32;
        Wanted { most: seen.max(peeked), mean: self.peeked_mean(u32::saturating_add) }
    }

    fn mean(&self, of: impl Fn(&Look) -> Option<f64>) -> Option<f64> {
        let values: Vec<f64> = self.looks.iter().filter_map(of).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    /// How the rates of the steps differ: their coefficient of variation, and the index of dispersion of the counts, which is 1 for Poisson.
    fn steps(&self) -> (f64, f64) {
        let pairs = self.looks.iter().zip(self.looks.iter().skip(1));
        let steps: Vec<(f64, f64)> = pairs
            .map(|(from, to)| (to.at.duration_since(from.at).as_secs_f64(), (to.transactions - from.transactions) as f64))
            .collect();
        let (time, count) = steps.iter().fold((0.0, 0.0), |sum, step| (sum.0 + step.0, sum.1 + step.1));
        if steps.len() < FEWEST_STEPS || count <= 0.0 {
            return (0.0, 1.0);
        }
        let (mean, freedom) = (count / time, (steps.len() - 1) as f64);
        let dispersion = steps.iter().map(|(time, count)| (count - mean * time).powi(2) / (mean * time)).sum::<f64>() / freedom;
        let variance = steps.iter().map(|(time, count)| (count / time - mean).powi(2)).sum::<f64>() / freedom;
        (variance.sqrt() / mean, dispersion)
    }

    fn bound(&self) -> Bound {
        let mean = |of: fn(&Work) -> f64| self.mean(|look| look.work.as_ref().map(of));
        let (Some(active), Some(cpu), Some(lock)) = (mean(|work| work.active), mean(|work| work.cpu), mean(|work| work.lock))
        else {
            return Bound::Unseen;
        };
        Bound::of(Work { active, cpu, lock, cpu_busy: self.mean(|look| look.work.as_ref()?.cpu_busy) })
    }
}

/// Bunches are taken for it when the counts of the steps differ by more than chance.
fn arrivals(dispersion: f64) -> Varies {
    let seen = dispersion.min(MOST_BUNCHED);
    if seen > BUNCHED {
        Varies { low: 1.0, likely: seen, high: 2.0 * seen }
    } else {
        Varies { low: 0.5, likely: 1.0, high: seen.max(1.5) }
    }
}

/// The variation of what transactions take. Of several statements the times add up, and their variation evens out.
fn services(times: Option<Times>, statements: f64) -> (Varies, Spread) {
    let many = if statements > ONE_STATEMENT { statements } else { 1.0 };
    match times {
        Some(Times { singles: Some(singles), .. }) => {
            let seen = (singles - 1.0).max(0.0);
            (Varies { low: 0.7 * seen / many, likely: seen / many, high: (1.5 * seen).max(0.3) }, Spread::Measured)
        }
        Some(Times { means, .. }) if many <= 1.0 => {
            (Varies { low: means - 1.0, likely: 2.0 * means - 1.0, high: 3.0 * means - 1.0 }, Spread::Estimated)
        }
        _ => (Varies { low: 0.0, likely: 1.0, high: 3.0 }, Spread::Assumed),
    }
}

#[cfg(test)]
pub(super) mod tests;
