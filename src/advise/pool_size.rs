//! How many server connections a pool should have: the fewest with which clients hardly wait. Pure.

use super::{
    bound::Bound,
    contention::{self, Scaling},
    demand::{Demand, Spread, Wanted},
    fitting::{self, fit, model},
    look::Counts,
    queueing,
};
use crate::model::advice::{Kind, Predicted};

/// A pool busier than this has nothing left for what comes in bunches.
const BUSY_ENOUGH: f64 = 0.7;
/// Nobody notices a shorter wait, seconds.
const SHORT: f64 = 0.010;
/// Nor one that is this small a part of the transaction itself.
const PART: f64 = 0.1;
/// Without a mean wait of this, seconds, or a queue at one look in five, nothing is wrong with the size.
const SUFFERS: (f64, f64) = (0.001, 0.2);
/// No pool of one server is sensibly larger.
const LARGEST: u32 = 1_000;
/// A day has its quiet hours; less says nothing against a large pool.
const DAY: std::time::Duration = std::time::Duration::from_hours(24);
/// Room above the largest load of that day.
const SPARE: f64 = 1.5;
/// Fewer connections are not worth a change.
const WORTH_SHRINKING: u32 = 5;
/// A queue that may have no end is at least so many times longer.
const ENDLESS: f64 = 10.0;
/// By so much, as a part and in seconds.
const WINDOWS: (f64, f64) = (1.5, 0.000_5);
/// A pool that gives this share of all that any number of connections would has no use for more, unless it may be as little as the second.
const EXHAUSTED: (f64, f64) = (0.8, 0.5);
/// An answer that comes sooner by less is not worth a change.
const SOONER: f64 = 0.9;
/// Steps that differ by more are another load every time.
const UNSTEADY: f64 = 0.3;

/// What should be done with a pool's size.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Proposal {
    pub(super) kind: Kind,
    /// None: as it is.
    pub(super) to: Option<u32>,
    pub(super) predicted: Option<Predicted>,
    /// Factors below 1 with their reasons.
    pub(super) doubts: Vec<(f64, String)>,
    pub(super) caution: String,
    /// Mean number of clients who would not wait any more, or connections that come free.
    pub(super) value: f64,
}

impl Proposal {
    /// 0..1.
    pub(super) fn confidence(&self) -> f64 {
        /// A model is never all of it.
        const BEST: f64 = 0.9;
        self.doubts.iter().fold(BEST, |confidence, (factor, _)| confidence * factor)
    }
}

/// The wait with another size, if what clients want stays as it is; none when the queue would grow without end.
pub(super) fn predict(demand: &Demand, size: u32) -> Option<Predicted> {
    if let Some(wanted) = demand.wanted {
        return sessions(demand, wanted, size);
    }
    let likely = model(demand, size, 1.0, demand.arrivals.likely, demand.services.likely)?;
    // Two standard errors of a count.
    let error = 2.0 * (demand.arrivals.high / demand.transactions.max(1) as f64).sqrt();
    let with = |sigma: fn(Scaling) -> f64| Demand { scaling: demand.scaling.map(|one| one.with(sigma(one))), ..demand.clone() };
    let (least, most) = (with(|scaling| scaling.low), with(|scaling| scaling.high));
    let low = model(&least, size, 1.0 - error, demand.arrivals.low, demand.services.low).map_or(0.0, |wait| wait.mean);
    let high = model(&most, size, 1.0 + error, demand.arrivals.high, demand.services.high);
    let high = high.map_or(likely.mean * ENDLESS, |wait| wait.mean);
    // However well all is known, one window waits longer than the next.
    let high = high.max(likely.mean * WINDOWS.0 + WINDOWS.1);
    let as_now = likely.mean * fit(demand, demand.arrivals.likely).unwrap_or(1.0);
    Some(Predicted {
        mean_wait_ms: likely.mean * 1e3,
        p95_wait_ms: likely.p95 * 1e3,
        utilization: likely.utilization,
        server_connections: size,
        low: low.min(likely.mean).min(as_now) * 1e3,
        high: high.max(likely.mean).max(as_now) * 1e3,
    })
}

