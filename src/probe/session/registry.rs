//! Which servers and poolers this node watches, so that targets on the same one share it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, Weak},
    time::Instant,
};

use super::Server;
use crate::{
    clock,
    model::{NodeName, world::World},
    probe::{
        Sampling,
        conninfo::{ConnInfo, Host, SessionAttrs},
        database::replication::{Kin, Seat},
        management::{Project, office::Office},
        pool::{console::SharedConsole, pgbouncer::Dialect},
        scrape::{self, Source},
    },
};

/// Servers and pooler consoles by address; each lives as long as a probe holds it.
#[derive(Debug)]
pub struct Registry {
    origin: Instant,
    servers: Mutex<HashMap<(Vec<Host>, SessionAttrs), Weak<Server>>>,
    consoles: Mutex<HashMap<(Vec<Host>, String, &'static str), Weak<SharedConsole>>>,
    kin: Arc<Kin>,
    /// By the API's address and the project's reference.
    offices: Mutex<HashMap<(String, String), Weak<Office>>>,
    /// By address.
    pages: Mutex<HashMap<(scrape::Kind, String), Weak<scrape::office::Office>>>,
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            origin: clock::now(),
            servers: Mutex::default(),
            consoles: Mutex::default(),
            kin: Arc::default(),
            offices: Mutex::default(),
            pages: Mutex::default(),
        }
    }
}

impl Registry {
    /// The server behind this address; what a target gives to connect with it brings with [`Server::join`].
    pub fn server(&self, url: &ConnInfo, sampling: &Sampling) -> Arc<Server> {
        let mut servers = self.servers.lock().expect("no panic while held");
        servers.retain(|_, server| server.strong_count() > 0);
        // One of several hosts may be another one for who wants something else.
        let wanted = if url.hosts.len() > 1 { url.session_attrs } else { SessionAttrs::Any };
        let key = (url.hosts.clone(), wanted);
        if let Some(server) = servers.get(&key).and_then(Weak::upgrade) {
            return server;
        }
        let server = Arc::new(Server::new(sampling.clone(), Seat::among(&self.kin, &url.address())));
        servers.insert(key, Arc::downgrade(&server));
        server
    }

    /// The instant that all schedules count from, so that whoever shares a server asks together and shares the answer.
    pub const fn origin(&self) -> Instant {
        self.origin
    }

    /// Whether any probe still holds a server or a console.
    pub fn is_in_use(&self) -> bool {
        let servers = self.servers.lock().expect("no panic while held");
        let consoles = self.consoles.lock().expect("no panic while held");
        servers.values().any(|server| server.strong_count() > 0) || consoles.values().any(|console| console.strong_count() > 0)
    }

    /// How copies and their primaries look that other nodes watch, so that a replica here is judged by what is known of its primary there.
    pub fn hear(&self, now: Instant, own: &NodeName, world: &World) {
        let targets = world.regions.values().flat_map(|region| region.targets.values());
        let others = targets.filter(|target| target.node != *own);
        self.kin.hear(now, others.map(|target| (&*target.report.server, target.vitals.replication.as_ref())));
    }

    /// Who asks the provider about this project.
    pub fn office(&self, project: &Project) -> Arc<Office> {
        let mut offices = self.offices.lock().expect("no panic while held");
        offices.retain(|_, office| office.strong_count() > 0);
        let key = (project.api.clone(), project.reference.clone());
        if let Some(office) = offices.get(&key).and_then(Weak::upgrade) {
            office.ask_with(project);
            return office;
        }
        let office = Arc::new(Office::new(project.clone()));
        offices.insert(key, Arc::downgrade(&office));
        office
    }

    /// Who reads that page of metrics.
    pub fn page(&self, source: &Source) -> Arc<scrape::office::Office> {
        // Whose pools are meant is no matter of the page.
        let source = Source { tenant: None, ..source.clone() };
        let mut pages = self.pages.lock().expect("no panic while held");
        pages.retain(|_, page| page.strong_count() > 0);
        let key = (source.kind, source.url.clone());
        if let Some(page) = pages.get(&key).and_then(Weak::upgrade) {
            page.ask_with(&source);
            return page;
        }
        let page = Arc::new(scrape::office::Office::new(source));
        pages.insert(key, Arc::downgrade(&page));
        page
    }

    /// The pooler's console behind this address.
    pub fn console(&self, dialect: Dialect, url: &ConnInfo) -> Arc<SharedConsole> {
        let mut consoles = self.consoles.lock().expect("no panic while held");
        consoles.retain(|_, console| console.strong_count() > 0);
        let key = (url.hosts.clone(), url.user.clone(), dialect.title());
        if let Some(console) = consoles.get(&key).and_then(Weak::upgrade) {
            console.connect_with(url);
            return console;
        }
        let console = Arc::new(SharedConsole::new(dialect, url.clone()));
        consoles.insert(key, Arc::downgrade(&console));
        console
    }
}
