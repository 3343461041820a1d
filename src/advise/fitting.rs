//! What the model says of the present size, held against how long clients wait now: where they wait much longer, they come in bunches, or
//! something else is missing from the model. Pure.

use super::{demand::Demand, queueing};

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
    match demand.closed {
        Some((clients, think)) => queueing::closed(size, clients, demand.service, think / factor.max(0.1), services),
        None => queueing::open(size, demand.rate * factor, demand.service, arrivals, services),
    }
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
