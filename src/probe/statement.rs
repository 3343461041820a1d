//! A statement that is sent again and again: prepared once where the session is ours, sent whole each time where it is not.
//!
//! Behind a pooler in transaction mode the next transaction may run on another server connection, where nothing of ours was prepared,
//! or something of that name by somebody else. So nothing there has a name: text, parameters and their types travel together. The
//! server plans it anew each time, which is what such a way costs.

use tokio_postgres::{
    Client, Error, Row,
    types::{ToSql, Type},
};

use super::connect::Connection;

/// Where statements run.
pub trait Asks: Sync {
    /// The driver's handle.
    fn client(&self) -> &Client;

    /// Whether other clients use the same sessions of the server in turn.
    fn is_shared(&self) -> bool;
}

impl Asks for Client {
    fn client(&self) -> &Client {
        self
    }

    fn is_shared(&self) -> bool {
        false
    }
}

impl Asks for Connection {
    fn client(&self) -> &Client {
        &self.client
    }

    fn is_shared(&self) -> bool {
        self.shared
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub enum Statement {
    /// Known to the session by a name.
    Prepared(tokio_postgres::Statement),
    /// Its text and the types of its parameters.
    Whole(String, Vec<Type>),
}

impl Statement {
    /// Makes it ready.
    pub async fn prepare(on: &impl Asks, sql: &str, types: &[Type]) -> Result<Self, Error> {
        if on.is_shared() {
            return Ok(Self::Whole(sql.to_owned(), types.to_vec()));
        }
        on.client().prepare_typed(sql, types).await.map(Self::Prepared)
    }

    /// Its rows.
    pub async fn query(&self, client: &Client, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        match self {
            Self::Prepared(statement) => client.query(statement, parameters).await,
            Self::Whole(sql, types) => client.query_typed(sql, &typed(parameters, types)).await,
        }
    }

    /// Its only row.
    pub async fn query_one(&self, client: &Client, parameters: &[&(dyn ToSql + Sync)]) -> Result<Row, Error> {
        match self {
            Self::Prepared(statement) => client.query_one(statement, parameters).await,
            Self::Whole(sql, types) => client.query_typed_one(sql, &typed(parameters, types)).await,
        }
    }
}

fn typed<'a>(parameters: &[&'a (dyn ToSql + Sync)], types: &[Type]) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
    parameters.iter().copied().zip(types.iter().cloned()).collect()
}
