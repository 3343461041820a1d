//! A throw-away PostgreSQL on loopback. It forgets nothing when it is killed, but does not survive the machine (`fsync=off`).
//!
//! Roles: the superuser `postgres`, and `isobar` as the documentation tells operators to make it (LOGIN, `pg_monitor`,
//! `CONNECTION LIMIT 8`); both by SCRAM with [`password`](super::password()).

pub mod binaries;
mod copy;

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use nix::sys::signal::Signal;
use tokio_postgres::{Config, NoTls, SimpleQueryMessage, SimpleQueryRow};

use super::{
    Error, PATIENCE, account,
    account::OnOurDeath,
    folder::Folder,
    password,
    ports::Port,
    process::{self, Guarded, Process},
    runtime,
    site::Site,
    tail,
};
use binaries::Binaries;

/// Small, as several run on one machine; safe against kills of the server, not of the machine; all of it inside its folder.
const SETTINGS: &[(&str, &str)] = &[
    ("shared_buffers", "16MB"),
    ("max_wal_size", "64MB"),
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("dynamic_shared_memory_type", "mmap"),
];

/// Every role by its password, replicas too.
const EVERY_ROLE: &str = "local all all scram-sha-256\nhost all all 0.0.0.0/0 scram-sha-256\n\
    host replication all 0.0.0.0/0 scram-sha-256\n";

/// How often to try another port when somebody who is not one of us is faster.
const PORTS: u32 = 5;

/// What kind of server to start.
#[derive(Debug, Default)]
pub struct Builder {
    major: Option<u32>,
    settings: Vec<(String, String)>,
    hba: String,
    tls: Option<(String, String)>,
    site: Site,
    copy: Option<copy::Copied>,
}

impl Builder {
    /// There, instead of on loopback.
    pub fn at(mut self, site: &Site) -> Self {
        self.site = site.clone();
        self
    }

    /// That major version, instead of any.
    pub fn major(mut self, major: u32) -> Self {
        self.major = Some(major);
        self
    }

    /// A setting, as in `postgresql.conf`.
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// With `pg_stat_statements` loaded; `CREATE EXTENSION` is still to be done.
    pub fn with_statements(self) -> Self {
        self.setting("shared_preload_libraries", "pg_stat_statements")
    }

    /// A line of `pg_hba.conf`, in front of those that let every role in by SCRAM.
    pub fn hba(mut self, line: &str) -> Self {
        self.hba.push_str(line);
        self.hba.push('\n');
        self
    }

    /// With TLS, by this certificate and key (PEM).
    pub fn tls(mut self, certificate: &str, key: &str) -> Self {
        self.tls = Some((certificate.into(), key.into()));
        self
    }

    /// Starts it; it answers when this returns.
    pub fn start(self) -> Result<Postgres, Error> {
        let Binaries { major, path } = self.major.map_or_else(binaries::any, binaries::of)?;
        let is_copy = self.copy.is_some();
        let (template, folder) = if let Some(copied) = self.copy {
            (copied.template, copied.folder)
        } else {
            let (template, folder) = (template(&path)?, Folder::new()?);
            let mut copy = Command::new("cp");
            copy.arg("-a").arg(template.join("data")).arg(folder.join("data"));
            process::run("cp", copy)?;
            (template, folder)
        };
        folder.write("data/pg_hba.conf", &format!("{}{EVERY_ROLE}", self.hba))?;
        let mut settings: Vec<(String, String)> = SETTINGS.iter().map(|&(name, value)| (name.into(), value.into())).collect();
        settings.push(("listen_addresses".into(), self.site.to_string()));
        settings.push(("unix_socket_directories".into(), folder.path().display().to_string()));
        if let Some((certificate, key)) = &self.tls {
            folder.write("data/server.crt", certificate)?;
            folder.write("data/server.key", key)?;
            settings.push(("ssl".into(), "on".into()));
        }
        settings.extend(self.settings);
        let port = Port::lease()?;
        let mut server =
            Postgres { major, binaries: path, settings, port, site: self.site, process: Guarded::default(), folder, template };
        let mut tries = 1;
        loop {
            match server.restart() {
                Err(error) if error.is_port_taken() && tries < PORTS => server.port = Port::lease()?,
                result => break result?,
            }
            tries += 1;
        }
        if is_copy {
            return Ok(server);
        }
        let role = format!("CREATE ROLE isobar LOGIN PASSWORD '{}' CONNECTION LIMIT 8; GRANT pg_monitor TO isobar", password());
        server.sql("postgres", &role)?;
        Ok(server)
    }
}

/// A running PostgreSQL of our own; see the module's text.
#[derive(Debug)]
pub struct Postgres {
    major: u32,
    binaries: PathBuf,
    settings: Vec<(String, String)>,
    port: Port,
    site: Site,
    process: Guarded,
    folder: Folder,
    /// It lives as long as a server that came from it.
    template: Arc<Folder>,
}

impl Postgres {
    /// Starts one of whatever version there is, 15 before others.
    pub fn start() -> Result<Self, Error> {
        Self::builder().start()
    }

    /// For one with settings of its own.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Its major version.
    pub fn major(&self) -> u32 {
        self.major
    }

    /// Where it listens: loopback, unless it is elsewhere.
    pub fn host(&self) -> Ipv4Addr {
        self.site.address()
    }

    /// Its port, the same over restarts.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Where its data, log and Unix socket are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The database as the role `isobar`.
    pub fn url(&self, database: &str) -> String {
        self.url_as("isobar", database)
    }

