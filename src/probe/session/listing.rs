//! A look at which databases the server has, on behalf of discovery.

use std::{collections::HashSet, sync::Arc};

use super::{ANSWER_WITHIN, Server};
use crate::{
    clock,
    probe::{
        Failure,
        conninfo::ConnInfo,
        database::own::Transactions,
        discovery::{
            Patterns,
            databases::{Looked, look},
        },
    },
};

/// The login, and the list.
const TRANSACTIONS: u64 = 2;
/// Where else to ask when the database of the connection string is gone; `postgres` is nearly everywhere.
const USUAL: &str = "postgres";
/// Of those that are watched already, as many are tried.
const OTHERS: usize = 2;

impl Server {
    /// Lists the databases that match, over a connection of its own, in turn with the client checks and metered like one.
    pub async fn look_for_databases(&self, url: &ConnInfo, patterns: &Patterns) -> Result<Looked, Failure> {
        let _turn = self.check.lock().await;
        let mut others: Vec<String> = self.databases().into_iter().filter(|name| *name != url.dbname).take(OTHERS).collect();
        others.push(USUAL.to_owned());
        let looked = look(&self.nearest_first(url.clone()), &others, patterns, ANSWER_WITHIN).await;
        self.connected(clock::now(), looked.as_ref().map_or_else(|failure| &failure.phases, |looked| &looked.phases));
        if let Ok(looked) = &looked {
            self.transacted(&looked.database, Transactions::committed(TRANSACTIONS));
        }
        looked
    }

    /// The names that the slow lane saw last, which tell at no cost that it is time to look; empty when it has not seen any yet.
    pub fn seen_databases(&self) -> Arc<HashSet<String>> {
        self.present.load_full()
    }
}
