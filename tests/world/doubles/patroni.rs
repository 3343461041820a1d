//! Patroni's REST API as far as `GET /cluster` goes, written after `patroni.utils.cluster_as_json`: every member answers for all, only a
//! leader has no lag, and a member that the store forgot is not listed.

use std::sync::{Arc, Mutex, PoisonError};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::http::{Answer, Server};

/// One member, as the cluster's store has it.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) name: &'static str,
    pub(crate) port: u16,
    pub(crate) leads: bool,
}

#[derive(Default)]
struct Store {
    nodes: Vec<Node>,
    /// What is answered instead.
    odd: Option<(u16, String)>,
    asked: usize,
}

/// The API of one member.
pub(crate) struct Patroni {
    server: Server,
    store: Arc<Mutex<Store>>,
}

impl Patroni {
    /// For whoever knows these.
    pub(crate) const ACCOUNT: &str = "watcher:patroni-secret";

    pub(crate) fn start(nodes: &[Node]) -> Self {
        let store = Arc::new(Mutex::new(Store { nodes: nodes.to_vec(), ..Store::default() }));
        let shared = Arc::clone(&store);
        let server = Server::start(move |request| {
            let mut store = shared.lock().unwrap_or_else(PoisonError::into_inner);
            if request.header("authorization") != Some(&format!("Basic {}", BASE64_STANDARD.encode(Self::ACCOUNT))) {
                return Answer::new(401, "no auth header received").with("www-authenticate", "Basic realm=\"patroni\"");
            }
            if request.method != "GET" || request.path != "/cluster" {
                return Answer::new(501, "");
            }
            store.asked += 1;
            match &store.odd {
                Some((status, body)) => Answer::new(*status, body.clone()),
                None => Answer::json(200, &cluster(&store.nodes)),
            }
        });
        Self { server, store }
    }

    /// Its address, with role and password.
    pub(crate) fn url(&self) -> String {
        self.server.url("").replace("http://", &format!("http://{}@", Self::ACCOUNT))
    }

    pub(crate) fn has(&self, nodes: &[Node]) {
        self.with(|store| store.nodes = nodes.to_vec());
    }

    /// Answers this from now on, or the truth again.
    pub(crate) fn answers(&self, odd: Option<(u16, String)>) {
        self.with(|store| store.odd = odd);
    }

    /// How often it was asked for the cluster.
    pub(crate) fn asked(&self) -> usize {
        self.with(|store| store.asked)
    }

    fn with<T>(&self, then: impl FnOnce(&mut Store) -> T) -> T {
        then(&mut self.store.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn cluster(nodes: &[Node]) -> Value {
    let member = |node: &Node| {
        let mut member = json!({
            "name": node.name, "role": if node.leads { "leader" } else { "replica" }, "host": "127.0.0.1", "port": node.port,
            "state": if node.leads { "running" } else { "streaming" }, "api_url": "http://127.0.0.1:8008/patroni", "timeline": 1
        });
        if !node.leads {
            member["lag"] = json!(0);
        }
        member
    };
    json!({ "members": nodes.iter().map(member).collect::<Vec<_>>(), "scope": "main" })
}
