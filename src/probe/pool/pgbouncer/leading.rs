//! What of a console's tables leads to one target. Pure.

use std::net::IpAddr;

use super::{
    ConsoleView, Dialect,
    lacks::{COUNTERS, DATABASES, MAX_WAIT, OTHERS, SIZE},
    tables::PoolRow,
    waits::Waited,
};
use crate::{
    model::{
        counters::{PoolerDatabase, PoolerDetail},
        sample::{Missing, Pool},
    },
    probe::conninfo::Host,
};

/// What leads to one target.
#[derive(Debug, Clone, Default)]
pub struct Leading {
    /// Its pools, one for each database and user.
    pub pools: Vec<Pool>,
    /// The detail for metrics.
    pub detail: PoolerDetail,
    /// Per server assignment over the last second or interval, milliseconds; while nothing is assigned and somebody waits, the age
    /// of the queue; 0 when nobody did. None before the second reading, unless somebody waits.
    pub mean_wait_ms: Option<f64>,
    /// What the pooler counted as errors since it started; none where it counts none.
    pub errors: Option<u64>,
    /// Whether an administrator paused or disabled any of it.
    pub paused: bool,
    /// The servers that the pooler itself found unfit.
    pub banned: Vec<String>,
    /// Whether it has no server left.
    pub all_banned: bool,
    /// What this pooler does not tell.
    pub missing: Vec<Missing>,
}

impl ConsoleView {
    /// What leads to one target.
    ///
    /// Which databases of the pooler those are, by the first that finds any: the one that clients ask for, when it is known;
    /// those that point to the target's server and database; those that point to its port and database, whatever name the host
    /// has there; the one of the same name. Where each server has rows of its own, only the target's count, if there are any.
    pub fn for_target(&self, client_dbname: Option<&str>, server: &[Host], server_dbname: &str) -> Leading {
        let names = self.leading_to(client_dbname, server, server_dbname);
        let of = |name: &str| names.contains(&name);
        let rows = self.rows(&names, server);
        let pools = self.pools(&rows);

        let waited: Vec<&Waited> = self.waited.iter().filter(|(name, _)| of(name)).map(|(_, waited)| waited).collect();
        let assignments: u64 = waited.iter().map(|waited| waited.assignments).sum();
        let wait_ms: f64 = waited.iter().map(|waited| waited.wait_ms).sum();
        let mean = (assignments > 0).then(|| wait_ms / assignments as f64);
        let queue = pools.iter().filter(|pool| pool.queue() > 0).filter_map(|pool| pool.max_wait_time).reduce(f64::max);
        let mean_wait_ms = mean.or(queue.filter(|_| self.tells_waits)).or((!waited.is_empty()).then_some(0.0));

        let totals = || self.totals.iter().filter(|row| of(&row.counters.database));
        let databases = self.databases(&names);
        let (banned, servers) = self.banned(&rows, &databases);
        let stopped = |row: &PoolerDatabase| row.paused || (row.disabled && self.dialect != Dialect::Pgcat);
        let paused = self.paused || pools.iter().any(|pool| pool.paused) || databases.iter().any(stopped);
        // Half a row would be a row of zeros.
        let whole = |field: &str| !self.lacks.has(field);
        let detail = PoolerDetail {
            name: self.name.clone(),
            version: self.settings.version.clone(),
            max_client_connections: self.settings.max_client_connections,
            used_clients: self.settings.used_clients,
            mean_wait_ms,
            assignments,
            counters: totals().filter(|_| whole(COUNTERS)).map(|row| row.counters.clone()).collect(),
            databases: databases.into_iter().filter(|_| whole(DATABASES) && whole(SIZE)).collect(),
        };
        Leading {
            paused,
            all_banned: servers > 0 && banned.len() == servers,
            banned,
            errors: totals().filter_map(|row| row.errors).reduce(u64::saturating_add),
            missing: self.missing(),
            pools,
            detail,
            mean_wait_ms,
        }
    }

