//! Where OTLP's JSON differs from what serde would write: whole numbers of 64 bits are text, since JavaScript has none, though some senders
//! write numbers all the same; and enums are numbers, though some write their names.

use std::fmt::Display;

use serde::{Deserialize, Deserializer, de::Error};

use super::{CUMULATIVE, DELTA};

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Signed(i64),
    Unsigned(u64),
    Broken(f64),
    Text(String),
}

impl Display for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Signed(number) => number.fmt(f),
            Self::Unsigned(number) => number.fmt(f),
            Self::Broken(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// A whole number of 64 bits.
pub(super) mod number {
    use std::{fmt::Display, str::FromStr};

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::Written;

    pub(in crate::otlp) fn serialize<T: Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(in crate::otlp) fn deserialize<'de, T: FromStr, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
        let written = Written::deserialize(from)?.to_string();
        written.parse().map_err(|_| D::Error::custom("not a whole number of 64 bits"))
    }
}

/// A number that may be `"NaN"` or `"Infinity"`.
pub(super) fn double<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Written::deserialize(from)?.to_string().parse().map_err(|_| D::Error::custom("not a number"))
}

/// Delta, cumulative or neither.
pub(super) fn temporality<'de, D: Deserializer<'de>>(from: D) -> Result<i32, D::Error> {
    Ok(match Written::deserialize(from)?.to_string().as_str() {
        "1" | "AGGREGATION_TEMPORALITY_DELTA" => DELTA,
        "2" | "AGGREGATION_TEMPORALITY_CUMULATIVE" => CUMULATIVE,
        _ => 0,
    })
}
