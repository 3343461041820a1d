//! When the log says that a region's bus does not answer, and that it does again. Several connections lead there, and after a cut each of them
//! comes back at a moment of its own; only what has held for some time is a change. Pure.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// So long it must be so before it is said: connections come back within a second of each other.
const HOLDS: Duration = Duration::from_secs(2);

/// What speaks with a Redis, each over a connection of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Line {
    /// Beats.
    Beat,
    /// Reads.
    Read,
    /// Writes.
    Write,
    /// Pings.
    Ping,
}

/// What is to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// Whether it answers now.
    pub answers: bool,
    /// How often it was otherwise for a moment, since the last word.
    pub moments: u32,
}

/// How a region's bus answers.
#[derive(Debug, Default)]
pub struct Contact {
    /// What got no answer.
    silent: BTreeSet<Line>,
    /// Whether it was said last that it does not answer.
    is_said: bool,
    /// Since when that is not so.
    turned: Option<Instant>,
    moments: u32,
    /// Why there was no answer, the last time.
    pub why: String,
}

impl Contact {
    /// One of them got an answer, or none.
    pub fn hear(&mut self, line: Line, answers: bool, now: Instant) {
        if answers {
            self.silent.remove(&line);
        } else {
            self.silent.insert(line);
        }
        if self.silent.is_empty() == self.is_said {
            self.turned.get_or_insert(now);
        } else if self.turned.take().is_some() {
            self.moments = self.moments.saturating_add(1);
        }
    }

    /// What is to be said now.
    pub fn look(&mut self, now: Instant) -> Option<Word> {
        self.turned.filter(|then| now.saturating_duration_since(*then) >= HOLDS)?;
        self.turned = None;
        self.is_said = !self.is_said;
        Some(Word { answers: !self.is_said, moments: std::mem::take(&mut self.moments) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every half second a word: `b` and `r` for a beat and a read that were answered, `B` and `R` for such that were not. What is said, and when:
    /// `-` that it does not answer, `+` that it does, with the number of moments between.
    fn script(words: &str) -> Vec<String> {
        let (mut contact, start) = (Contact::default(), crate::clock::now());
        let mut said = Vec::new();
        for (step, word) in words.split_whitespace().enumerate() {
            let now = start + Duration::from_millis(500 * step as u64);
            for letter in word.chars() {
                let line = if letter.eq_ignore_ascii_case(&'b') { Line::Beat } else { Line::Read };
                contact.hear(line, letter.is_lowercase(), now);
            }
            said.extend(contact.look(now).map(|word| format!("{step}{}{}", if word.answers { '+' } else { '-' }, word.moments)));
        }
        said
    }

    #[test]
    fn a_change_is_said_once_when_it_has_held_for_two_seconds() {
        assert!(script("br br br br br br br br").is_empty(), "nothing is said of what was always so");
        assert_eq!(script("br B BR BR BR BR BR br br br br br br"), ["5-0", "11+0"]);
    }

    #[test]
    fn connections_that_come_back_one_after_the_other_are_one_change() {
        assert_eq!(script("BR BR BR BR BR bR bR B br R br br br br br"), ["4-0", "14+1"]);
    }

    #[test]
    fn a_moment_is_not_said_and_counts_with_the_next_word() {
        assert_eq!(script("B b b b B b b b b B B B B B B"), ["13-2"]);
    }

    #[test]
    fn one_connection_that_stays_silent_while_others_answer_is_said() {
        assert_eq!(script("bR b bR b bR b bR b b"), ["4-0"]);
    }
}
