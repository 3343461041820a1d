//! The disk part of `size_growth`: it is full soon. Two lines through its past are looked at, and the sooner end counts:
//!
//! - The surest there is. A history of hours to weeks says how fast it fills, within bounds; where those leave open whether it does so
//!   in time, and where nothing is kept, what was seen since the start says.
//! - The last minutes, when at their pace it is full within the critical time: to a line through days a sudden fill is an outlier until it is
//!   too late. At a slower pace there is time enough for the first to see it.
//!
//! How long that is follows from what is free now. The figure is the growth per day, as that of the rule's other part, and its level the
//! growth that would fill the disk in the time allowed.

use super::{Breach, DAY, Finding, time};
use crate::{
    model::outlook::Filling,
    probe::database::size::Pace,
    region::{
        seen::{Seen, Signal},
        thresholds::Thresholds,
    },
};

/// What a sudden fill began stays until its pace is this many times slower than what began it.
const CALMER: f64 = 2.0;

/// What is found; nothing where nobody tells of the disk.
pub(super) fn full(seen: &Seen, limits: &Thresholds) -> impl Iterator<Item = Finding> {
    let (surest, sudden) = match &seen.host {
        Signal::Fresh(host) => match host.disk_free_bytes.map(|free| free as f64) {
            Some(free) => {
                let used = host.disk_size_bytes.map(|size| size as f64 - free).filter(|used| *used > 0.0);
                let disk = Disk { free, used, database: seen.size_bytes.map(|size| size as f64), limits };
                (Some(disk.surest(seen)), seen.disk_pace_lately.map(|pace| disk.sudden(pace)))
            }
            None => (None, None),
        },
        Signal::Stale => (Some(Finding::Unseen), None),
        Signal::Absent => (None, None),
    };
    surest.into_iter().chain(sudden)
}

struct Disk<'a> {
    free: f64,
    used: Option<f64>,
    database: Option<f64>,
    limits: &'a Thresholds,
}

/// One view of how it fills.
struct View {
    per_day: f64,
    /// Of which that is the growth.
    of: Option<f64>,
    /// By which past, and how sure: `, by the last 20 minutes`.
    by: String,
    what: &'static str,
}

impl Disk<'_> {
    fn surest(&self, seen: &Seen) -> Finding {
        let (soon, clear) = (self.limits.disk_full_within.as_secs_f64(), self.limits.disk_full_within_clear.as_secs_f64());
        match seen.outlook.fresh().and_then(|outlook| outlook.disk) {
            Some(history) if history.at_least > 0.0 => {
                return self.judged(history.per_day, soon, clear, || self.by_history(history));
            }
            Some(history) if self.left(history.at_most) > clear => return Finding::Clear,
            _ => {}
        }
        if let Some(pace) = seen.disk_pace.filter(|_| self.used.is_some()) {
            return self.judged(pace.per_day, soon, clear, || self.by_pace(pace));
        }
        // Until that is known, and where the size is not.
        match seen.growth_per_day.zip(self.database) {
            Some((growth, size)) => self.judged(growth * size, soon, clear, || View {
                per_day: growth * size,
                of: Some(size),
                by: " at the present growth".to_owned(),
                what: "the database grows",
            }),
            None => Finding::Unseen,
        }
    }

    fn sudden(&self, pace: Pace) -> Finding {
        let critical = self.limits.disk_full_within_critical.as_secs_f64();
        self.judged(pace.per_day, critical, critical * CALMER, || self.by_pace(pace))
    }

    /// Seconds until it is full.
    fn left(&self, per_day: f64) -> f64 {
        if per_day > 0.0 { self.free / per_day * DAY } else { f64::INFINITY }
    }

    fn judged(&self, per_day: f64, fires: f64, clear: f64, view: impl FnOnce() -> View) -> Finding {
        match self.left(per_day) {
            left if left < fires => Finding::Breach(self.breach(left, &view())),
            left if left <= clear => Finding::Between(self.breach(left, &view())),
            _ => Finding::Clear,
        }
    }

    fn by_history(&self, history: Filling) -> View {
        let [soonest, latest] = [history.at_most, history.at_least].map(|per_day| time(self.left(per_day)));
        let over = time(history.over.as_secs_f64());
        View {
            per_day: history.per_day,
            of: self.used.or(self.database),
            by: format!(" ({soonest} to {latest}), by its history of {over}"),
            what: "what is on it grows",
        }
    }

    fn by_pace(&self, pace: Pace) -> View {
        let by = format!(", by the last {}", time(pace.over.as_secs_f64()));
        View { per_day: pace.per_day, of: self.used, by, what: "what is on it grows" }
    }

    fn breach(&self, left: f64, view: &View) -> Breach {
        let critical = self.limits.disk_full_within_critical.as_secs_f64();
        let is_critical = left < critical;
        let allowed = if is_critical { critical } else { self.limits.disk_full_within.as_secs_f64() };
        Breach {
            high: true,
            critical: is_critical,
            value: view.of.map(|of| view.per_day / of),
            threshold: view.of.map(|of| self.free / of / (allowed / DAY)),
            message: format!(
                "The disk is full in {}{}: {} are free, and {} by {} a day.",
                time(left),
                view.by,
                bytes(self.free),
                view.what,
                bytes(view.per_day)
            ),
            ..Breach::default()
        }
    }
}

/// Bytes as a person reads them: `512 KiB`, `1.5 GiB`.
fn bytes(bytes: f64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (bytes / 1_024.0, units[0]);
    for next in &units[1..] {
        if value < 1_024.0 {
            break;
        }
        (value, unit) = (value / 1_024.0, next);
    }
    if value < 10.0 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

#[cfg(test)]
mod tests;