/// Of a session pool: for how long a client keeps its connection is not told, but how much shorter the wait is with more of them does not
/// depend on it. Whether whoever waits less comes more often is not known either: the load is between what is taken and what is wanted.
fn sessions(demand: &Demand, wanted: Wanted, size: u32) -> Option<Predicted> {
    let load = demand.load();
    let wait = |size: u32| (f64::from(size) > load).then(|| queueing::erlang_c(f64::from(size), load) / (f64::from(size) - load));
    let (now, then) = (wait(demand.size)?, wait(size)?);
    let mean_wait_ms = demand.wait * 1e3 * then / now;
    let waits = queueing::erlang_c(f64::from(size), load);
    Some(Predicted {
        mean_wait_ms,
        p95_wait_ms: queueing::p95(waits, mean_wait_ms),
        utilization: (f64::midpoint(load, wanted.mean) / f64::from(size)).min(1.0),
        server_connections: size,
        low: 0.0,
        high: demand.wait * 1e3,
    })
}

/// So many that hardly anybody finds all of them taken, and no fewer than were wanted at once.
fn enough_sessions(demand: &Demand, wanted: Wanted) -> u32 {
    /// Of those who come, so many may.
    const HARDLY: f64 = 0.05;
    if demand.saturated {
        return wanted.most;
    }
    let load = demand.load();
    let fits = |size: &u32| queueing::erlang_c(f64::from(*size), load) <= HARDLY;
    (demand.size..=LARGEST).find(fits).unwrap_or(LARGEST).max(wanted.most)
}

/// Whether what would come is hidden by a full pool. Few clients are all there are, as far as is seen.
pub(super) fn is_hidden(demand: &Demand) -> bool {
    demand.saturated && (demand.closed.is_none() || demand.wanted.is_some())
}

/// The fewest connections with which clients hardly wait.
fn enough(demand: &Demand) -> Option<u32> {
    let limit = SHORT.max(PART * demand.service) * 1e3;
    let fits = |size: u32| {
        predict(demand, size).is_some_and(|predicted| {
            // Of few clients each may have one of its own, and more would be of no use.
            let each_its_own = demand.closed.is_some_and(|(clients, _)| size >= clients);
            predicted.p95_wait_ms <= limit && (predicted.utilization <= BUSY_ENOUGH || each_its_own)
        })
    };
    let fewest = (demand.load().floor() as u32).max(1);
    // A queue shrinks with every connection more: the first that fits is found by halving.
    if fewest > LARGEST || !fits(LARGEST) {
        return None;
    }
    let (mut below, mut above) = (fewest - 1, LARGEST);
    while above - below > 1 {
        let middle = u32::midpoint(below, above);
        if fits(middle) { above = middle } else { below = middle }
    }
    Some(above)
}

/// What should be done, if anything. `headroom` is how many connections the server could take beyond those it has; none: not known.
pub(super) fn advise(demand: &Demand, headroom: Option<u32>) -> Option<Proposal> {
    if demand.wait >= SUFFERS.0 || demand.queued >= SUFFERS.1 {
        return enlarge(demand, headroom);
    }
    shrink(demand)
}