    pub(super) fn leading_to<'a>(
        &'a self,
        client_dbname: Option<&'a str>,
        server: &[Host],
        server_dbname: &'a str,
    ) -> Vec<&'a str> {
        let is_console = |name: &str| self.dialect.is_console(name);
        let mut places: Vec<(&str, &str, u16, &str)> = Vec::new();
        places.extend(self.databases.iter().map(|row| (row.name.as_str(), row.host.as_str(), row.port, row.database.as_str())));
        // Where pools name their servers, they say nothing of the database there: it is taken for the one that clients ask for.
        places.extend(self.pools.iter().filter_map(|row| {
            let (host, port) = row.at.as_ref()?;
            Some((row.database.as_str(), host.as_str(), *port, row.database.as_str()))
        }));
        let names = |wanted: &dyn Fn(&str, &Host) -> bool| -> Vec<&'a str> {
            let there = |(name, poolers, port, database): &(&str, &str, u16, &str)| {
                let leads = |host: &Host| *database == server_dbname && *port == host.port && wanted(poolers, host);
                !is_console(name) && server.iter().any(leads)
            };
            let mut names: Vec<_> = places.iter().filter(|place| there(place)).map(|place| place.0).collect();
            names.dedup();
            names
        };
        // By name also when there is no such row: a database made on demand appears with its first client.
        let itself = |name: &'a str| if is_console(name) { vec![] } else { vec![name] };
        if let Some(name) = client_dbname {
            return itself(name);
        }
        let on_host = names(&same_host);
        if !on_host.is_empty() {
            return on_host;
        }
        let on_port = names(&|_, _| true);
        if on_port.is_empty() { itself(server_dbname) } else { on_port }
    }

    fn rows(&self, names: &[&str], server: &[Host]) -> Vec<&PoolRow> {
        let all = || self.pools.iter().filter(|row| names.contains(&row.database.as_str()));
        let there = |(name, port): &(String, u16)| server.iter().any(|host| *port == host.port && same_host(name, host));
        let own: Vec<_> = all().filter(|row| row.at.as_ref().is_some_and(there)).collect();
        if own.is_empty() { all().collect() } else { own }
    }

    /// One for each database and user, over their servers.
    fn pools(&self, rows: &[&PoolRow]) -> Vec<Pool> {
        let mut pools: Vec<Pool> = Vec::new();
        for row in rows {
            let pool = self.pool(row);
            let Some(sum) = pools.iter_mut().find(|sum| sum.database == pool.database && sum.user == pool.user) else {
                pools.push(pool);
                continue;
            };
            sum.size = sum.size.zip(pool.size).map(|(a, b)| a.saturating_add(b));
            sum.clients_active = sum.clients_active.saturating_add(pool.clients_active);
            let both = |a: Option<u32>, b: Option<u32>| a.zip(b).map(|(a, b)| a.saturating_add(b));
            sum.clients_waiting = both(sum.clients_waiting, pool.clients_waiting);
            sum.servers_active = both(sum.servers_active, pool.servers_active);
            sum.servers_idle = both(sum.servers_idle, pool.servers_idle);
            sum.servers_other = both(sum.servers_other, pool.servers_other);
            sum.max_wait_time = sum.max_wait_time.zip(pool.max_wait_time).map(|(a, b)| a.max(b));
            sum.paused |= pool.paused;
        }
        pools
    }

    fn pool(&self, row: &PoolRow) -> Pool {
        let paused = |database: &&PoolerDatabase| database.paused || (database.disabled && self.dialect != Dialect::Pgcat);
        Pool {
            database: row.database.clone(),
            user: row.user.clone(),
            mode: row.mode.clone(),
            size: self.size(row),
            clients_active: row.clients_active,
            clients_waiting: Some(row.clients_waiting),
            servers_active: Some(row.servers_active),
            servers_idle: Some(row.servers_idle),
            servers_other: Some(row.servers_other).filter(|_| !self.lacks.has(OTHERS)),
            max_wait_time: Some(row.max_wait_ms).filter(|_| self.tells_age || row.clients_waiting == 0),
            paused: self.paused || row.paused || self.of_pool(row).any(|database| paused(&database)),
        }
    }

    /// The rows about a pool's database; PgCat has them by user.
    fn of_pool<'a>(&'a self, row: &'a PoolRow) -> impl Iterator<Item = &'a PoolerDatabase> {
        let by_user = self.dialect == Dialect::Pgcat;
        let own = move |database: &&PoolerDatabase| !by_user || database.force_user.as_deref() == Some(row.user.as_str());
        self.databases.iter().filter(move |database| database.name == row.database).filter(own)
    }

    fn size(&self, row: &PoolRow) -> Option<u32> {
        if self.lacks.has(SIZE) {
            return None;
        }
        let mut sizes = self.of_pool(row).map(|database| database.pool_size);
        match self.dialect {
            Dialect::Pgbouncer => sizes.next().or(self.settings.default_pool_size),
            // Each server has as many.
            Dialect::Pgcat => sizes.reduce(u32::saturating_add),
            // A row for each route, and no telling which is whose; 0 is no limit.
            Dialect::Odyssey => {
                let first = sizes.next().filter(|size| *size > 0)?;
                sizes.all(|size| size == first).then_some(first)
            }
            // A user's own size is not told; who has more connections than there are by default has one.
            Dialect::Pgdog => {
                let held = row.servers_active.saturating_add(row.servers_idle).saturating_add(row.servers_other);
                self.settings.default_pool_size.filter(|size| held <= *size && !self.lacks.has(OTHERS))
            }
        }
    }

    /// One for each name, server and user: Odyssey has a row for every route.
    fn databases(&self, names: &[&str]) -> Vec<PoolerDatabase> {
        let mut all: Vec<PoolerDatabase> = Vec::new();
        let identity =
            |row: &PoolerDatabase| (row.name.clone(), row.host.clone(), row.port, row.database.clone(), row.force_user.clone());
        for row in self.databases.iter().filter(|row| names.contains(&row.name.as_str())) {
            match all.iter_mut().find(|one| identity(one) == identity(row)) {
                Some(one) => {
                    one.pool_size = one.pool_size.max(row.pool_size);
                    one.current_connections = one.current_connections.saturating_add(row.current_connections);
                    one.paused |= row.paused;
                    one.disabled |= row.disabled;
                }
                None => all.push(row.clone()),
            }
        }
        all
    }

    /// The servers that the pooler found unfit, and how many there are.
    fn banned(&self, rows: &[&PoolRow], databases: &[PoolerDatabase]) -> (Vec<String>, usize) {
        let servers: Vec<(String, bool)> = match self.dialect {
            Dialect::Pgcat => databases.iter().map(|row| (format!("{}:{}", row.host, row.port), row.disabled)).collect(),
            Dialect::Pgdog => {
                let at = |row: &&PoolRow| Some((row.at.as_ref().map(|(host, port)| format!("{host}:{port}"))?, row.banned));
                rows.iter().filter_map(at).collect()
            }
            Dialect::Pgbouncer | Dialect::Odyssey => Vec::new(),
        };
        let count = servers.len();
        (servers.into_iter().filter(|(_, banned)| *banned).map(|(server, _)| server).collect(), count)
    }

    fn missing(&self) -> Vec<Missing> {
        let missing = |field: &str, cause: &str| Missing { field: field.to_owned(), cause: cause.to_owned(), fix: None };
        let mut all = Vec::new();
        if !self.tells_waits {
            let cause = "Odyssey's console says 0 for every wait; what is shown is for how long a queue has not moved";
            all.push(missing("connectionPool.maxWaitTime", cause));
            let cause = "Odyssey's console says 0 for every wait; a client_url measures one";
            all.push(missing("connectionPool.averageWaitTime", cause));
        }
        if self.dialect == Dialect::Pgdog {
            let cause = "PgDog's console tells no clients by pool; shown are those that hold a server connection";
            all.push(missing("poolers.pools.clientsActive", cause));
        }
        for mut lack in self.lacks.missing() {
            if lack.field == MAX_WAIT && self.tells_age {
                lack.cause += "; what is shown is for how long a queue has not moved";
            }
            if !all.iter().any(|known| known.field == lack.field) {
                all.push(lack);
            }
        }
        all
    }
}

/// Whether one of a pooler's hosts (a comma separates several) is this one.
fn same_host(poolers: &str, host: &Host) -> bool {
    poolers.split(',').map(str::trim).any(|name| {
        name.eq_ignore_ascii_case(&host.name)
            || host.addr.is_some_and(|addr| name.parse() == Ok(addr))
            || (is_loopback(name) && is_loopback(&host.name))
    })
}

/// A Unix socket counts: it leads to the same machine.
fn is_loopback(name: &str) -> bool {
    name.is_empty()
        || name.starts_with('/')
        || name.eq_ignore_ascii_case("localhost")
        || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}
