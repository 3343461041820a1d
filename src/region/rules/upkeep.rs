//! What runs out: `xid_wraparound`, and the disk part of `size_growth`.

use super::{Breach, Finding, above, percent};
use crate::{
    model::vitals::{Holder, Upkeep},
    region::{
        seen::{Seen, Signal},
        thresholds::Thresholds,
    },
};

const DAY: f64 = 86_400.0;

/// Transaction or multixact ids run out.
pub(super) fn wraparound(seen: &Seen, limits: &Thresholds) -> Finding {
    let Some(upkeep) = seen.upkeep.fresh() else { return Finding::Unseen };
    let Some(oldest) = oldest(upkeep) else { return Finding::Unseen };
    let Some(limit) = upkeep.age_limit.filter(|limit| *limit > 0) else { return Finding::Unseen };
    let share = oldest.age as f64 / limit as f64;
    let (high, critical) = (share > limits.xid_age_high, share > limits.xid_age_critical);
    above(share, limits.xid_age_clear, limits.xid_age, || Breach {
        high,
        critical,
        value: Some(share),
        threshold: Some(match (high, critical) {
            (_, true) => limits.xid_age_critical,
            (true, _) => limits.xid_age_high,
            _ => limits.xid_age,
        }),
        message: format!(
            "{} of the {} are used up{}{}{}.",
            percent(share),
            oldest.what,
            oldest.database.map(|name| format!(", by the oldest in database {name}")).unwrap_or_default(),
            oldest.left(limit).map(|left| format!("; {} are left at the present rate", time(left))).unwrap_or_default(),
            oldest.holder.map(|it| format!("; vacuum is held back by the {} {}", it.kind, it.name)).unwrap_or_default(),
        ),
        ..Breach::default()
    })
}

/// One kind of ids.
struct Ids<'a> {
    what: &'static str,
    age: u64,
    database: Option<&'a str>,
    per_second: Option<f64>,
    /// Who has held more than half of that age for himself is why vacuum does not help.
    holder: Option<&'a Holder>,
}

impl Ids<'_> {
    /// Until this kind reaches the limit, seconds; the other may do so sooner, or never.
    fn left(&self, limit: u64) -> Option<f64> {
        let per_second = self.per_second.filter(|rate| *rate > 0.0)?;
        Some(limit.saturating_sub(self.age) as f64 / per_second)
    }
}

/// The older of the two kinds of ids, as a share they have the same limit.
fn oldest(upkeep: &Upkeep) -> Option<Ids<'_>> {
    let xids = upkeep.xid_age.map(|age| Ids {
        what: "transaction ids",
        age,
        database: upkeep.xid_database.as_deref(),
        per_second: upkeep.xids_per_second,
        holder: upkeep.holders.first().filter(|holder| holder.age > age / 2),
    });
    // A holder's age is known in transactions only, which says nothing of multixacts.
    let multixacts = upkeep.multixact_age.map(|age| Ids {
        what: "multixact ids",
        age,
        database: upkeep.multixact_database.as_deref(),
        per_second: upkeep.multixacts_per_second,
        holder: None,
    });
    xids.into_iter().chain(multixacts).max_by_key(|ids| ids.age)
}

/// The disk is full soon at the present pace: that of all that is on it, or the database's own until that is known; none where nobody tells
/// of the disk. Its figure is the growth per day, as that of the rule's other part, and its level the growth that would fill the disk in the
/// time allowed.
pub(super) fn disk(seen: &Seen, limits: &Thresholds) -> Option<Finding> {
    let host = match &seen.host {
        Signal::Fresh(host) => host,
        Signal::Stale => return Some(Finding::Unseen),
        Signal::Absent => return None,
    };
    let free = host.disk_free_bytes? as f64;
    let own = || Some((seen.growth_per_day? * seen.size_bytes? as f64, seen.size_bytes? as f64, "the database grows"));
    let used = host.disk_size_bytes.map(|size| size as f64 - free).filter(|used| *used > 0.0);
    let all = seen.disk_per_day.zip(used).map(|(per_day, used)| (per_day, used, "what is on it grows"));
    let Some((per_day, size, what)) = all.or_else(own) else { return Some(Finding::Unseen) };
    let growth = per_day / size;
    if per_day <= 0.0 {
        return Some(Finding::Clear);
    }
    let left = free / per_day * DAY;
    let [clear, soon, critical] =
        [limits.disk_full_within_clear, limits.disk_full_within, limits.disk_full_within_critical].map(|it| it.as_secs_f64());
    let allowed = if left < critical { critical } else { soon };
    let breach = Breach {
        high: true,
        critical: left < critical,
        value: Some(growth),
        threshold: Some(free / size / (allowed / DAY)),
        message: format!(
            "The disk is full in {} at the present growth: {} are free, and {what} by {} a day.",
            time(left),
            bytes(free),
            bytes(per_day)
        ),
        ..Breach::default()
    };
    Some(match left {
        left if left < soon => Finding::Breach(breach),
        left if left <= clear => Finding::Between(breach),
        _ => Finding::Clear,
    })
}

/// A long time as a person reads it: `5.2 hours`, `12 days`.
fn time(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 7_200.0 => format!("{:.0} minutes", seconds / 60.0),
        seconds if seconds < 2.0 * DAY => format!("{:.0} hours", seconds / 3_600.0),
        seconds if seconds < 10.0 * DAY => format!("{:.1} days", seconds / DAY),
        seconds => format!("{:.0} days", seconds / DAY),
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
