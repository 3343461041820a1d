//! As whom to which database somebody connected, and whom else its failure concerns.

use crate::{
    model::Outcome,
    probe::{Failure, conninfo::ConnInfo},
};

/// As whom a connection asked for which database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub(super) user: String,
    pub(super) database: String,
}

impl Asked {
    pub(super) fn by(url: &ConnInfo) -> Self {
        Self { user: url.user.clone(), database: url.dbname.clone() }
    }

    /// Whether such a failure would meet a target with that login too: a password is its role's, a missing database its own, and
    /// a server that is down everybody's.
    pub(super) fn shares(&self, failure: &Failure, url: &ConnInfo) -> bool {
        let (role, database) = (self.user == url.user, self.database == url.dbname);
        match failure.outcome {
            Outcome::AuthFailed => role,
            Outcome::NoSuchDatabase => database,
            Outcome::PermissionDenied | Outcome::Protocol | Outcome::Other => role && database,
            Outcome::TooManyConnections if failure.message.contains("for role") => role,
            Outcome::TooManyConnections if failure.message.contains("for database") => database,
            _ => true,
        }
    }
}

/// Whether another login might get in where this one does not.
pub(super) const fn is_about_login(outcome: Outcome) -> bool {
    matches!(
        outcome,
        Outcome::AuthFailed
            | Outcome::NoSuchDatabase
            | Outcome::PermissionDenied
            | Outcome::Protocol
            | Outcome::Other
            | Outcome::TooManyConnections
    )
}
