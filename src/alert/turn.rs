//! What one turn changed of the state that a region's nodes keep together, and how that is written: JSON under ids, its times by the wall
//! clock, on which the nodes of a region agree; each reads them by its own steady one. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, de::DeserializeOwned};

use super::{Now, incident::Incident, journal::shift, merge::Copy, outbox::Row};
use crate::model::{
    NodeName,
    alert::Silence,
    cluster::{Item, Shelf},
};

/// The mark that says whose items these are.
const FROM: &str = "from";

/// See the module. What is none is gone.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Turn {
    /// Incidents by id.
    pub(super) incidents: BTreeMap<String, Option<Incident>>,
    /// Rows by key.
    pub(super) rows: BTreeMap<String, Option<Row>>,
    /// Silences made by API, by id.
    pub(super) silences: BTreeMap<String, Option<Silence>>,
}

impl Turn {
    /// All of a copy.
    pub(super) fn of(copy: Copy) -> Self {
        fn all<T>(of: BTreeMap<String, T>) -> BTreeMap<String, Option<T>> {
            of.into_iter().map(|(id, one)| (id, Some(one))).collect()
        }
        Self { incidents: all(copy.incidents), rows: all(copy.rows), silences: all(copy.silences) }
    }

    /// Whether nothing changed.
    pub(super) fn is_empty(&self) -> bool {
        self.incidents.is_empty() && self.rows.is_empty() && self.silences.is_empty()
    }

    /// Takes in what changed later.
    pub(super) fn absorb(&mut self, later: Self) {
        self.incidents.extend(later.incidents);
        self.rows.extend(later.rows);
        self.silences.extend(later.silences);
    }

    /// What is there after it, as a copy of its own.
    pub(super) fn copy(self) -> Copy {
        fn there<T>(of: BTreeMap<String, Option<T>>) -> BTreeMap<String, T> {
            of.into_iter().filter_map(|(id, one)| Some((id, one?))).collect()
        }
        Copy { incidents: there(self.incidents), rows: there(self.rows), silences: there(self.silences) }
    }

    /// Makes the change.
    pub(super) fn apply(self, to: &mut Copy) {
        fn put<T>(to: &mut BTreeMap<String, T>, change: BTreeMap<String, Option<T>>) {
            for (id, one) in change {
                match one {
                    Some(one) => to.insert(id, one),
                    None => to.remove(&id),
                };
            }
        }
        put(&mut to.incidents, self.incidents);
        put(&mut to.rows, self.rows);
        put(&mut to.silences, self.silences);
    }

    /// What was done of it: the messages for which calls were made, and what they are about.
    pub(super) fn done(mut self) -> Self {
        self.rows.retain(|_, row| row.as_ref().is_some_and(|row| row.attempts > 0));
        let about: BTreeSet<&String> = self.rows.values().flatten().flat_map(|row| &row.members).collect();
        self.incidents.retain(|id, incident| incident.is_some() && about.contains(id));
        self.silences.clear();
        self
    }

    /// As it is written, and how many items cannot be: those are left out, and stay as they were.
    pub(super) fn items(&self, now: Now) -> (Vec<Item>, usize) {
        let by = now.wall.unix_ms() - now.steady.unix_ms();
        let incidents = self.incidents.iter().map(|(id, incident)| {
            let shifted = incident.clone().map(|mut incident| {
                shift::incident(&mut incident, by, now.wall);
                incident
            });
            item(Shelf::Incidents, id, shifted.as_ref())
        });
        let rows = self.rows.iter().map(|(key, row)| {
            let shifted = row.clone().map(|mut row| {
                shift::row(&mut row, by, now.wall);
                row
            });
            item(Shelf::Rows, key, shifted.as_ref())
        });
        let silences = self.silences.iter().map(|(id, silence)| item(Shelf::Silences, id, silence.as_ref()));
        let (mut items, mut unwritable) = (Vec::new(), 0);
        for item in incidents.chain(rows).chain(silences) {
            match item {
                Ok(item) => items.push(item),
                Err(_) => unwritable += 1,
            }
        }
        (items, unwritable)
    }

    /// Reads what was written, and how many items could not be read: a newer node's, which are left out.
    pub(super) fn read(items: &[Item], now: Now) -> (Self, usize) {
        let by = now.steady.unix_ms() - now.wall.unix_ms();
        let (mut turn, mut unreadable) = (Self::default(), 0);
        for Item { shelf, id, json } in items {
            let is_read = match shelf {
                Shelf::Incidents => put(&mut turn.incidents, id, json.as_deref(), |it| shift::incident(it, by, now.steady)),
                Shelf::Rows => put(&mut turn.rows, id, json.as_deref(), |it| shift::row(it, by, now.steady)),
                Shelf::Silences => put(&mut turn.silences, id, json.as_deref(), |_| {}),
                Shelf::Marks => true,
            };
            unreadable += usize::from(!is_read);
        }
        (turn, unreadable)
    }
}

/// What is not there is taken away; what is there and is no JSON is an error, and no reason to take anything away.
fn item(shelf: Shelf, id: &str, one: Option<&impl Serialize>) -> serde_json::Result<Item> {
    Ok(Item { shelf, id: id.to_owned(), json: one.map(serde_json::to_string).transpose()? })
}

fn put<T: DeserializeOwned>(
    into: &mut BTreeMap<String, Option<T>>,
    id: &str,
    json: Option<&str>,
    shift: impl Fn(&mut T),
) -> bool {
    let read = json.map(serde_json::from_str::<T>).transpose();
    let is_read = read.is_ok();
    if let Ok(one) = read {
        let shifted = one.map(|mut one| {
            shift(&mut one);
            one
        });
        into.insert(id.to_owned(), shifted);
    }
    is_read
}

/// Says whose items they are.
pub(super) fn sign(items: &mut Vec<Item>, node: &NodeName) {
    items.push(Item { shelf: Shelf::Marks, id: FROM.to_owned(), json: Some(node.as_str().to_owned()) });
}

/// Whose items they are.
pub(super) fn signed(items: &[Item]) -> Option<NodeName> {
    let mark = items.iter().find(|item| item.shelf == Shelf::Marks && item.id == FROM)?;
    mark.json.as_deref().map(NodeName::from)
}

#[cfg(test)]
mod tests;
