//! What is too much: the levels, times and severities that a target is judged by.
//!
//! `[thresholds]` comes in layers: the defaults below are the contract's, `global.toml` changes them for everybody, a region's
//! file for the region, `[target.thresholds]` for one target. Each layer is a [`Patch`], applied with
//! [`Thresholds::apply`], which names everything that is wrong with it at once.
//!
//! A level that fires has one that clears, on the safe side of it, so that a figure on the edge does not flap. Who moves
//! only the firing level moves the clear level with it, in proportion.
//!
//! ```toml
//! [thresholds]
//! pool_utilization = 0.8
//! blocked_age = "5s"
//! [thresholds.rules.pool_saturated]
//! for = "3s"
//! severity = "high"
//! ```

mod rule;

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Deserializer, de::Error};

use crate::model::Rule;
pub use rule::{RulePatch, RuleSettings};

/// A length of time as it is written in the configuration: `"250ms"`, `"1m 30s"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        humantime::parse_duration(&text).map(Self).map_err(|_| {
            D::Error::custom(format!("`{text}` is no length of time; write it like \"250ms\", \"10s\" or \"1m 30s\""))
        })
    }
}

/// Something wrong with one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its key below `[thresholds]`, e.g. `pool_utilization` or `rules.pool_saturated.for`.
    pub key: String,
    /// The value as it was understood.
    pub value: String,
    /// What to write instead.
    pub fix: String,
}

/// How one kind of value is written and shown.
pub trait Setting: Copy + PartialOrd {
    /// As it is in the configuration.
    type Written: Copy;
    /// What was written, as a value.
    fn read(written: Self::Written) -> Self;
    /// The value as a person would write it.
    fn show(self) -> String;
}

impl Setting for f64 {
    type Written = Self;
    fn read(written: Self) -> Self {
        written
    }
    fn show(self) -> String {
        self.to_string()
    }
}

impl Setting for u32 {
    type Written = Self;
    fn read(written: Self) -> Self {
        written
    }
    fn show(self) -> String {
        self.to_string()
    }
}

impl Setting for Duration {
    type Written = Span;
    fn read(written: Span) -> Self {
        written.0
    }
    fn show(self) -> String {
        humantime::format_duration(self).to_string()
    }
}

