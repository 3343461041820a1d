//! Which resolution answers a question, and in which steps. Pure.

use std::time::Duration;

use super::Settings;
use crate::model::{Timestamp, history::Resolution};

/// As many points as a chart has room for, when nobody says how many.
const FITS: i64 = 1_000;
/// More points than this nobody gets.
const MOST: i64 = 11_000;
/// What is forgotten goes minute by minute, so a range that just begins with what is kept is whole.
const TOLERANCE: i64 = 90;

const ALL: [Resolution; 4] = [Resolution::Raw, Resolution::TenSeconds, Resolution::FiveMinutes, Resolution::Hour];

/// How a question is answered; all in seconds, the borders on the grid of the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    /// What is read.
    pub(super) resolution: Resolution,
    /// The length of a bucket of the answer.
    pub(super) step: i64,
    /// The beginning of the first.
    pub(super) from: i64,
    /// The end of the last.
    pub(super) to: i64,
}

fn length(of: Resolution) -> i64 {
    of.length().as_secs().cast_signed()
}

/// How to answer: with the finest that is kept so long and has some hundred points; with a step, the coarsest that it consists of.
pub(super) fn choose(from: Timestamp, to: Timestamp, step: Option<Duration>, now: Timestamp, keeps: &Settings) -> Plan {
    let from = from.unix_ms().div_euclid(1_000);
    let to = to.unix_ms().saturating_add(999).div_euclid(1_000).max(from);
    let now = now.unix_ms().div_euclid(1_000);
    let keeps = |of: &Resolution| now - keeps.keep(*of).as_secs().cast_signed() <= from + TOLERANCE;
    let range = to - from;
    let (resolution, mut step) = match step {
        None => {
            let fits = |of: &Resolution| range / length(*of) <= FITS;
            let found = ALL.into_iter().find(|of| keeps(of) && fits(of)).unwrap_or(Resolution::Hour);
            (found, length(found) * (range / length(found) / FITS).max(1))
        }
        Some(step) => {
            let step = step.as_secs().saturating_add(u64::from(step.subsec_nanos() > 0)).clamp(1, 1 << 40).cast_signed();
            let made_of = |of: &Resolution| length(*of) <= step && step % length(*of) == 0;
            let finer = ALL.into_iter().rev().find(|of| made_of(of) && keeps(of));
            // What it consists of is forgotten: of what is left the finest, in steps that are longer.
            let found = finer.or_else(|| ALL.into_iter().find(keeps)).unwrap_or(Resolution::Hour);
            (found, (step + length(found) - 1).div_euclid(length(found)) * length(found))
        }
    };
    step *= (range / step / MOST) + 1;
    let (from, to) = (from.div_euclid(step) * step, (to + step - 1).div_euclid(step) * step);
    Plan { resolution, step, from, to }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    const NOW: &str = "2026-11-30T12:00:00.500Z";

    fn at(text: &str) -> Timestamp {
        serde_json::from_value(text.into()).expect("a moment")
    }

    /// What answers a question about so long until now, in steps of so many seconds.
    fn chosen(range: u64, step: Option<u64>) -> (Resolution, i64) {
        let now = at(NOW);
        let plan = choose(now.before(Duration::from_secs(range)), now, step.map(Duration::from_secs), now, &Settings::default());
        assert!(plan.from % plan.step == 0 && plan.to % plan.step == 0 && plan.step % length(plan.resolution) == 0, "{plan:?}");
        assert!(plan.from * 1_000 <= now.unix_ms() - range.cast_signed() * 1_000 && plan.to * 1_000 >= now.unix_ms());
        (plan.resolution, plan.step)
    }

    const HOUR: u64 = 3_600;
    const DAY: u64 = 24 * HOUR;

    #[test]
    fn without_a_step_some_hundred_points_come_from_the_finest_that_is_kept() {
        use Resolution::{FiveMinutes, Hour, Raw, TenSeconds};
        let table = [
            (600, Raw, 1),
            (HOUR, TenSeconds, 10),
            (DAY, FiveMinutes, 300),
            (3 * DAY, FiveMinutes, 300),
            (7 * DAY, Hour, 3_600),
            (30 * DAY, Hour, 3_600),
            (730 * DAY, Hour, 17 * 3_600),
        ];
        for (range, resolution, step) in table {
            assert_eq!(chosen(range, None), (resolution, step), "{range}");
        }
    }

    #[test]
    fn a_step_is_made_of_the_coarsest_that_it_consists_of_and_that_is_kept() {
        use Resolution::{FiveMinutes, Hour, Raw, TenSeconds};
        let table = [
            (600, 1, Raw, 1),
            (600, 7, Raw, 7),
            (HOUR, 30, TenSeconds, 30),
            (2 * HOUR, 7, TenSeconds, 10),
            (DAY, 600, FiveMinutes, 600),
            (DAY, 420, TenSeconds, 420),
            (3 * DAY, 420, FiveMinutes, 600),
            (3 * DAY, 10, FiveMinutes, 300),
            (30 * DAY, 300, FiveMinutes, 300),
            (200 * DAY, 60, Hour, 3_600),
            (7 * DAY, DAY, Hour, DAY.cast_signed()),
        ];
        for (range, step, resolution, expected) in table {
            assert_eq!(chosen(range, Some(step)), (resolution, expected), "{range} by {step}");
        }
    }

    #[test]
    fn nobody_gets_millions_of_points() {
        let (now, keeps) = (at(NOW), Settings { keep_raw: Duration::from_secs(365 * DAY), ..Settings::default() });
        let year = choose(now.before(Duration::from_secs(300 * DAY)), now, Some(Duration::from_secs(1)), now, &keeps);
        assert!((year.to - year.from) / year.step <= MOST + 1, "{year:?}");
        let backwards = choose(now, now.before(Duration::from_mins(1)), None, now, &keeps);
        assert!(backwards.to - backwards.from <= backwards.step);
    }
}