fn enlarge(demand: &Demand, headroom: Option<u32>) -> Option<Proposal> {
    let wanted = match demand.wanted {
        Some(wanted) => Some(enough_sessions(demand, wanted)),
        None if is_hidden(demand) => Some(at_least(demand)),
        None => enough(demand),
    };
    if wanted.is_some_and(|wanted| wanted <= demand.size) {
        return None;
    }
    let value = demand.rate * demand.wait;
    let stay = |caution: String| {
        let doubts = doubts(demand, headroom);
        Some(Proposal { kind: Kind::DoNotEnlargePool, to: None, predicted: None, doubts, caution, value })
    };
    if let Some(caution) = demand.scaling.and_then(|scaling| exhausted(demand, scaling, wanted)) {
        return stay(caution);
    }
    let wanted = wanted?;
    match demand.bound {
        Bound::Cpu(work) => {
            let seen = work.cpu_busy.map_or_else(
                || format!("{:.1} of {:.1} active sessions wait for nothing but a processor", work.cpu, work.active),
                |busy| format!("its processors are {:.0}% busy", busy * 100.0),
            );
            return stay(format!(
                "The server is bound by its processors: {seen}. More connections would share the same processors and every transaction \
                 would take longer than its {:.1} ms now. Make statements cheaper or the machine larger first. Only if you know that \
                 processors are free, {wanted} connections would do for this load.",
                demand.service * 1e3
            ));
        }
        Bound::Locks(work) => {
            return stay(format!(
                "Sessions wait for locks: {:.1} of {:.1} active ones. More connections would only wait for the same locks; see \
                 the blocking sessions under /activity first.",
                work.lock, work.active
            ));
        }
        Bound::Shared(seen) => {
            return stay(format!(
                "The last enlargement, from {} to {} connections, made a transaction take {:.1} ms instead of {:.1}: they share something \
                 that more connections only divide. Find that first: processors, disks, locks.",
                seen.from,
                seen.to,
                seen.after * 1e3,
                seen.before * 1e3
            ));
        }
        Bound::Neither(_) | Bound::Unseen => {}
    }
    let most = headroom.map_or(u32::MAX, |headroom| demand.open.saturating_add(headroom));
    if most <= demand.size {
        return stay(format!(
            "{wanted} connections would do, but max_connections leaves room for {most} of this pool. Free connections of others first."
        ));
    }
    let to = wanted.min(most);
    let mut caution = String::from(
        "Not when the server has no processor or disk to spare: each connection more is a statement more at the same time.",
    );
    if is_hidden(demand) {
        caution += " This is a lower bound: the pool was full for the whole window, so what would come is not known. Look again after the change.";
    }
    if to < wanted {
        caution = format!("{caution} {wanted} connections would do; max_connections leaves room for {to}.");
    }
    if let Some(wanted) = demand.wanted {
        caution = format!(
            "{caution} In session mode each client keeps a connection, and up to {} wanted one at a time; where clients can share, \
             pool_mode = transaction needs fewer.",
            wanted.most
        );
    }
    let predicted = if is_hidden(demand) { None } else { predict(demand, to) };
    Some(Proposal { kind: Kind::EnlargePool, to: Some(to), predicted, doubts: doubts(demand, headroom), caution, value })
}

/// Why more connections would be in vain, when transactions only slow each other down. `wanted` is none when no size would do.
fn exhausted(demand: &Demand, scaling: Scaling, wanted: Option<u32>) -> Option<String> {
    let reached = contention::reached(scaling.sigma, demand.size);
    let is_full = reached >= EXHAUSTED.0 && contention::reached(scaling.low, demand.size) >= EXHAUSTED.1;
    let answer = |size: u32| Some(fitting::service(demand, size)? + predict(demand, size)?.mean_wait_ms / 1e3);
    let now = demand.wait + demand.service;
    let helps = wanted.is_some_and(|wanted| is_hidden(demand) || answer(wanted).is_some_and(|then| then < SOONER * now));
    (is_full || !helps).then(|| {
        format!(
            "Transactions slow each other down: {}. {} connections already let through {:.0}% of what any number of them would; \
             with more, each transaction would wait less and take longer. Find first what they share: disks, locks inside the \
             server, memory.",
            told(scaling),
            demand.size,
            reached * 100.0
        )
    })
}

/// In words.
pub(super) fn told(scaling: Scaling) -> String {
    let Scaling { sigma, low, high, little, much } = scaling;
    format!(
        "one took {:.1} ms at {:.0}/s with {:.1} connections at work, and {:.1} ms at {:.0}/s with {:.1} (σ = {sigma:.2}, {low:.2} to {high:.2})",
        little.service * 1e3,
        little.rate,
        little.at_work(),
        much.service * 1e3,
        much.rate,
        much.at_work()
    )
}