macro_rules! thresholds {
    ($($(#[$doc:meta])* $key:ident: $kind:ty = $default:expr, $low:expr => $high:expr;)*) => {
        /// The levels that a target is judged by, all layers applied.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Thresholds {
            $($(#[$doc])* pub $key: $kind,)*
            /// What can be set for each rule alike.
            pub rules: BTreeMap<Rule, RuleSettings>,
        }

        /// One layer of `[thresholds]`: what it does not name stays as it was.
        #[derive(Debug, Clone, PartialEq, Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Patch {
            $($(#[$doc])* pub $key: Option<<$kind as Setting>::Written>,)*
            /// `[thresholds.rules.<rule>]`.
            pub rules: BTreeMap<Rule, RulePatch>,
        }

        impl Default for Thresholds {
            fn default() -> Self {
                Self { $($key: $default,)* rules: Rule::ALL.iter().map(|rule| (*rule, RuleSettings::of(*rule))).collect() }
            }
        }

        impl Thresholds {
            /// Sets what the patch names and its range allows.
            fn set(&mut self, patch: &Patch, problems: &mut Vec<Problem>) {
                $(if let Some(value) = patch.$key.map(<$kind as Setting>::read) {
                    let (low, high): ($kind, $kind) = ($low, $high);
                    if (low..=high).contains(&value) {
                        self.$key = value;
                    } else {
                        problems.push(Problem {
                            key: stringify!($key).to_owned(),
                            value: value.show(),
                            fix: format!("a value from {} to {}", low.show(), high.show()),
                        });
                    }
                })*
            }
        }
    };
}

/// Levels that are lengths of time reach from what the fast lane can tell apart to a day.
const SHORTEST: Duration = Duration::from_millis(100);
const DAY: Duration = Duration::from_hours(24);
/// What is beyond a year is no forecast.
const YEAR: Duration = Duration::from_hours(365 * 24);

thresholds! {
    /// `pool_saturated` fires above this share of the server's slots or of the fullest pool, 0..1.
    pool_utilization: f64 = 0.8, 0.01 => 1.0;
    /// `pool_saturated` is critical above this, 0..1.
    pool_utilization_critical: f64 = 0.95, 0.01 => 1.0;
    /// `pool_saturated` clears below this, 0..1.
    pool_utilization_clear: f64 = 0.7, 0.0 => 1.0;
    /// `pool_waiting` fires when the oldest waiting client has waited longer than this, milliseconds; what it has waited counts
    /// towards the rule's `for`.
    pool_wait_ms: f64 = 500.0, 1.0 => 3_600_000.0;
    /// `pool_waiting` is critical above this, milliseconds.
    pool_wait_critical_ms: f64 = 5_000.0, 1.0 => 3_600_000.0;
    /// `pool_waiting` clears below this, milliseconds.
    pool_wait_clear_ms: f64 = 250.0, 0.0 => 3_600_000.0;
    /// `connection_leak` looks at sessions idle in transaction for longer than this.
    leak_age: Duration = Duration::from_mins(1), SHORTEST => DAY;
    /// `connection_leak` fires when those hold more than this share of the target's connections, 0..1.
    leak_share: f64 = 0.1, 0.0 => 1.0;
    /// `connection_leak` clears when they hold at most this share and block nobody, 0..1.
    leak_share_clear: f64 = 0.08, 0.0 => 1.0;
    /// `blocking_chain` fires when a session has been blocked by another for longer than this.
    blocked_age: Duration = Duration::from_secs(5), SHORTEST => DAY;
    /// `blocking_chain` clears when none has been blocked for longer than this.
    blocked_age_clear: Duration = Duration::from_secs(4), Duration::ZERO => DAY;
    /// A statement is slow, and `query_slow` fires, above this mean time, milliseconds.
    average_query_ms: f64 = 1_000.0, 0.1 => 3_600_000.0;
    /// `query_slow` clears below this mean time, milliseconds.
    average_query_clear_ms: f64 = 800.0, 0.0 => 3_600_000.0;
    /// `query_slow` fires too when queries running for longer than `average_query_ms` make up more than this share of the
    /// active sessions, 0..1.
    slow_sessions_share: f64 = 0.5, 0.0 => 1.0;
    /// `slow_query_rate` fires above this slow share of the calls, 0..1.
    slow_query_rate: f64 = 0.05, 0.0 => 1.0;
    /// `slow_query_rate` clears below this, 0..1.
    slow_query_rate_clear: f64 = 0.04, 0.0 => 1.0;
    /// `error_rate` fires above this failed share of the transactions, 0..1.
    error_rate: f64 = 0.01, 0.0 => 1.0;
    /// `error_rate` clears below this, 0..1.
    error_rate_clear: f64 = 0.008, 0.0 => 1.0;
    /// `error_rate` says nothing about windows with fewer transactions than this.
    error_rate_min_transactions: u32 = 50, 1 => 1_000_000;
    /// `cache_hit_low` fires below this ratio, 0..1.
    cache_hit_ratio: f64 = 0.9, 0.0 => 1.0;
    /// `cache_hit_low` clears above this ratio, 0..1.
    cache_hit_ratio_clear: f64 = 0.92, 0.0 => 1.0;
    /// `cache_hit_low` looks at the ratio over this time.
    cache_hit_window: Duration = Duration::from_mins(5), Duration::from_secs(1) => DAY;
    /// `cache_hit_low` says nothing about windows with fewer blocks read than this: an idle database's few reads prove
    /// nothing. Ten a second over five minutes unless told.
    cache_hit_min_reads: u32 = 3_000, 1 => 1_000_000_000;
    /// `size_growth` fires above this growth as a fraction per day.
    size_growth_per_day: f64 = 0.1, 0.0001 => 100.0;
    /// `size_growth` clears below this growth as a fraction per day.
    size_growth_per_day_clear: f64 = 0.08, 0.0 => 100.0;
    /// `replication_lag` fires when what a replica shows is older than this.
    replication_lag: Duration = Duration::from_secs(10), SHORTEST => DAY;
    /// `replication_lag` is critical above this.
    replication_lag_critical: Duration = Duration::from_mins(1), SHORTEST => DAY;
    /// `replication_lag` clears below this.
    replication_lag_clear: Duration = Duration::from_secs(8), Duration::ZERO => DAY;
    /// `replication_lag` fires too when a slot retains more than this share of what it may, 0..1.
    slot_retained_share: f64 = 0.8, 0.01 => 1.0;
    /// `replication_lag` clears when every slot retains less than this share, 0..1.
    slot_retained_share_clear: f64 = 0.7, 0.0 => 1.0;
    /// `size_growth` is high when the disk is full within this time if it goes on so, where the provider tells of the disk.
    disk_full_within: Duration = Duration::from_hours(7 * 24), SHORTEST => YEAR;
    /// `size_growth` is critical when the disk is full within this time.
    disk_full_within_critical: Duration = DAY, SHORTEST => YEAR;
    /// `size_growth` clears when the disk lasts for longer than this.
    disk_full_within_clear: Duration = Duration::from_hours(8 * 24), SHORTEST => YEAR;
    /// `xid_wraparound` fires when the oldest transaction or multixact id is older than this share of the limit, 0..1.
    xid_age: f64 = 0.5, 0.01 => 1.0;
    /// `xid_wraparound` is high above this, 0..1.
    xid_age_high: f64 = 0.75, 0.01 => 1.0;
    /// `xid_wraparound` is critical above this, 0..1.
    xid_age_critical: f64 = 0.9, 0.01 => 1.0;
    /// `xid_wraparound` clears below this, 0..1.
    xid_age_clear: f64 = 0.45, 0.0 => 1.0;
    /// `database_down`, `database_unresponsive`, `database_rejecting` and `pooler_down` fire after this many failed attempts.
    failed_attempts: u32 = 2, 1 => 20;
    /// `pooler_down` fires only when the first and the newest of the failed attempts are so far apart, so that a restart is none.
    /// One that got no answer at all has waited for long enough by itself.
    pooler_grace: Duration = Duration::from_secs(1), Duration::ZERO => DAY;
    /// `region_blind` fires when no report came from any node of the region for this long. In `global.toml` only.
    region_blind_after: Duration = Duration::from_secs(5), Duration::from_secs(2) => DAY;
}

impl Thresholds {
    /// The settings of one rule.
    pub fn rule(&self, rule: Rule) -> RuleSettings {
        self.rules.get(&rule).copied().unwrap_or_else(|| RuleSettings::of(rule))
    }

    /// Lays a patch over these. What is out of its range is left as it was and named; so is every pair of levels in the wrong
    /// order.
    pub fn apply(&mut self, patch: &Patch) -> Vec<Problem> {
        let mut problems = Vec::new();
        let old = self.clone();
        self.set(patch, &mut problems);
        self.follow(&old, patch);
        self.check_order(&mut problems);
        for (rule, patch) in &patch.rules {
            let mut settings = self.rule(*rule);
            settings.apply(*rule, patch, &mut problems);
            self.rules.insert(*rule, settings);
        }
        problems
    }

    /// Moves the clear levels that the patch does not name along with their firing levels.
    fn follow(&mut self, old: &Self, patch: &Patch) {
        macro_rules! follow {
            ($($fire:ident -> $clear:ident),*) => {
                $(if patch.$fire.is_some() && patch.$clear.is_none() && old.$fire > 0.0 {
                    self.$clear = old.$clear * self.$fire / old.$fire;
                })*
            };
        }
        follow!(
            pool_utilization -> pool_utilization_clear, pool_wait_ms -> pool_wait_clear_ms, leak_share -> leak_share_clear,
            average_query_ms -> average_query_clear_ms, slow_query_rate -> slow_query_rate_clear, error_rate -> error_rate_clear,
            size_growth_per_day -> size_growth_per_day_clear, slot_retained_share -> slot_retained_share_clear, xid_age -> xid_age_clear
        );
        macro_rules! follow_in_time {
            ($($fire:ident -> $clear:ident),*) => {
                $(if patch.$fire.is_some() && patch.$clear.is_none() {
                    self.$clear = old.$clear.mul_f64(self.$fire.as_secs_f64() / old.$fire.as_secs_f64());
                })*
            };
        }
        follow_in_time!(blocked_age -> blocked_age_clear, replication_lag -> replication_lag_clear, disk_full_within -> disk_full_within_clear);
        if patch.cache_hit_ratio.is_some() && patch.cache_hit_ratio_clear.is_none() && old.cache_hit_ratio < 1.0 {
            let share = (1.0 - self.cache_hit_ratio) / (1.0 - old.cache_hit_ratio);
            self.cache_hit_ratio_clear = 1.0 - (1.0 - old.cache_hit_ratio_clear) * share;
        }
    }

    /// Clear below fire, fire below critical; for the cache, where less is worse, the other way round.
    fn check_order(&self, problems: &mut Vec<Problem>) {
        macro_rules! order {
            ($($low:ident < $high:ident),*) => {
                [$((stringify!($low), self.$low.show(), stringify!($high), self.$high.show(), self.$low < self.$high)),*]
            };
        }
        let pairs = order!(
            pool_utilization_clear < pool_utilization,
            pool_utilization < pool_utilization_critical,
            pool_wait_clear_ms < pool_wait_ms,
            pool_wait_ms < pool_wait_critical_ms,
            leak_share_clear < leak_share,
            blocked_age_clear < blocked_age,
            average_query_clear_ms < average_query_ms,
            slow_query_rate_clear < slow_query_rate,
            error_rate_clear < error_rate,
            cache_hit_ratio < cache_hit_ratio_clear,
            size_growth_per_day_clear < size_growth_per_day,
            replication_lag_clear < replication_lag,
            replication_lag < replication_lag_critical,
            slot_retained_share_clear < slot_retained_share,
            disk_full_within_critical < disk_full_within,
            disk_full_within < disk_full_within_clear,
            xid_age_clear < xid_age,
            xid_age < xid_age_high,
            xid_age_high < xid_age_critical
        );
        // Zero as a firing level means "any at all" and has nothing below it to clear at.
        let fine = |low: &str, high: &str, ordered: bool| ordered || (low == "0" && high == "0");
        problems.extend(pairs.into_iter().filter(|(_, low, _, high, ordered)| !fine(low, high, *ordered)).map(
            |(low_key, low, high_key, high, _)| Problem {
                key: low_key.to_owned(),
                value: low,
                fix: format!("a value below `{high_key}`, which is {high}; or a larger `{high_key}`"),
            },
        ));
    }
}

#[cfg(test)]
mod tests;
