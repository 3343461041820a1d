//! What is found inside a database: it takes a connection to that one, and a look at every table.

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// Tables, sequences and indexes of one database, the worst of each.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tables {
    /// When they were looked at.
    pub looked_at: Option<Timestamp>,
    /// The tables with most dead rows, most first.
    pub dead: Vec<Table>,
    /// Sequences that are used up by more than half, the fullest first.
    pub sequences: Vec<Sequence>,
    /// Indexes that cost every write and serve no read: what a `CREATE INDEX CONCURRENTLY` that failed left behind.
    pub invalid_indexes: Vec<InvalidIndex>,
}

/// One table, by the server's own estimate.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Table {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Rows.
    pub live: u64,
    /// Rows that are dead and not removed yet.
    pub dead: u64,
    /// The newest vacuum, by hand or not.
    pub vacuumed_at: Option<Timestamp>,
    /// Age of its oldest transaction id.
    pub xid_age: Option<u64>,
}

/// One sequence.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Sequence {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Used share, 0..1: of its own range, or of what its column can hold when that is less.
    pub used: f64,
    /// The value handed out last.
    pub last: i64,
}

/// One index that is not valid.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InvalidIndex {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its table.
    pub table: String,
}
