//! What a pool's clients want of it, from its counters over the last minutes. Pure.
//!
//! ```text
//!  arrivals   Δ transactions / Δ t
//!  service    (Δ transaction time − Δ wait) / Δ transactions     PgBouncer's transaction time begins when the client asks
//!  wait       Δ wait / Δ assignments
//!  load       arrivals × service, in connections (Little)
//!  think      clients / arrivals − service − wait                what few clients do between two transactions
//! ```
//! How much single times vary is not told. Between statements it is seen from their means; within a statement times are taken for
//! exponential, and the interval of a prediction holds what fixed times and wilder ones would give.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::look::{Look, Work};

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
/// A drift of the load looks like one burst; more than this is not believed.
const MOST_BURSTY: f64 = 4.0;

/// Why nothing is said.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Silent {
    /// Hardly anybody asks.
    Idle,
    /// It cannot be known.
    Unknown(String),
}

/// How much something varies: a squared coefficient of variation, and what it may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Varies {
    pub(super) low: f64,
    pub(super) likely: f64,
    pub(super) high: f64,
}

/// What holds the server back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Bound {
    /// Its processors, or most that is active computes and nobody tells how many processors there are.
    Cpu(Work),
    /// Locks.
    Locks(Work),
    /// Neither.
    Neither(Work),
    /// Sessions cannot be seen.
    Unseen,
}

/// See the module. Times in seconds.
#[derive(Debug, Clone, PartialEq)]
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
    /// Whether that is from the mix of statements.
    pub(super) from_mix: bool,
    /// Few clients, and for how long each thinks; none: many.
    pub(super) closed: Option<(u32, f64)>,
    pub(super) saturated: bool,
    /// Standard deviation of the rates of the steps, by their mean.
    pub(super) unsteady: f64,
    pub(super) bound: Bound,
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
    since: Option<Instant>,
    peak: f64,
}

impl Window {
    /// The size as it was last seen.
    pub(super) fn size(&self) -> Option<u32> {
        Some(self.looks.back()?.size)
    }

    /// The newest look.
    pub(super) fn newest(&self) -> Option<&Look> {
        self.looks.back()
    }

    /// Takes a look in. Counters that go backwards, another size, and a gap begin the window anew.
    pub(super) fn take(&mut self, look: Look, length: Duration) {
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
        if backwards || look.size != last.size || look.at.duration_since(last.at) > length {
            self.looks.clear();
        } else {
            let busy = (look.transaction_seconds - last.transaction_seconds) - (look.wait_seconds - last.wait_seconds);
            self.peak = self.peak.max(busy / look.at.duration_since(last.at).as_secs_f64());
        }
        // The oldest that stays is the newest of those that are a window old.
        while self.looks.get(1).is_some_and(|second| look.at.duration_since(second.at) >= length) {
            self.looks.pop_front();
        }
        self.looks.push_back(look);
    }

    /// What the clients want, or why that is not said.
    pub(super) fn demand(&self, length: Duration) -> Result<Demand, Silent> {
        let unknown = |cause: String| Err(Silent::Unknown(cause));
        let (Some(first), Some(last)) = (self.looks.front(), self.looks.back()) else {
            return unknown("it was never seen".into());
        };
        let span = last.at.duration_since(first.at).as_secs_f64();
        if span < length.as_secs_f64() / 2.0 {
            return unknown(format!("it was seen for {span:.0} s, of {:.0} s that are needed", length.as_secs_f64() / 2.0));
        }
        let transactions = last.transactions - first.transactions;
        if transactions < FEWEST {
            return Err(Silent::Idle);
        }
        let (count, waited) = (transactions as f64, last.wait_seconds - first.wait_seconds);
        let service = (last.transaction_seconds - first.transaction_seconds - waited) / count;
        if service <= 0.0 {
            return unknown("its counters say that clients waited for longer than their transactions took".into());
        }
        let assigned = last.assignments.zip(first.assignments).and_then(|(now, then)| now.checked_sub(then));
        let wait = waited / assigned.filter(|assigned| *assigned > 0).map_or(count, |assigned| assigned as f64);
        let rate = count / span;
        let queued = self.mean(|look| Some(f64::from(u8::from(look.waiting > 0)))).unwrap_or_default();
        let clients = self.mean(|look| Some(f64::from(look.clients))).unwrap_or_default().round() as u32;
        let think = (f64::from(clients) / rate - service - wait).max(0.0);
        let few = clients <= MOST_CLIENTS && clients <= FEW * last.size;
        let statements = (last.queries - first.queries.min(last.queries)) as f64 / count;
        let mix = self.mean(|look| look.mix).filter(|_| statements <= ONE_STATEMENT);
        let (unsteady, dispersion) = self.steps();
        Ok(Demand {
            size: last.size,
            open: last.open,
            span,
            whole: span >= length.as_secs_f64() * NEARLY_ALWAYS,
            transactions,
            rate,
            service,
            wait,
            queued,
            arrivals: Varies { low: 0.5, likely: 1.0, high: dispersion.clamp(1.5, MOST_BURSTY) },
            services: services(mix),
            from_mix: mix.is_some(),
            closed: few.then_some((clients, think)),
            saturated: rate * service >= SATURATED * f64::from(last.size) && queued >= NEARLY_ALWAYS,
            unsteady,
            bound: self.bound(),
            peak: (self.peak, self.since.map_or(Duration::ZERO, |since| last.at.duration_since(since))),
        })
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
        /// So much of what is active, for "most of it"; and for processors that are as good as full.
        const MOST: f64 = 0.7;
        const FULL: f64 = 0.8;
        const HALF: f64 = 0.5;
        let mean = |of: fn(&Work) -> f64| self.mean(|look| look.work.as_ref().map(of));
        let (Some(active), Some(cpu), Some(lock)) = (mean(|work| work.active), mean(|work| work.cpu), mean(|work| work.lock))
        else {
            return Bound::Unseen;
        };
        let work = Work { active, cpu, lock, cpu_busy: self.mean(|look| look.work.as_ref()?.cpu_busy) };
        let full = work.cpu_busy.map_or(cpu >= 1.0 && cpu >= MOST * active, |busy| busy >= FULL);
        if full {
            Bound::Cpu(work)
        } else if lock >= 1.0 && lock >= HALF * active {
            Bound::Locks(work)
        } else {
            Bound::Neither(work)
        }
    }
}

/// With a mix: between statements as seen, within them fixed, exponential, or twice that.
fn services(mix: Option<f64>) -> Varies {
    match mix {
        Some(mix) => Varies { low: mix - 1.0, likely: 2.0 * mix - 1.0, high: 3.0 * mix - 1.0 },
        None => Varies { low: 0.0, likely: 1.0, high: 3.0 },
    }
}

#[cfg(test)]
pub(super) mod tests;