    /// The database as `postgres`.
    pub fn superuser_url(&self, database: &str) -> String {
        self.url_as("postgres", database)
    }

    /// The database as that role, with [`password`](super::password()).
    pub fn url_as(&self, role: &str, database: &str) -> String {
        format!("postgres://{role}:{}@{}:{}/{database}", password(), self.host(), self.port)
    }

    /// Creates an empty database.
    pub fn create_database(&self, name: &str) -> Result<(), Error> {
        self.sql("postgres", &format!("CREATE DATABASE \"{name}\"")).map(drop)
    }

    /// Creates a role that may log in with [`password`](super::password()).
    pub fn create_role(&self, name: &str) -> Result<(), Error> {
        self.sql("postgres", &format!("CREATE ROLE \"{name}\" LOGIN PASSWORD '{}'", password())).map(drop)
    }

    /// Runs statements as `postgres` on a fresh connection; the rows of all of them, as text.
    pub fn sql(&self, database: &str, text: &str) -> Result<Vec<SimpleQueryRow>, Error> {
        let (url, text) = (self.superuser_url(database), text.to_owned());
        runtime::block_on(async move { simple_query(&url, &text).await })
    }

    /// Starts it again after [`kill`](Self::kill) or [`stop`](Self::stop), with the same port and data; it answers when this returns.
    pub fn restart(&self) -> Result<(), Error> {
        self.process.restart(Signal::SIGINT, || {
            let mut command = self.site.server(&self.binaries.join("postgres"), OnOurDeath::Quit)?;
            command.arg("-D").arg(self.data()).arg("-p").arg(self.port.to_string());
            for (name, value) in &self.settings {
                command.arg("-c").arg(format!("{name}={value}"));
            }
            let (what, log) = (format!("PostgreSQL {}", self.major), self.folder.join("server.log"));
            Process::start(&what, command, &log, || self.sql("postgres", "SELECT 1").is_ok())
        })
    }

    /// Kills it and all its children at once (SIGKILL), as when the machine's memory runs out.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// Stops all its processes where they stand (SIGSTOP): it accepts connections (the kernel does) and answers nothing.
    pub fn freeze(&self) {
        self.process.freeze();
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.process.thaw();
    }

    /// Shuts it down, clients and all, but in good order: they are told, and a checkpoint is made.
    pub fn stop(&self) {
        self.process.end(Signal::SIGINT);
    }

    /// Shuts it down at once: clients are told, and the next start recovers.
    pub fn stop_immediately(&self) {
        self.process.end(Signal::SIGQUIT);
    }

    /// Its processes now, the postmaster first; empty when it does not run.
    pub fn pids(&self) -> Vec<i32> {
        self.process.pids()
    }

    /// Processor time it took since it started, with all processes it ever had; precise to about 10 ms.
    pub fn cpu_time(&self) -> Duration {
        self.process.cpu_time()
    }

    /// The end of its log.
    pub fn log(&self) -> String {
        tail(&self.folder.join("server.log"))
    }

    /// Ends it and removes its folder now, for one that others still hold; it cannot be started again.
    pub fn remove(&self) {
        self.process.end_and(Signal::SIGQUIT, || {
            self.forget_shared_memory();
            self.folder.remove();
        });
    }

    /// A killed server leaves a few bytes of System V shared memory, named in the seventh line of `postmaster.pid` (`key id`).
    fn forget_shared_memory(&self) {
        let notes = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let id = notes.lines().nth(6).and_then(|line| line.split_ascii_whitespace().nth(1));
        if let Some(id) = id {
            let mut command = Command::new("ipcrm");
            command.args(["-m", id]);
            // It is gone already when the server was started again and ended well.
            let _ = process::run("ipcrm", command);
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.remove();
    }
}

/// A fresh data directory of these programs, to be copied: that takes a tenth of making one. It lives as long as a server that came
/// from it.
fn template(binaries: &Path) -> Result<Arc<Folder>, Error> {
    static TEMPLATES: Mutex<BTreeMap<PathBuf, Weak<Folder>>> = Mutex::new(BTreeMap::new());
    let mut templates = TEMPLATES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = templates.get(binaries).and_then(Weak::upgrade) {
        return Ok(known);
    }
    let folder = Folder::new()?;
    let secret = folder.write("password", password())?;
    let mut initdb = account::command(&binaries.join("initdb"), OnOurDeath::Kill)?;
    initdb.arg("-D").arg(folder.join("data")).arg("--pwfile").arg(secret);
    initdb.args(["-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync", "--wal-segsize=1"]);
    process::run("initdb", initdb)?;
    let folder = Arc::new(folder);
    templates.insert(binaries.into(), Arc::downgrade(&folder));
    Ok(folder)
}

/// Runs statements on a fresh connection by the simple protocol, which consoles of poolers know too.
pub(super) async fn simple_query(url: &str, text: &str) -> Result<Vec<SimpleQueryRow>, Error> {
    let failed = |error| Error::sql("run a statement", &error);
    let config: Config = url.parse().map_err(failed)?;
    let work = async {
        let (client, connection) = config.connect(NoTls).await?;
        let driver = tokio::spawn(connection);
        let messages = client.simple_query(text).await;
        drop(client);
        let _ = driver.await;
        messages
    };
    let late = |_| Error::Sql { what: "run a statement".into(), message: format!("no answer within {PATIENCE:?}") };
    let messages = tokio::time::timeout(PATIENCE, work).await.map_err(late)?.map_err(failed)?;
    let row = |message| if let SimpleQueryMessage::Row(row) = message { Some(row) } else { None };
    Ok(messages.into_iter().filter_map(row).collect())
}
