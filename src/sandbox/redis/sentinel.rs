//! Sentinels, and what they watch: a primary and a replica that takes its place.

use super::{Error, Redis, account, account::OnOurDeath, ask, program};
use crate::sandbox::{PATIENCE, folder::Folder, ports::Port, process::Process, wait_until};

/// One sentinel of our own.
#[derive(Debug)]
pub struct Sentinel {
    port: Port,
    process: Process,
    _folder: Folder,
}

impl Sentinel {
    /// Starts one that watches the primary by that name, and acts when `quorum` sentinels say that it is gone.
    pub fn start(name: &str, primary: &Redis, quorum: u32) -> Result<Self, Error> {
        let (port, folder) = (Port::lease()?, Folder::new()?);
        let mut lines = vec![
            format!("port {port}"),
            "bind 127.0.0.1".into(),
            format!("dir {}", folder.path().display()),
            format!("sentinel monitor {name} 127.0.0.1 {} {quorum}", primary.port()),
            // As quick as it gets, so that a test need not wait long.
            format!("sentinel down-after-milliseconds {name} 500"),
            format!("sentinel failover-timeout {name} 2000"),
        ];
        if primary.secret {
            lines.push(format!("sentinel auth-pass {name} {}", super::password()));
        }
        let conf = folder.write("sentinel.conf", &(lines.join("\n") + "\n"))?;
        let mut command = account::command(&program()?, OnOurDeath::Kill)?;
        command.arg(conf).arg("--sentinel");
        let url = format!("redis://127.0.0.1:{port}");
        let process =
            Process::start("Sentinel", command, &folder.join("sentinel.log"), || ask::<String>(&url, &["PING"]).is_ok())?;
        Ok(Self { port, process, _folder: folder })
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port.number()
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
    /// Starts all; the sentinels know each other and the replica when this returns.
    pub fn start() -> Result<Self, Error> {
        let primary = Redis::start()?;
        let replica = Redis::builder().replica_of(&primary).start()?;
        let sentinels = (0..3).map(|_| Sentinel::start("isobar", &primary, 2)).collect::<Result<Vec<_>, _>>()?;
        let watched = Self { sentinels, primary, replica };
        let follows = || {
            let info = watched.replica.ask::<String>(&["INFO", "replication"]);
            info.is_ok_and(|info| info.contains("master_link_status:up"))
        };
        let know = || watched.sentinels.iter().all(|sentinel| watched.knows_all(sentinel));
        if wait_until(PATIENCE, follows) && wait_until(PATIENCE, know) {
            return Ok(watched);
        }
        Err(Error::Failed { what: "Sentinel".into(), how: "did not find the replica".into(), log: String::new() })
    }

    /// How a client of the sentinels connects.
    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port)).collect();
        format!("redis+sentinel://{}/isobar", hosts.join(","))
    }

    fn knows_all(&self, sentinel: &Sentinel) -> bool {
        let url = format!("redis://127.0.0.1:{}", sentinel.port);
        let info = ask::<String>(&url, &["INFO", "sentinel"]).unwrap_or_default();
        info.contains("slaves=1") && info.contains(&format!("sentinels={}", self.sentinels.len()))
    }
}
