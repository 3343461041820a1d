//! What the model says of the present size, held against how long clients wait now: where they wait much longer, they come in bunches, or
//! something else is missing from the model. Pure.

use super::{
    contention::longer,
    demand::Demand,
    queueing::{self, Source},
};

/// So far off, either way, the model stands as it is: half a minute of waits differs by that much from the next.
const FITS: std::ops::RangeInclusive<f64> = 0.5..=2.0;
/// Both next to nothing, seconds.
const NOTHING: f64 = 0.0005;
/// The most that waits are off, for words.
const MOST: f64 = 20.0;
/// Without a sign of bunches in the counts, they are taken for this bunched at most.
const MOST_UNSEEN: f64 = 4.0;

/// The wait that the model says of a size.
pub(super) fn model(demand: &Demand, size: u32, factor: f64, arrivals: f64, services: f64) -> Option<queueing::Wait> {
    let source = source(demand, factor);
    let (service, slower) = shared(demand, source, size)?;
    let mut wait = queueing::wait(size, source, service, arrivals, services)?;
    if slower > 1.0 {
        (wait.mean, wait.p95) = (wait.mean * slower, wait.p95 * slower);
        if let Source::Closed(clients, think) = source {
            wait.throughput = f64::from(clients) / (think + service + wait.mean);
            wait.utilization = (wait.throughput * service / f64::from(size)).min(1.0);
        }
    }
    Some(wait)
}

fn source(demand: &Demand, factor: f64) -> Source {
    match demand.closed {
        Some((clients, think)) => Source::Closed(clients, think / factor.max(0.1)),
        None => Source::Open(demand.rate * factor),
    }
}

/// How long a transaction would hold a connection of a pool of that size, in the mean.
pub(super) fn service(demand: &Demand, size: u32) -> Option<f64> {
    shared(demand, source(demand, 1.0), size).map(|(service, _)| service)
}

/// The same of these clients, and how much longer they wait than if it always took that long: with a queue all are at work, and each takes
/// longest then.
fn shared(demand: &Demand, source: Source, size: u32) -> Option<(f64, f64)> {
    let Some(sigma) = demand.scaling.map(|scaling| scaling.sigma) else { return Some((demand.service, 1.0)) };
    let alone = alone(demand, sigma);
    let (service, wait) = queueing::shared(size, source, |at_work| alone * longer(sigma, at_work))?;
    let steady = queueing::wait(size, source, service, 1.0, 1.0)?.mean;
    Some((service, if steady > NOTHING / 5.0 { (wait / steady).clamp(1.0, MOST) } else { 1.0 }))
}

/// What it takes alone, so that with the present size it takes what it does.
fn alone(demand: &Demand, sigma: f64) -> f64 {
    let source = source(demand, 1.0);
    let is_slower = |alone: f64| {
        let shared = queueing::shared(demand.size, source, |at_work| alone * longer(sigma, at_work));
        shared.is_none_or(|(service, _)| service > demand.service)
    };
    let (mut below, mut above) = (demand.service / longer(sigma, f64::from(demand.size)), demand.service);
    for _ in 0..30 {
        let middle = f64::midpoint(below, above);
        if is_slower(middle) { above = middle } else { below = middle }
    }
    below
}

/// How many times as long as modelled clients wait now; none where both are next to nothing.
pub(super) fn fit(demand: &Demand, arrivals: f64) -> Option<f64> {
    let modelled = model(demand, demand.size, 1.0, arrivals, demand.services.likely)?.mean;
    let tells = modelled > NOTHING || demand.wait > NOTHING;
    tells.then(|| (demand.wait / modelled.max(NOTHING / 5.0)).clamp(1.0 / MOST, MOST))
}

/// With arrivals as bunched as the present wait says, within what the counts say.
pub(super) fn fitted(mut demand: Demand) -> Demand {
    let sees_bunches = demand.arrivals.likely > 1.0;
    let steady = fit(&demand, 1.0);
    demand.fit = steady;
    let late = steady.is_some_and(|fit| fit > *FITS.end());
    if demand.saturated || demand.wanted.is_some() {
        return demand;
    }
    if !late {
        // The counts differ, and nobody waits for it: the load drifts.
        demand.arrivals.likely = 1.0;
        return demand;
    }
    // Bunches of few clients are bunches of many.
    if sees_bunches {
        demand.closed = None;
    }
    if demand.closed.is_some() {
        return demand;
    }
    let most = if sees_bunches { demand.arrivals.high } else { MOST_UNSEEN };
    let is_longer = |bunched: f64| fit(&demand, bunched).is_none_or(|fit| fit > 1.0);
    let (mut below, mut above) = (1.0, most);
    for _ in 0..30 {
        let middle = f64::midpoint(below, above);
        if is_longer(middle) { below = middle } else { above = middle }
    }
    demand.arrivals.likely = below;
    demand.arrivals.high = demand.arrivals.high.max(1.5 * below);
    demand
}
