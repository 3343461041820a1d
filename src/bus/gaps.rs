//! What was missed and what came twice, by the numbers of a sender's messages on one stream. Pure.
//!
//! A number that is too high means that messages between were never seen; they are counted, and state heals with what is said next. One
//! that is not higher than what was heard is a duplicate or came late: the state in it is older than what was taken.

use std::collections::HashMap;

use super::{message::Sender, transport::Stream};
use crate::model::{NodeName, RegionName};

/// What a message is by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// New, after so many that were never seen.
    New {
        /// Messages between it and the one before.
        missed: u64,
    },
    /// A duplicate, or older than what was heard.
    Old,
}

/// How far each sender was heard.
#[derive(Debug, Default)]
pub struct Gaps {
    senders: HashMap<(RegionName, NodeName, Stream), Life>,
}

/// A sender's life on one stream, and the one before, whose stragglers are old.
#[derive(Debug, Clone, Copy)]
struct Life {
    boot: u64,
    highest: u64,
    before: Option<u64>,
}

impl Gaps {
    /// Takes note of a message. The first one that is heard of a sender misses nothing: what was before is not this node's to know.
    pub fn hear(&mut self, stream: Stream, from: &Sender) -> Heard {
        let Sender { region, node, boot, sequence } = from;
        let new = Life { boot: *boot, highest: *sequence, before: None };
        let key = (region.clone(), node.clone(), stream);
        let Some(life) = self.senders.get_mut(&key) else {
            self.senders.insert(key, new);
            return Heard::New { missed: 0 };
        };
        if life.boot == *boot {
            if *sequence <= life.highest {
                return Heard::Old;
            }
            let missed = sequence - life.highest - 1;
            life.highest = *sequence;
            return Heard::New { missed };
        }
        if life.before == Some(*boot) {
            return Heard::Old;
        }
        *life = Life { before: Some(life.boot), ..new };
        Heard::New { missed: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Boot and number of each message, and what it is: `=` new, `n` new after n missed, `-` old.
    fn script(messages: &[(u64, u64)], expected: &str) {
        let mut gaps = Gaps::default();
        let heard: String = messages
            .iter()
            .map(|(boot, sequence)| {
                let from = Sender { region: "eu".into(), node: "eu-1".into(), boot: *boot, sequence: *sequence };
                match gaps.hear(Stream::World, &from) {
                    Heard::New { missed: 0 } => "=".to_owned(),
                    Heard::New { missed } => missed.to_string(),
                    Heard::Old => "-".to_owned(),
                }
            })
            .collect();
        assert_eq!(heard, expected, "{messages:?}");
    }

    #[test]
    fn gaps_are_counted_and_what_is_late_or_double_is_old() {
        script(&[(1, 1), (1, 2), (1, 3)], "===");
        script(&[(1, 7), (1, 8)], "==");
        script(&[(1, 1), (1, 4), (1, 5)], "=2=");
        script(&[(1, 1), (1, 1), (1, 2), (1, 1)], "=-=-");
        script(&[(1, 1), (1, 3), (1, 2), (1, 4)], "=1-=");
    }

    #[test]
    fn a_new_boot_starts_anew_and_the_old_one_is_over() {
        script(&[(1, 8), (1, 9), (2, 1), (2, 2), (1, 10), (2, 3)], "====-=");
    }

    #[test]
    fn each_stream_is_numbered_by_itself() {
        let mut gaps = Gaps::default();
        let from = Sender { region: "eu".into(), node: "eu-1".into(), boot: 1, sequence: 1 };
        assert_eq!(gaps.hear(Stream::World, &from), Heard::New { missed: 0 });
        assert_eq!(gaps.hear(Stream::Raw, &from), Heard::New { missed: 0 });
        assert_eq!(gaps.hear(Stream::Raw, &from), Heard::Old);
    }
}
