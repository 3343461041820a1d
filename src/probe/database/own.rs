//! Isobar's own transactions, taken out of what the database counts: every statement of ours is one, some ten a second in the
//! database that the lanes are connected to, which would water the error rate of a quiet application down.
//!
//! ```text
//!  lanes, client checks ──counted──► Own (per server, by database) ──with each counters reading──► Discount::step (per target)
//! ```
//! It is an approximation. A backend publishes its counters up to a second late, so what one interval could not pay is owed by
//! the next one, but no longer: what never shows up must not be charged to the application. Logins count, a pooler's own
//! statements do not.

use std::collections::HashMap;

use crate::model::counters::DatabaseRates;

/// Transactions since Isobar began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Transactions {
    /// Committed.
    pub commits: u64,
    /// Rolled back: a statement that the server refused.
    pub rollbacks: u64,
}

/// Those of one server, by database.
pub type Own = HashMap<String, Transactions>;

impl Transactions {
    /// So many statements that succeeded.
    pub const fn committed(commits: u64) -> Self {
        Self { commits, rollbacks: 0 }
    }

    /// One that the server refused.
    pub const REFUSED: Self = Self { commits: 0, rollbacks: 1 };

    /// Counts more.
    pub const fn add(&mut self, more: Self) {
        self.commits += more.commits;
        self.rollbacks += more.rollbacks;
    }

    const fn since(self, before: Self) -> Self {
        Self { commits: self.commits.saturating_sub(before.commits), rollbacks: self.rollbacks.saturating_sub(before.rollbacks) }
    }
}

/// What one target still has to take off.
#[derive(Debug, Default)]
pub struct Discount {
    before: Option<Transactions>,
    owed: Transactions,
}

impl Discount {
    /// Takes our own off the rates of the interval that ends with `own` of them.
    pub fn step(&mut self, own: Transactions, rates: Option<&mut DatabaseRates>) {
        let first = self.before.is_none();
        let new = own.since(self.before.replace(own).unwrap_or(own));
        let Some(rates) = rates else {
            // What it took to connect is not published yet when the first reading is made.
            self.owed = if first { own } else { Transactions::default() };
            return;
        };
        let pay = |counted: &mut u64, owed: u64, new: u64| {
            let paid = (owed + new).min(*counted);
            *counted -= paid;
            (owed + new - paid).min(new)
        };
        self.owed = Transactions {
            commits: pay(&mut rates.commits, self.owed.commits, new.commits),
            rollbacks: pay(&mut rates.rollbacks, self.owed.rollbacks, new.rollbacks),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of the commits, interval by interval: `(counted by the server, of them ours as we know)`.
    fn left(intervals: &[(u64, u64)]) -> Vec<u64> {
        let (mut discount, mut own) = (Discount::default(), Transactions::default());
        discount.step(own, None);
        let step = |&(commits, ours): &(u64, u64)| {
            own.add(Transactions::committed(ours));
            let mut rates = DatabaseRates { commits, ..DatabaseRates::default() };
            discount.step(own, Some(&mut rates));
            rates.commits
        };
        intervals.iter().map(step).collect()
    }

    #[test]
    fn own_commits_are_taken_off() {
        for (intervals, expected, why) in [
            (&[(10, 10), (10, 10)][..], &[0, 0][..], "nobody but us"),
            (&[(60, 10), (11, 10)], &[50, 1], "the application's stay"),
            (&[(4, 10), (16, 10), (10, 10)], &[0, 0, 0], "published late, paid by the next"),
            (&[(0, 10), (0, 0), (50, 0)], &[0, 0, 50], "what never shows up is forgotten"),
            (&[(0, 10), (0, 10), (0, 10), (50, 0)], &[0, 0, 0, 40], "an idle server owes no more than one interval"),
        ] {
            assert_eq!(left(intervals), expected, "{why}");
        }
    }

    #[test]
    fn refused_statements_of_ours_are_no_errors_of_the_application() {
        let (mut discount, mut own) = (Discount::default(), Transactions::default());
        discount.step(own, None);
        own.add(Transactions::REFUSED);
        let mut rates = DatabaseRates { commits: 5, rollbacks: 3, ..DatabaseRates::default() };
        discount.step(own, Some(&mut rates));
        assert_eq!((rates.commits, rates.rollbacks), (5, 2));
    }

    #[test]
    fn what_it_took_to_connect_is_owed_by_the_first_interval() {
        let mut discount = Discount::default();
        discount.step(Transactions::committed(16), None);
        let mut rates = DatabaseRates { commits: 20, ..DatabaseRates::default() };
        discount.step(Transactions::committed(19), Some(&mut rates));
        assert_eq!(rates.commits, 1);
    }

    #[test]
    fn what_we_did_before_an_interval_that_cannot_be_compared_is_not_owed() {
        let mut discount = Discount::default();
        discount.step(Transactions::committed(5), None);
        discount.step(Transactions::committed(500), None);
        let mut rates = DatabaseRates { commits: 20, ..DatabaseRates::default() };
        discount.step(Transactions::committed(505), Some(&mut rates));
        assert_eq!(rates.commits, 15);
    }
}
