//! A throw-away Redis on loopback, and a [`Sentinel`] that watches one and its replicas. Nothing is written to disk unless asked for, so a
//! restart after a kill comes back empty, as a Redis without persistence does.

mod sentinel;

use std::{net::Ipv4Addr, path::PathBuf, time::Duration};

use nix::sys::signal::Signal;
use redis::FromRedisValue;

use super::{
    Error, account,
    account::OnOurDeath,
    folder::Folder,
    password,
    ports::Port,
    process::{Guarded, Process},
    site::Site,
    tail,
};

pub use sentinel::{Sentinel, Watched};

/// How often to try another port when somebody who is not one of us is faster.
const PORTS: u32 = 5;

/// An answer takes less than a millisecond; beyond this the server is frozen.
const ANSWER: Duration = Duration::from_secs(1);

/// Slots of a cluster.
const SLOTS: u16 = 16_384;

/// What a server writes to disk when it is told to keep its data.
const DATA: [&str; 2] = ["appendonlydir", "dump.rdb"];

/// What kind of Redis to start.
#[derive(Debug, Clone, Default)]
pub struct Builder {
    settings: Vec<(String, String)>,
    secret: bool,
    tls: Option<(String, String)>,
    site: Site,
}

impl Builder {
    /// There, instead of on loopback; whoever gets there may come in without a password too.
    pub fn at(self, site: &Site) -> Self {
        let mut there = self.setting("bind", &site.to_string()).setting("protected-mode", "no");
        there.site = site.clone();
        there
    }

    /// Clients must give [`password`](super::password()).
    pub fn with_password(mut self) -> Self {
        self.secret = true;
        self
    }

    /// It also listens for TLS, at [`tls_port`](Redis::tls_port), with this certificate and key (PEM).
    pub fn tls(mut self, certificate: &str, key: &str) -> Self {
        self.tls = Some((certificate.into(), key.into()));
        self
    }

    /// Each write is on disk before it is answered, so that a killed one returns with its data.
    pub fn keeps_data(self) -> Self {
        self.setting("appendonly", "yes").setting("appendfsync", "always")
    }

    /// A copy of that one.
    pub fn replica_of(self, primary: &Redis) -> Self {
        let of = if primary.secret { self.setting("masterauth", password()) } else { self };
        of.setting("replicaof", &format!("{} {}", primary.site, primary.port))
    }

    /// A cluster of its own: it holds all slots.
    pub fn cluster(self) -> Self {
        self.setting("cluster-enabled", "yes")
    }

    /// Any line of `redis.conf`; the last one of a name counts.
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.into(), value.into()));
        self
    }

    /// Starts it; it answers when this returns.
    pub fn start(self) -> Result<Redis, Error> {
        let (program, folder) = (program()?, Folder::new()?);
        let mut redis = Redis {
            program,
            port: Port::lease()?,
            tls_port: self.tls.as_ref().map(|_| Port::lease()).transpose()?,
            secret: self.secret,
            site: self.site.clone(),
            process: Guarded::default(),
            folder,
        };
        let mut tries = 1;
        loop {
            self.write(&redis)?;
            match redis.restart() {
                Err(error) if error.is_port_taken() && tries < PORTS => redis.port = Port::lease()?,
                result => break result?,
            }
            tries += 1;
        }
        if self.settings.iter().any(|(name, value)| name == "cluster-enabled" && value == "yes") {
            let slots: Vec<String> = (0..SLOTS).map(|slot| slot.to_string()).collect();
            let words: Vec<&str> = ["CLUSTER", "ADDSLOTS"].into_iter().chain(slots.iter().map(String::as_str)).collect();
            redis.ask::<()>(&words)?;
            let whole = || redis.ask::<String>(&["CLUSTER", "INFO"]).is_ok_and(|info| info.contains("cluster_state:ok"));
            if !super::wait_until(super::PATIENCE, whole) {
                return Err(Error::Failed { what: "Redis".into(), how: "made no cluster".into(), log: redis.log() });
            }
        }
        Ok(redis)
    }

    fn write(&self, redis: &Redis) -> Result<(), Error> {
        let mut lines = vec![format!("port {}", redis.port), format!("dir {}", redis.folder.path().display())];
        if let (Some((certificate, key)), Some(port)) = (&self.tls, &redis.tls_port) {
            let files = [("tls-cert-file", "server.crt", certificate), ("tls-key-file", "server.key", key)];
            for (setting, name, text) in files {
                lines.push(format!("{setting} {}", redis.folder.write(name, text)?.display()));
            }
            lines.extend([format!("tls-port {port}"), "tls-auth-clients no".into()]);
        }
        if self.secret {
            lines.push(format!("requirepass {}", password()));
        }
        lines.extend(self.settings.iter().map(|(name, value)| format!("{name} {value}")));
        redis.folder.write("redis.conf", &(lines.join("\n") + "\n")).map(drop)
    }
}

