//! What runs out: `xid_wraparound`.

use super::{Breach, Finding, above, percent, time};
use crate::{
    model::vitals::{Holder, Upkeep},
    region::{seen::Seen, thresholds::Thresholds},
};

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

#[cfg(test)]
mod tests;
