//! What the past of a figure says: arithmetic over `(seconds, value)`, nothing else. It knows no target, no clock and no unit.
//!
//! | file | answers | by |
//! | --- | --- | --- |
//! | `slope` | how fast does it rise, and between which bounds | Theil (1950), Sen (1968), with Yue and Wang's (2004) correction for values that resemble their neighbours |
//! | `change` | since when is it another than before | a moving two-sample test by ranks: MOSUM (Eichinger and Kirch 2018) with placements (Orban and Wolfe 1982) as normal scores |
//! | `season` | does it follow the day, the week | medians by hour and weekday after a median polish (Tukey 1977), believed when one half of the days tells the other |
//! | `baseline` | what is usual at this hour | quantiles of the same hour of former days |
//! | `forecast` | when does it reach a limit | a robust line through as much of the past as agrees with itself (Lepski 1991) |
//!
//! All of it works with ranks, medians and quantiles, since figures of databases have outliers, gaps and steps, and no distribution that
//! anybody knows. What a method needs is in its file; the rates at which they err are measured by the tests and written down in
//! docs/trends.md.

pub mod baseline;
pub mod change;
pub mod forecast;
pub mod quantile;
pub mod season;
pub mod slope;

#[cfg(test)]
mod tests;
