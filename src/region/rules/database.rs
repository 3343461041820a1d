//! The database's own figures: `error_rate`, `cache_hit_low`, `size_growth`.

use super::{Breach, Finding, above, count, disk, percent, worst};
use crate::region::{seen::Seen, thresholds::Thresholds, window::Sums};

/// Too many transactions fail.
pub(super) fn error_rate(seen: &Seen, limits: &Thresholds) -> Finding {
    let Some(sums) = seen.transactions.fresh() else { return Finding::Unseen };
    // What failed before it became a transaction counts as well: nothing may get through at all.
    if sums.transactions.max(sums.failed()) < u64::from(limits.error_rate_min_transactions) {
        return Finding::Clear;
    }
    let rate = sums.error_rate().unwrap_or_default();
    above(rate, limits.error_rate_clear, limits.error_rate, || Breach {
        value: Some(rate),
        threshold: Some(limits.error_rate),
        message: format!(
            "{} of the transactions fail: {} of {} were rolled back or their sessions ended{}.",
            percent(rate),
            sums.failed(),
            sums.transactions,
            largest(sums)
        ),
        ..Breach::default()
    })
}

/// The causes that have a name of their own, the two largest: `; 41 deadlocks, 3 sessions killed`.
fn largest(sums: &Sums) -> String {
    let mut causes = [
        (sums.deadlocks, "deadlock", ""),
        (sums.conflicts, "conflict", " with recovery"),
        (sums.killed, "session", " killed"),
        (sums.fatal, "session", " ended by a fatal error"),
        (sums.pooler, "error", " of the pooler"),
    ];
    causes.sort_by_key(|(number, ..)| std::cmp::Reverse(*number));
    let named = causes.iter().take(2).filter(|(number, ..)| *number > 0);
    let named: Vec<_> = named.map(|(number, noun, how)| format!("{}{how}", count(*number, noun))).collect();
    if named.is_empty() { String::new() } else { format!("; {}", named.join(", ")) }
}

/// The cache misses too often.
pub(super) fn cache_hit(seen: &Seen, limits: &Thresholds) -> Finding {
    let Some(sums) = seen.blocks.fresh() else { return Finding::Unseen };
    if sums.reads < u64::from(limits.cache_hit_min_reads) {
        return Finding::Clear;
    }
    let ratio = sums.cache_hit_ratio().unwrap_or(1.0);
    let breach = Breach {
        value: Some(ratio),
        threshold: Some(limits.cache_hit_ratio),
        message: format!(
            "Only {} of the blocks came from the cache; {} read over {}.",
            percent(ratio),
            count(sums.reads, "block"),
            humantime::format_duration(limits.cache_hit_window)
        ),
        ..Breach::default()
    };
    match ratio {
        ratio if ratio < limits.cache_hit_ratio => Finding::Breach(breach),
        ratio if ratio <= limits.cache_hit_ratio_clear => Finding::Between(breach),
        _ => Finding::Clear,
    }
}

/// The database grows too fast, for itself or for its disk.
pub(super) fn growth(seen: &Seen, limits: &Thresholds) -> Finding {
    // A disk fills, and is emptied, whether or not the role may see the size of this database.
    let unseen = if seen.size_is_hidden { Finding::Clear } else { Finding::Unseen };
    let own = seen.growth_per_day.map_or(unseen, |growth| {
        above(growth, limits.size_growth_per_day_clear, limits.size_growth_per_day, || Breach {
            value: Some(growth),
            threshold: Some(limits.size_growth_per_day),
            message: format!("The database grows by {} a day.", percent(growth)),
            ..Breach::default()
        })
    });
    worst(std::iter::once(own).chain(disk::full(seen, limits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_causes_are_named() {
        let sums = Sums { rollbacks: 41, deadlocks: 41, killed: 3, fatal: 1, ..Sums::default() };
        assert_eq!(largest(&sums), "; 41 deadlocks, 3 sessions killed");
        assert_eq!(largest(&Sums { rollbacks: 9, pooler: 1, ..Sums::default() }), "; 1 error of the pooler");
        assert_eq!(largest(&Sums { rollbacks: 9, ..Sums::default() }), "");
    }
}
