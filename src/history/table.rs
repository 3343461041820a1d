//! Where what is kept stands: tables, and the numbers of their rows. Pure.
//!
//! A row's number is its period's and its target's behind that, so what is newer comes last: writing appends, forgetting takes away from
//! the front, and what one target was over a time is found row by row.

use crate::model::history::Resolution;

/// The last bits of a row's number are the target's.
const TARGET_BITS: u32 = 20;

/// More targets than this are not kept.
pub(super) const MOST_TARGETS: u32 = (1 << TARGET_BITS) - 1;

/// The tables of blocks. Those whose names end with `New` hold what is not yet put together to larger ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Table {
    /// A minute of seconds.
    Raw,
    /// A minute of ten seconds each.
    TenNew,
    /// An hour of those.
    Ten,
    /// The statements that cost most in five minutes.
    Statements,
    /// Five minutes.
    FiveNew,
    /// Six hours of those.
    Five,
    /// One hour.
    HourNew,
    /// Four days of those.
    Hour,
}

impl Table {
    /// All of them.
    pub(super) const ALL: [Self; 8] =
        [Self::Raw, Self::TenNew, Self::Ten, Self::Statements, Self::FiveNew, Self::Five, Self::HourNew, Self::Hour];

    /// Those that are put together, with those that they become.
    pub(super) const GROWING: [(Self, Self); 3] =
        [(Self::TenNew, Self::Ten), (Self::FiveNew, Self::Five), (Self::HourNew, Self::Hour)];

    /// Its name in the file.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::TenNew => "ten_new",
            Self::Ten => "ten",
            Self::Statements => "statements",
            Self::FiveNew => "five_new",
            Self::Five => "five",
            Self::HourNew => "hour_new",
            Self::Hour => "hour",
        }
    }

    /// How long one row of it lasts, seconds.
    pub(super) const fn period(self) -> i64 {
        match self {
            Self::Raw | Self::TenNew => 60,
            Self::Statements | Self::FiveNew => 300,
            Self::Ten | Self::HourNew => 3_600,
            Self::Five => 6 * 3_600,
            Self::Hour => 96 * 3_600,
        }
    }

    /// How closely it is kept.
    pub(super) const fn resolution(self) -> Resolution {
        match self {
            Self::Raw => Resolution::Raw,
            Self::TenNew | Self::Ten => Resolution::TenSeconds,
            Self::Statements | Self::FiveNew | Self::Five => Resolution::FiveMinutes,
            Self::HourNew | Self::Hour => Resolution::Hour,
        }
    }

    /// The length of a bucket, seconds.
    pub(super) const fn step(self) -> i64 {
        self.resolution().length().as_secs().cast_signed()
    }

    /// Buckets of one row.
    pub(super) const fn each(self) -> usize {
        (self.period() / self.step()) as usize
    }

    /// Whether sketches stand beside its blocks.
    pub(super) const fn has_sketches(self) -> bool {
        matches!(self, Self::FiveNew | Self::Five | Self::HourNew | Self::Hour)
    }

    /// The number of the period that a moment is in, given in seconds.
    pub(super) const fn of(self, at: i64) -> i64 {
        at.div_euclid(self.period())
    }
}

/// A row's number.
pub(super) const fn key(period: i64, target: u32) -> i64 {
    (period << TARGET_BITS) | target as i64
}

/// The period and the target of a row.
pub(super) const fn parts(key: i64) -> (i64, u32) {
    (key >> TARGET_BITS, key as u32 & MOST_TARGETS)
}

/// A row's bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Row {
    /// Its moments or buckets.
    pub(super) block: Vec<u8>,
    /// Its sketches.
    pub(super) sketches: Option<Vec<u8>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_order_of_time_and_tell_whose_they_are() {
        assert_eq!(parts(key(28_000_000, MOST_TARGETS)), (28_000_000, MOST_TARGETS));
        assert!(key(5, MOST_TARGETS) < key(6, 0));
        assert_eq!(Table::ALL.map(Table::each), [60, 6, 360, 1, 1, 72, 1, 96]);
    }
}
