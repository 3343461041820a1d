//! Sentinels, and what they watch: a primary and a replica that takes its place.

use std::net::SocketAddrV4;

use redis::FromRedisValue;

use super::{Error, Redis, account::OnOurDeath, ask, program};
use crate::sandbox::{PATIENCE, folder::Folder, ports::Port, process::Process, site::Site, wait_until};

/// How the sentinels call what they watch.
const NAME: &str = "isobar";

/// One sentinel of our own.
#[derive(Debug)]
pub struct Sentinel {
    port: Port,
    site: Site,
    process: Process,
    _folder: Folder,
}

impl Sentinel {
    /// Starts one beside the primary that watches it by that name, and acts when `quorum` sentinels say that it is gone.
    pub fn start(name: &str, primary: &Redis, quorum: u32) -> Result<Self, Error> {
        let (port, site, folder) = (Port::lease()?, primary.site.clone(), Folder::new()?);
        let mut lines = vec![
            format!("port {port}"),
            format!("bind {site}"),
            "protected-mode no".into(),
            format!("dir {}", folder.path().display()),
            format!("sentinel monitor {name} {site} {} {quorum}", primary.port()),
            // As quick as it gets, so that a test need not wait long.
            format!("sentinel down-after-milliseconds {name} 500"),
            format!("sentinel failover-timeout {name} 2000"),
        ];
        if primary.secret {
            lines.push(format!("sentinel auth-pass {name} {}", super::password()));
        }
        let conf = folder.write("sentinel.conf", &(lines.join("\n") + "\n"))?;
        let mut command = site.server(&program()?, OnOurDeath::Kill)?;
        command.arg(conf).arg("--sentinel");
        let url = format!("redis://{site}:{port}");
        let process =
            Process::start("Sentinel", command, &folder.join("sentinel.log"), || ask::<String>(&url, &["PING"]).is_ok())?;
        Ok(Self { port, site, process, _folder: folder })
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.site.address(), self.port())
    }

    fn ask<T: FromRedisValue>(&self, words: &[&str]) -> Result<T, Error> {
        ask(&format!("redis://{}", self.address()), words)
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        self.process.kill();
    }
}

/// A primary and a replica, watched by three sentinels under the name `isobar`.
#[derive(Debug)]
pub struct Watched {
    /// Who watches.
    pub sentinels: Vec<Sentinel>,
    /// Who serves at first.
    pub primary: Redis,
    /// Who takes over.
    pub replica: Redis,
}

impl Watched {
    /// Starts all on loopback; the sentinels know each other and the replica when this returns.
    pub fn start() -> Result<Self, Error> {
        Self::start_at(&Site::default())
    }

    /// The same, all of it there.
    pub fn start_at(site: &Site) -> Result<Self, Error> {
        let primary = Redis::builder().at(site).start()?;
        let replica = Redis::builder().at(site).replica_of(&primary).start()?;
        let sentinels = (0..3).map(|_| Sentinel::start(NAME, &primary, 2)).collect::<Result<Vec<_>, _>>()?;
        let watched = Self { sentinels, primary, replica };
        if wait_until(PATIENCE, || watched.is_whole()) {
            return Ok(watched);
        }
        Err(Error::Failed { what: "Sentinel".into(), how: "did not find the replica".into(), log: String::new() })
    }

    /// How a client of the sentinels connects.
    pub fn url(&self) -> String {
        self.url_by(|sentinel| sentinel)
    }

    /// The same for a client that calls each of them by a way of its own.
    pub fn url_by(&self, way: impl Fn(SocketAddrV4) -> SocketAddrV4) -> String {
        let hosts: Vec<String> = self.sentinels.iter().map(|sentinel| way(sentinel.address()).to_string()).collect();
        format!("redis+sentinel://{}/{NAME}", hosts.join(","))
    }

    /// Who serves now, as most sentinels have it.
    pub fn serving(&self) -> &Redis {
        let promoted = self.sentinels.iter().filter(|sentinel| served_by(sentinel) == Some(self.replica.port())).count();
        if 2 * promoted > self.sentinels.len() { &self.replica } else { &self.primary }
    }

    /// Whether one serves, the other follows it, and all sentinels know that, so that either may die.
    pub fn is_whole(&self) -> bool {
        let serving = self.serving().port();
        let follower = if serving == self.primary.port() { &self.replica } else { &self.primary };
        let info = follower.ask::<String>(&["INFO", "replication"]).unwrap_or_default();
        let follows = info.contains("master_link_status:up") && info.contains(&format!("master_port:{serving}\r"));
        follows && self.sentinels.iter().all(|sentinel| served_by(sentinel) == Some(serving) && self.knows_all(sentinel))
    }

    fn knows_all(&self, sentinel: &Sentinel) -> bool {
        let info = sentinel.ask::<String>(&["INFO", "sentinel"]).unwrap_or_default();
        let replicas = sentinel.ask::<Vec<Vec<String>>>(&["SENTINEL", "REPLICAS", NAME]).unwrap_or_default();
        let follow = |replica: &Vec<String>| replica.chunks(2).any(|pair| pair == ["flags", "slave"]);
        replicas.iter().any(follow) && info.contains("slaves=1") && info.contains(&format!("sentinels={}", self.sentinels.len()))
    }
}

/// The port of the one that serves, as the sentinel has it.
fn served_by(sentinel: &Sentinel) -> Option<u16> {
    let address: Vec<String> = sentinel.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]).ok()?;
    address.last()?.parse().ok()
}
