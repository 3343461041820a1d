//! What the nodes of one region keep together in its Redis: the alert stage's state. To the keeper it is text under ids on shelves; a
//! change is applied whole or refused, and told to the region's other nodes as it was applied.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::model::RegionName;

/// Where an item lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Shelf {
    /// Incidents by id.
    Incidents,
    /// Rows of the outbox by key.
    Rows,
    /// Silences made by API, by id.
    Silences,
    /// Marks, e.g. how far the writer's steady clock was from the wall's.
    Marks,
}

/// One item as it is to be, or gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Where.
    pub shelf: Shelf,
    /// Its id.
    pub id: String,
    /// JSON; none: it is taken away.
    pub json: Option<String>,
}

/// One turn's change; JSON on the region's own stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The lease's fence: refused when another one holds.
    pub fence: u64,
    /// The version that it builds on; refused when Redis holds another one, as after a failover that lost the last writes.
    pub base: u64,
    /// The version after it; always higher than `base`.
    pub version: u64,
    /// Whether it is all there is: what is not in it is taken away.
    pub anew: bool,
    /// What changes.
    pub items: Arc<Vec<Item>>,
}

/// What became of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// Applied, now or when it was given before, and on at least one replica where the settings ask for it.
    Done,
    /// Another one leads, if with the same fence, or nobody does: nothing was changed.
    Fenced,
    /// Redis holds this version, not the base: nothing was changed; write everything anew.
    Behind(u64),
    /// Redis was wiped: nothing was changed.
    Wiped,
}

/// All that is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// The version; 0: nothing was ever kept.
    pub version: u64,
    /// All items.
    pub items: Vec<Item>,
}

/// A change that another node made, for this node's own disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// Which region's.
    pub region: RegionName,
    /// The change.
    pub commit: Commit,
}

impl actix::Message for Replica {
    type Result = ();
}

/// Redis did not answer, or not in time: whether the change was applied is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the region's Redis cannot be reached: {0}")]
pub struct Unreachable(pub String);

/// Who keeps a region's shelves for one node in one of its lives; one per home region. Calls end within a second or so; a change of many
/// megabytes goes in pieces, each of which does.
pub trait Keeper: Send + Sync + std::fmt::Debug {
    /// Applies a change, or refuses it.
    fn commit(&self, commit: Commit) -> BoxFuture<'static, Result<Committed, Unreachable>>;

    /// All there is.
    fn load(&self) -> BoxFuture<'static, Result<Kept, Unreachable>>;
}

/// Items in parts of so many bytes at most, and one part at least; one that is longer by itself is alone.
pub fn parts(items: Vec<Item>, most: usize) -> Vec<Vec<Item>> {
    let mut parts = vec![Vec::new()];
    let mut bytes = 0;
    for item in items {
        let long = item.id.len() + item.json.as_ref().map_or(0, String::len);
        bytes += long;
        if let Some(part) = parts.last_mut().filter(|part| bytes <= most || part.is_empty()) {
            part.push(item);
        } else {
            bytes = long;
            parts.push(vec![item]);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: &str, long: usize) -> Item {
        Item { shelf: Shelf::Rows, id: id.into(), json: Some("x".repeat(long)) }
    }

    #[test]
    fn a_long_copy_goes_in_parts_and_loses_nothing() {
        let ids = |parts: Vec<Vec<Item>>| {
            parts.into_iter().map(|part| part.into_iter().map(|item| item.id).collect::<String>()).collect::<Vec<_>>()
        };
        assert_eq!(ids(parts(Vec::new(), 10)), [""], "who has nothing to say says that");
        assert_eq!(ids(parts(vec![item("a", 4), item("b", 4), item("c", 4)], 10)), ["ab", "c"]);
        assert_eq!(ids(parts(vec![item("a", 90), item("b", 90), item("c", 1)], 10)), ["a", "b", "c"]);
    }
}
