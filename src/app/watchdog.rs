//! How often a part of the node may be started again before the node gives up. Pure.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use super::Error;

/// A part that died this often within [`WINDOW`] will die again; something outside must know.
const MOST: usize = 5;
const WINDOW: Duration = Duration::from_mins(1);

/// The restarts of the last minute, by part.
#[derive(Debug, Default)]
pub(super) struct Restarts(HashMap<String, VecDeque<Instant>>);

impl Restarts {
    /// Counts one more restart, unless there were too many.
    pub(super) fn another(&mut self, part: &str, now: Instant) -> Result<(), Error> {
        let restarts = self.0.entry(part.to_owned()).or_default();
        while restarts.front().is_some_and(|first| now.saturating_duration_since(*first) > WINDOW) {
            restarts.pop_front();
        }
        if restarts.len() >= MOST {
            return Err(Error::Dead(part.to_owned(), restarts.len()));
        }
        restarts.push_back(now);
        tracing::error!(part, "died and is started again");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_deaths_in_a_minute_are_survived_and_the_sixth_is_not() {
        let mut restarts = Restarts::default();
        let start = crate::clock::now();
        for second in 0..5 {
            restarts.another("supervisor", start + Duration::from_secs(second)).expect("within the budget");
        }
        assert!(restarts.another("supervisor", start + Duration::from_secs(6)).is_err());
        assert!(restarts.another("aggregator", start + Duration::from_secs(6)).is_ok(), "each part has its own budget");
        assert!(restarts.another("supervisor", start + Duration::from_secs(62)).is_ok(), "old deaths are forgotten");
    }
}
