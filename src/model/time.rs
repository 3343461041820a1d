//! A moment as people read it: RFC 3339, UTC, milliseconds.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// A wall-clock moment; shown as `2026-11-23T08:46:00.123Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub DateTime<Utc>);

impl Timestamp {
    /// Milliseconds since 1970.
    pub const fn unix_ms(self) -> i64 {
        self.0.timestamp_millis()
    }

    /// This moment and a length of time.
    pub fn after(self, span: std::time::Duration) -> Self {
        Self(self.0 + chrono::Duration::from_std(span).unwrap_or_default())
    }

    /// This moment less a length of time.
    pub fn before(self, ago: std::time::Duration) -> Self {
        Self(self.0 - chrono::Duration::from_std(ago).unwrap_or_default())
    }
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
