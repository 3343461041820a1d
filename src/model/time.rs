//! A moment as people read it: RFC 3339, UTC, milliseconds; and the sums of moments and lengths of time, none of which can fail.

use std::{fmt, time::Duration};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// As long as any length of time: somebody's enormous number is a long time, and neither nothing nor beyond all dates.
const FOREVER: Duration = Duration::from_hours(24 * 365 * 100);

/// A wall-clock moment; shown as `2026-11-23T08:46:00.123Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub DateTime<Utc>);

impl Timestamp {
    /// The beginning of 1970.
    pub const EPOCH: Self = Self(DateTime::UNIX_EPOCH);

    /// Milliseconds since 1970.
    pub const fn unix_ms(self) -> i64 {
        self.0.timestamp_millis()
    }

    /// So many milliseconds after 1970; none beyond all dates.
    pub const fn from_unix_ms(ms: i64) -> Option<Self> {
        match DateTime::from_timestamp_millis(ms) {
            Some(at) => Some(Self(at)),
            None => None,
        }
    }

    /// This moment and a length of time.
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.checked_add_signed(counted(span)).unwrap_or(DateTime::<Utc>::MAX_UTC))
    }

    /// This moment less a length of time.
    pub fn before(self, ago: Duration) -> Self {
        Self(self.0.checked_sub_signed(counted(ago)).unwrap_or(DateTime::<Utc>::MIN_UTC))
    }

    /// How long after `then` it is; nothing when that is still to come.
    pub fn since(self, then: Self) -> Duration {
        (self.0 - then.0).to_std().unwrap_or_default()
    }
}

fn counted(span: Duration) -> chrono::Duration {
    chrono::Duration::from_std(span.min(FOREVER)).unwrap_or(chrono::Duration::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        DateTime::parse_from_rfc3339(&text).map(|at| Self(at.with_timezone(&Utc))).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(DateTime::from_timestamp_nanos(1_700_000_000_000_000_000));

    #[test]
    fn a_length_of_time_is_added_taken_away_and_measured() {
        let span = Duration::from_millis(1_500);
        assert_eq!(NOW.after(span).to_string(), "2023-11-14T22:13:21.500Z");
        assert_eq!(NOW.before(span).to_string(), "2023-11-14T22:13:18.500Z");
        assert_eq!((NOW.after(span).since(NOW), NOW.since(NOW.after(span))), (span, Duration::ZERO));
    }

    #[test]
    fn what_is_too_far_away_to_be_counted_is_far_away_and_not_now() {
        let day = Duration::from_hours(24);
        for by in [Duration::MAX, Duration::from_secs(u64::MAX / 1_000), Duration::from_hours(2_500_000_000)] {
            let (far, long_ago) = (NOW.after(by), NOW.before(by));
            assert!(far > NOW.after(day) && long_ago < NOW.before(day), "{by:?}: {far:?}, {long_ago:?}");
        }
    }

    #[test]
    fn the_end_of_all_dates_is_not_passed() {
        let (first, last) = (Timestamp(DateTime::<Utc>::MIN_UTC), Timestamp(DateTime::<Utc>::MAX_UTC));
        assert_eq!((last.after(FOREVER), first.before(FOREVER)), (last, first));
        assert!(last.since(first) > FOREVER);
    }
}