/// What it lets through would want so many, whoever else would come.
fn at_least(demand: &Demand) -> u32 {
    ((demand.load() / BUSY_ENOUGH).ceil() as u32).clamp(demand.size + 1, LARGEST.max(demand.size + 1))
}

fn shrink(demand: &Demand) -> Option<Proposal> {
    let (load, watched) = demand.peak;
    if watched < DAY || demand.service <= 0.0 {
        return None;
    }
    let rate = load.max(demand.load()) * SPARE / demand.service;
    let busiest = Demand { rate, closed: None, scaling: None, ..demand.clone() };
    let to = enough(&busiest)?;
    if demand.size < to.saturating_mul(2) || demand.size - to < WORTH_SHRINKING {
        return None;
    }
    let caution = format!(
        "Not when a busier day than the last {:.0} hours is to come: the largest load seen was {load:.1} connections. Idle connections \
         cost little but memory and a slot each.",
        watched.as_secs_f64() / 3600.0
    );
    let value = f64::from(demand.size - to) / 10.0;
    let doubts = vec![(0.8, "a day was seen, not a week".to_owned())];
    Some(Proposal { kind: Kind::ShrinkPool, to: Some(to), predicted: predict(&busiest, to), doubts, caution, value })
}

fn doubts(demand: &Demand, headroom: Option<u32>) -> Vec<(f64, String)> {
    let mut all: Vec<(f64, String)> = Vec::new();
    if is_hidden(demand) {
        all.push((0.5, "the pool was full for the whole window: only a lower bound is known".into()));
    } else if demand.wanted.is_some() {
        all.push((0.6, "clients of a session pool may come more when nobody holds them back".into()));
    } else if let Some(fit) = demand.fit {
        if demand.saturated {
            all.push((0.7, "the pool was full all the time: it holds if no more clients come than these".into()));
        } else if demand.arrivals.likely > 1.0 {
            let bunched = demand.arrivals.likely;
            all.push((
                0.7,
                format!("clients wait {fit:.1} times as long as steady arrivals would: taken for bunches (ca² = {bunched:.1})"),
            ));
        } else {
            let factor = if (0.5..=2.0).contains(&fit) { 1.0 } else { 0.5 };
            all.push((factor, format!("clients wait {fit:.1} times as long now as the model says of the present size")));
        }
    }
    if !demand.whole {
        all.push((0.8, format!("seen for {:.0} s only", demand.span)));
    }
    match demand.spread {
        Spread::Measured if demand.statements_per_transaction > 1.5 => {
            all.push((0.9, "how single statements vary is measured, transactions are taken for a sum of them".into()));
        }
        Spread::Measured => {}
        Spread::Estimated => all.push((0.95, "how much single times of a statement vary is assumed (exponential)".into())),
        Spread::Assumed => all.push((0.9, "how much single times vary is assumed (cv² = 1)".into())),
    }
    if demand.is_part {
        all.push((0.8, "the pooler counts by database: this user's part is by its statements and its queue".into()));
    }
    if demand.counts == Counts::Looks {
        all.push((0.7, "how long transactions hold a connection is from looks, since this pooler counts it otherwise".into()));
    }
    if demand.scaling.is_some() {
        all.push((0.8, "transactions slow each other down: how much with more connections is from how much with fewer".into()));
    }
    if demand.unsteady > UNSTEADY {
        all.push((0.6, format!("the load is unsteady: its rates differ by {:.0}%", demand.unsteady * 100.0)));
    }
    if headroom.is_none() {
        all.push((0.7, "how many connections the server could take is not known".into()));
    }
    if demand.bound == Bound::Unseen {
        all.push((0.6, "what the server is busy with cannot be seen".into()));
    }
    all
}

#[cfg(test)]
mod tests;
