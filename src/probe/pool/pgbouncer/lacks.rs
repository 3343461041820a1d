//! What a console was asked for and did not tell: a column that this version or this pooler does not have, or that holds no number. What
//! it is needed for is then not known, and everything else is.

use std::collections::BTreeMap;

use crate::model::sample::Missing;

/// `poolers[].pools[].maxWaitTime` and the figure over all.
pub(super) const MAX_WAIT: &str = "connectionPool.maxWaitTime";
/// The mean over all pools.
pub(super) const MEAN_WAIT: &str = "connectionPool.averageWaitTime";
/// Of each pool.
pub(super) const OTHERS: &str = "poolers.pools.serversOther";
/// Of each pool.
pub(super) const SIZE: &str = "poolers.pools.size";
/// Whatever else a pool has.
pub(super) const POOLS: &str = "poolers.pools";
/// The rest of `SHOW DATABASES`, which metrics show.
pub(super) const DATABASES: &str = "poolers.databases";
/// The rest of the counters, which metrics show.
pub(super) const COUNTERS: &str = "poolers.counters";

/// By what it is needed for: the command, and what its answer lacks.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Lacks(BTreeMap<&'static str, (String, Vec<String>)>);

impl Lacks {
    /// Notes that the answer to a command has no such column.
    pub(super) fn note(&mut self, field: &'static str, command: &str, column: &str) {
        let (_, columns) = self.0.entry(field).or_insert_with(|| (command.to_owned(), Vec::new()));
        if !columns.iter().any(|known| known == column) {
            columns.push(column.to_owned());
        }
    }

    /// Whether anything that this needs was not told.
    pub(super) fn has(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    /// The same, for people.
    pub(super) fn missing(&self) -> impl Iterator<Item = Missing> {
        self.0.iter().map(|(field, (command, columns))| {
            let cause = format!("the console's {command} has no {}", columns.join(", "));
            Missing { field: (*field).to_owned(), cause, fix: None }
        })
    }
}
