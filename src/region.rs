//! **2 JUDGE.** What the readings of a target mean: one sample, one status, and the reasons.

pub mod thresholds;
