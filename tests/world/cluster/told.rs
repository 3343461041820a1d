//! What the receiver of webhooks was told, counted: episodes by their ids, and keys by what they stand for.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde_json::Value;

use crate::doubles::Receiver;

/// One alert in one message.
#[derive(Debug, Clone)]
struct Line {
    key: String,
    event: String,
    id: String,
    rule: String,
    region: String,
    target: String,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Told(Vec<Line>);

impl Told {
    pub(super) fn by(receiver: &Receiver) -> Self {
        let mut lines = Vec::new();
        for message in receiver.messages() {
            let many = message.body["alerts"].as_array().cloned().unwrap_or_default();
            for alert in many.iter().chain(Some(&message.body["alert"]).filter(|alert| alert.is_object())) {
                lines.push(line(&message.id, &message.event, alert));
            }
        }
        Self(lines)
    }

    fn ids(&self, rule: &str, region: &str, events: &[&str]) -> BTreeSet<&str> {
        let of = |line: &&Line| line.rule == rule && line.region == region;
        let told = self.0.iter().filter(of).filter(|line| events.contains(&line.event.as_str()));
        told.map(|line| line.id.as_str()).collect()
    }

    /// Episodes whose beginning was told.
    pub(super) fn incidents(&self, rule: &str, region: &str) -> usize {
        self.ids(rule, region, &["firing", "digest"]).len()
    }

    /// The id of one.
    pub(super) fn any(&self, rule: &str, region: &str) -> Option<String> {
        self.ids(rule, region, &["firing"]).first().map(|&id| id.to_owned())
    }

    /// Outages whose beginning and end were told.
    pub(super) fn ended(&self, region: &str) -> usize {
        let ids = |event| self.ids("database_down", region, &[event]);
        ids("resolved").intersection(&ids("firing")).count()
    }

    /// All that was told of such a rule's beginnings.
    pub(super) fn firing(&self, rule: &str) -> usize {
        let keys = self.0.iter().filter(|line| line.rule == rule && line.event == "firing").map(|line| &line.key);
        keys.collect::<BTreeSet<_>>().len()
    }

    /// Beginnings of any kind.
    pub(super) fn pages(&self) -> usize {
        self.0.iter().filter(|line| line.event == "firing").map(|line| &line.key).collect::<BTreeSet<_>>().len()
    }

    /// Beginnings and ends of one incident that came by more than one key.
    pub(super) fn keys_too_many(&self) -> usize {
        let mut keys: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
        for line in self.0.iter().filter(|line| line.event == "firing" || line.event == "resolved") {
            keys.entry((&line.id, &line.event)).or_default().insert(&line.key);
        }
        keys.values().map(|keys| keys.len() - 1).sum()
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Line { key, event, id, rule, region, target } in &self.0 {
            write!(f, "\n  {event} {rule} {region}/{target} {id} by {key}")?;
        }
        Ok(())
    }
}

fn line(key: &str, event: &str, alert: &Value) -> Line {
    let text = |name: &str| alert[name].as_str().unwrap_or("-").to_owned();
    let (id, rule, region, target) = (text("id"), text("rule"), text("region"), text("target"));
    Line { key: key.to_owned(), event: event.to_owned(), id, rule, region, target }
}
