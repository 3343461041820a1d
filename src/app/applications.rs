//! Who hears what applications tell of their pools, and where they find our databases: joins the web with the supervisors, or with the bus,
//! which brings it to the node that watches the target.

use std::{collections::BTreeMap, sync::Arc};

use actix::Recipient;

use super::Node;
use crate::{
    config::Config,
    model::{
        RegionName,
        vitals::{Address, Told},
    },
    probe::conninfo::ConnInfo,
};

impl Node {
    /// Tells the web where to bring it.
    pub(super) fn hear_applications(&self) {
        let doors: BTreeMap<RegionName, Recipient<Told>> = match &self.carrying {
            Some(carrying) => {
                let bus: Recipient<Told> = carrying.joint().bus.recipient();
                super::all_regions(&self.config).into_iter().map(|region| (region, bus.clone())).collect()
            }
            None => self.supervisors.iter().map(|(region, running)| (region.clone(), running.addr.clone().recipient())).collect(),
        };
        self.shared.applications.store(Arc::new(doors));
        self.shared.addresses.store(Arc::new(addresses(&self.config)));
    }
}

/// Where applications find the targets of this node's regions: at the server, and at each pooler in front of it.
fn addresses(config: &Config) -> Vec<Address> {
    let mut found = Vec::new();
    for target in config.regions.iter().flat_map(|region| &region.targets) {
        let settings = &target.settings;
        let mut at = |url: &ConnInfo, database: &str| {
            found.extend(url.hosts.iter().map(|host| Address {
                target: settings.id.clone(),
                host: host.name.clone(),
                port: host.port,
                database: database.to_owned(),
            }));
        };
        at(&settings.url, &settings.url.dbname);
        for pooler in &settings.poolers {
            match (&pooler.client, &pooler.console) {
                (Some(client), _) => at(client, &client.dbname),
                (None, Some(console)) => at(console, &settings.url.dbname),
                (None, None) => {}
            }
        }
    }
    found
}