/// A running Redis of our own; see the module's text.
#[derive(Debug)]
pub struct Redis {
    program: PathBuf,
    port: Port,
    tls_port: Option<Port>,
    secret: bool,
    site: Site,
    process: Guarded,
    folder: Folder,
}

impl Redis {
    /// One that keeps nothing on disk, without a password.
    pub fn start() -> Result<Self, Error> {
        Self::builder().start()
    }

    /// For one that differs.
    pub fn builder() -> Builder {
        let plain = [("bind", "127.0.0.1"), ("save", "\"\""), ("appendonly", "no"), ("repl-diskless-sync-delay", "0")];
        plain.into_iter().fold(Builder::default(), |builder, (name, value)| builder.setting(name, value))
    }

    /// Where it listens: loopback, unless it is elsewhere.
    pub fn host(&self) -> Ipv4Addr {
        self.site.address()
    }

    /// The port; it stays the same through [`kill`](Self::kill) and [`restart`](Self::restart).
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The port for TLS, when it has one.
    pub fn tls_port(&self) -> Option<u16> {
        self.tls_port.as_ref().map(Port::number)
    }

    /// How to connect, with the password when it has one.
    pub fn url(&self) -> String {
        let secret = if self.secret { format!(":{}@", password()) } else { String::new() };
        format!("redis://{secret}{}:{}", self.site, self.port)
    }

    /// Runs a command.
    pub fn ask<T: FromRedisValue>(&self, words: &[&str]) -> Result<T, Error> {
        ask(&self.url(), words)
    }

    /// Starts it again after [`kill`](Self::kill), with the same port and settings, and the data that it kept; it answers when this returns.
    pub fn restart(&self) -> Result<(), Error> {
        self.process.restart(Signal::SIGTERM, || {
            let mut command = self.site.server(&self.program, OnOurDeath::Kill)?;
            command.arg(self.folder.join("redis.conf"));
            Process::start("Redis", command, &self.folder.join("redis.log"), || self.ask::<String>(&["PING"]).is_ok())
        })
    }

    /// The same, without any data.
    pub fn restart_empty(&self) -> Result<(), Error> {
        self.process.end(Signal::SIGTERM);
        for name in DATA {
            let path = self.folder.join(name);
            let _ = std::fs::remove_dir_all(&path);
            let _ = std::fs::remove_file(&path);
        }
        self.restart()
    }

    /// Ends it in good order (SIGTERM).
    pub fn stop(&self) {
        self.process.end(Signal::SIGTERM);
    }

    /// Kills it (SIGKILL).
    pub fn kill(&self) {
        self.process.kill();
    }

    /// Stops it where it stands (SIGSTOP): it accepts connections (the kernel does) and answers nothing.
    pub fn freeze(&self) {
        self.process.freeze();
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.process.thaw();
    }

    /// Its process; empty when it does not run.
    pub fn pids(&self) -> Vec<i32> {
        self.process.pids()
    }

    /// Processor time it took since it started.
    pub fn cpu_time(&self) -> Duration {
        self.process.cpu_time()
    }

    /// The end of its log.
    pub fn log(&self) -> String {
        tail(&self.folder.join("redis.log"))
    }

    /// Ends it and removes its folder now, for one that others still hold; it cannot be started again.
    pub fn remove(&self) {
        self.process.end_and(Signal::SIGTERM, || self.folder.remove());
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.remove();
    }
}

fn ask<T: FromRedisValue>(url: &str, words: &[&str]) -> Result<T, Error> {
    let (name, arguments) = words.split_first().unwrap_or((&"PING", &[]));
    let answer = || {
        let mut connection = redis::Client::open(url)?.get_connection_with_timeout(ANSWER)?;
        connection.set_read_timeout(Some(ANSWER))?;
        redis::cmd(name).arg(arguments).query(&mut connection)
    };
    answer().map_err(|error: redis::RedisError| Error::Sql { what: format!("Redis, {name}"), message: error.to_string() })
}

fn program() -> Result<PathBuf, Error> {
    let given = std::env::var_os("ISOBAR_REDIS").filter(|path| !path.is_empty()).map(PathBuf::from);
    let usual = ["/usr/bin/redis-server", "/usr/local/bin/redis-server"].map(PathBuf::from);
    given.into_iter().chain(usual).find(|path| path.is_file()).ok_or_else(|| Error::Missing {
        program: "Redis (looked for /usr/bin/redis-server and /usr/local/bin/redis-server)".into(),
        fix: "`apt-get install redis-server` (`.ci/setup test` does), or set ISOBAR_REDIS to the program".into(),
    })
}
