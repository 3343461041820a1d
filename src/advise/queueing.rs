//! What queueing theory says of clients who wait for one of `c` server connections. Pure; times in seconds, rates per second.
//!
//! ```text
//!  open     whoever comes, comes, however many wait       Erlang C, Allen-Cunneen's (ca² + cs²) / 2, Hayward's bunches
//!  closed   few clients, each asks again after thinking   mean value analysis, exact for exponential times
//!  shared   either, and each is slower the more are       birth and death, state by state, exact for exponential times
//!           at work
//! ```
//! Sources: Erlang (1917); Allen, Probability, Statistics and Queueing Theory (1990), 5.2 and 5.4; Fredericks, Congestion in blocking
//! systems (1980), and Whitt, Approximations for the GI/G/m queue (1993); Reiser and Lavenberg (1980).

/// The wait for a server connection, and how busy the connections are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Wait {
    /// Mean, over all who ask, seconds.
    pub(super) mean: f64,
    /// All but one in twenty wait no longer, seconds.
    pub(super) p95: f64,
    /// Share of the connections at work, 0..1.
    pub(super) utilization: f64,
    /// Served, per second.
    pub(super) throughput: f64,
}

/// One in twenty.
const TAIL: f64 = 0.05;

/// The probability that all of the servers are busy under an offered load in Erlangs; 1 when they cannot keep up. Erlang's B by its
/// recursion, which does not overflow, for any number of them: from Rapp's parabola between none and one.
pub(super) fn erlang_c(servers: f64, load: f64) -> f64 {
    if load >= servers {
        return 1.0;
    }
    let part = servers.fract();
    let shape = (1.0 + load).powi(2) + load;
    let first = 1.0 - (2.0 + load) / shape * part + part * part / ((1.0 + load) * shape);
    let blocked = (1..=servers.floor() as u32).fold(first, |blocked, n| {
        let n = f64::from(n) + part;
        load * blocked / (n + load * blocked)
    });
    servers * blocked / (servers - load * (1.0 - blocked))
}

/// The wait of an open queue, G/G/c. `arrivals` and `services` are the squared coefficients of variation of the times between arrivals and
/// of the service: with 1 and 1 it is M/M/c, exactly; Allen and Cunneen's approximation up to there. Arrivals in bunches are as if the
/// servers, too, came in bunches: Hayward's approximation, with (arrivals + 1) / 2 to a bunch. None when the queue grows without end.
pub(super) fn open(servers: u32, rate: f64, service: f64, arrivals: f64, services: f64) -> Option<Wait> {
    let (count, load) = (f64::from(servers), rate * service);
    if servers == 0 || load >= count {
        return None;
    }
    let bunch = f64::midpoint(arrivals, 1.0).max(1.0);
    let waits = erlang_c(count / bunch, load / bunch);
    let mean = waits * service / (count - load) * f64::midpoint(arrivals, services);
    Some(Wait { mean, p95: p95(waits, mean), utilization: load / count, throughput: rate })
}

/// The wait of `clients` who each ask, are served and think for a while, before they ask again. `services` as for [`open`]; however steady
/// the service, no server gives more than it can (the asymptotic bound).
pub(super) fn closed(servers: u32, clients: u32, service: f64, think: f64, services: f64) -> Option<Wait> {
    if servers == 0 || clients == 0 || service <= 0.0 {
        return None;
    }
    let at_work = |n: u32| f64::from(n.min(servers));
    // The probability of j clients at the station, as the next who comes finds it: of one client less.
    let mut found = vec![1.0];
    let mut response = service;
    for n in 1..=clients {
        let weighted = found.iter().zip(1_u32..).map(|(share, j)| share * f64::from(j) / at_work(j));
        response = service * weighted.sum::<f64>();
        if n == clients {
            break;
        }
        let throughput = f64::from(n) / (think + response);
        // That nobody is there is that all think: stable, where one less the sum of the others is not.
        let mut next = vec![found[0] * throughput * think / f64::from(n)];
        next.extend(found.iter().zip(1_u32..).map(|(share, j)| share * throughput * service / at_work(j)));
        found = next;
    }
    let waits: f64 = found.iter().skip(servers as usize).sum();
    let least = f64::from(clients) * service / f64::from(servers) - service - think;
    let mean = ((response - service) * f64::midpoint(1.0, services)).max(least).max(0.0);
    // Whoever waits for less asks more often.
    let throughput = f64::from(clients) / (think + service + mean);
    let utilization = (throughput * service / f64::from(servers)).min(1.0);
    Some(Wait { mean, p95: p95(waits, mean), utilization, throughput })
}

/// Who comes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Source {
    /// So many a second.
    Open(f64),
    /// So many clients, who think for so long.
    Closed(u32, f64),
}

/// The wait of either.
pub(super) fn wait(servers: u32, source: Source, service: f64, arrivals: f64, services: f64) -> Option<Wait> {
    match source {
        Source::Open(rate) => open(servers, rate, service, arrivals, services),
        Source::Closed(clients, think) => closed(servers, clients, service, think, services),
    }
}

/// The mean service and the mean wait when a transaction takes `service(n)` while n are at work. None when the queue grows without end.
pub(super) fn shared(servers: u32, source: Source, service: impl Fn(f64) -> f64) -> Option<(f64, f64)> {
    /// No client asks again at once.
    const THINKS: f64 = 1e-6;
    /// States are weighed by each other, and large weights would overflow.
    const LARGE: f64 = 1e200;
    if servers == 0 {
        return None;
    }
    let served = |n: u32| f64::from(n.min(servers)) / service(f64::from(n.min(servers)));
    let last = if let Source::Closed(clients, _) = source { clients } else { servers };
    let comes = |n: u32| match source {
        Source::Open(rate) => rate,
        Source::Closed(clients, think) => f64::from(clients - n) / think.max(THINKS),
    };
    let (mut weight, mut busy, mut queued, mut throughput) = (1.0, 0.0, 0.0, 0.0);
    for n in 1..=last {
        weight *= comes(n - 1) / served(n);
        busy += weight * f64::from(n.min(servers));
        queued += weight * f64::from(n.saturating_sub(servers));
        throughput += weight * served(n);
        if weight > LARGE {
            for sum in [&mut weight, &mut busy, &mut queued, &mut throughput] {
                *sum /= LARGE;
            }
        }
    }
    if let Source::Open(rate) = source {
        // With all at work, each state weighs so much of the one before.
        let rest = rate / served(servers);
        if rest >= 1.0 {
            return None;
        }
        let beyond = weight * rest / (1.0 - rest);
        busy += beyond * f64::from(servers);
        queued += beyond / (1.0 - rest);
        throughput += beyond * served(servers);
    }
    (throughput > 0.0).then(|| (busy / throughput, queued / throughput))
}

/// Whoever waits at all waits about exponentially long: exact for M/M/c, near enough for the others.
pub(super) fn p95(waits: f64, mean: f64) -> f64 {
    if waits <= TAIL { 0.0 } else { mean / waits * (waits / TAIL).ln() }
}

#[cfg(test)]
mod tests;
