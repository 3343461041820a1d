//! A throw-away PgBouncer on loopback, in front of [`Postgres`] servers. `isobar` may read its console, `postgres` may do anything
//! there; users log in by SCRAM with [`password`](super::password()), at PgBouncer as at the servers behind it.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::sys::signal::Signal;
use tokio_postgres::SimpleQueryRow;

use super::{
    Error, Postgres, account,
    account::OnOurDeath,
    folder::Folder,
    password,
    ports::Port,
    postgres::simple_query,
    process::{Guarded, Process},
    runtime, tail,
};

/// How often to try another port when somebody who is not one of us is faster.
const PORTS: u32 = 5;

/// What kind of PgBouncer to start.
#[derive(Debug, Clone)]
pub struct Builder {
    databases: String,
    users: Vec<String>,
    settings: Vec<(String, String)>,
}

impl Builder {
    /// A database of the server, by its own name.
    pub fn database(self, name: &str, server: &Postgres) -> Self {
        self.database_as(name, server, name, "")
    }

    /// A database of the server by another name, with further parameters of the entry such as `pool_size=3`.
    pub fn database_as(mut self, name: &str, server: &Postgres, database: &str, parameters: &str) -> Self {
        let (host, port) = (server.host(), server.port());
        let _ = writeln!(self.databases, "{name} = host={host} port={port} dbname={database} {parameters}");
        self
    }

    /// Lets that role log in, besides `isobar` and `postgres`; the servers must know it too.
    pub fn user(mut self, name: &str) -> Self {
        self.users.push(name.into());
        self
    }

    /// `session` (the default), `transaction` or `statement`.
    pub fn pool_mode(self, mode: &str) -> Self {
        self.setting("pool_mode", mode)
    }

    /// Server connections per pool.
    pub fn default_pool_size(self, size: u32) -> Self {
        self.setting("default_pool_size", &size.to_string())
    }

    /// The most clients.
    pub fn max_client_conn(self, most: u32) -> Self {
        self.setting("max_client_conn", &most.to_string())
    }

    /// How clients log in: `scram-sha-256` (the default), `md5`, `trust`.
    pub fn auth_type(self, how: &str) -> Self {
        self.setting("auth_type", how)
    }

    /// Any setting of `pgbouncer.ini`; the last one of a name counts.
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.into(), value.into()));
        self
    }

    /// Starts it; its console answers when this returns.
    pub fn start(self) -> Result<PgBouncer, Error> {
        let program = program()?;
        let folder = Folder::new()?;
        let users = self.users.iter().fold(String::new(), |text, user| text + &format!("\"{user}\" \"{}\"\n", password()));
        folder.write("users.txt", &users)?;
        let port = Port::lease()?;
        let mut pooler = PgBouncer { program, port, process: Guarded::default(), folder };
        let mut tries = 1;
        loop {
            pooler.folder.write("pgbouncer.ini", &self.ini(&pooler))?;
            match pooler.restart() {
                Err(error) if error.is_port_taken() && tries < PORTS => pooler.port = Port::lease()?,
                result => break result?,
            }
            tries += 1;
        }
        Ok(pooler)
    }

    fn ini(&self, pooler: &PgBouncer) -> String {
        let mut ini = format!("[databases]\n{}\n[pgbouncer]\n", self.databases);
        let _ = writeln!(ini, "listen_port = {}\nauth_file = {}", pooler.port, pooler.folder.join("users.txt").display());
        for (name, value) in &self.settings {
            let _ = writeln!(ini, "{name} = {value}");
        }
        ini
    }
}

/// A running PgBouncer of our own; see the module's text.
#[derive(Debug)]
pub struct PgBouncer {
    program: PathBuf,
    port: Port,
    process: Guarded,
    folder: Folder,
}

impl PgBouncer {
    /// For one in front of servers.
    pub fn builder() -> Builder {
        let builder = Builder { databases: String::new(), users: vec!["postgres".into(), "isobar".into()], settings: Vec::new() };
        builder
            .setting("listen_addr", "127.0.0.1")
            .setting("unix_socket_dir", "")
            .setting("admin_users", "postgres")
            .setting("stats_users", "isobar")
            .auth_type("scram-sha-256")
    }

    /// Where it listens: loopback.
    pub fn host(&self) -> &'static str {
        "127.0.0.1"
    }

    /// Its port, the same over restarts.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Where its configuration and log are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its console, as `isobar`.
    pub fn console_url(&self) -> String {
        self.url_as("isobar", "pgbouncer")
    }

    /// A database behind it, as `isobar`.
    pub fn client_url(&self, database: &str) -> String {
        self.url_as("isobar", database)
    }

    /// A database behind it, as that role.
    pub fn url_as(&self, role: &str, database: &str) -> String {
        format!("postgres://{role}:{}@{}:{}/{database}", password(), self.host(), self.port)
    }

    /// Runs a command of the console, as `postgres`.
    pub fn console(&self, command: &str) -> Result<Vec<SimpleQueryRow>, Error> {
        let (url, command) = (self.url_as("postgres", "pgbouncer"), command.to_owned());
        runtime::block_on(async move { simple_query(&url, &command).await })
    }

    /// Starts it again after [`kill`](Self::kill), with the same port and settings; its console answers when this returns.
    pub fn restart(&self) -> Result<(), Error> {
        self.process.restart(Signal::SIGTERM, || self.launch(|| self.console("SHOW VERSION").is_ok()))
    }

    /// Starts another process on the same port, then lets this one finish its work and end (SIGINT): an online restart. Needs the
    /// setting `so_reuseport=1`.
    pub fn replace(&self) -> Result<(), Error> {
        let ups = || std::fs::read_to_string(self.log_file()).unwrap_or_default().matches("process up").count();
        self.process.replace(Signal::SIGINT, || {
            let before = ups();
            // The old one answers too, so the log must tell that the new one is there.
            self.launch(|| ups() > before)
        })
    }

    fn launch(&self, is_up: impl FnMut() -> bool) -> Result<Process, Error> {
        let mut command = account::command(&self.program, OnOurDeath::Kill)?;
        command.arg(self.folder.join("pgbouncer.ini"));
        Process::start("PgBouncer", command, &self.log_file(), is_up)
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

    /// `PAUSE`: clients get no server until [`resume`](Self::resume); waits for those that have one to give it back.
    pub fn pause(&self) -> Result<(), Error> {
        self.console("PAUSE").map(drop)
    }

    /// `RESUME`.
    pub fn resume(&self) -> Result<(), Error> {
        self.console("RESUME").map(drop)
    }

    /// Its process; empty when it does not run.
    pub fn pids(&self) -> Vec<i32> {
        self.process.pids()
    }

    /// Processor time it took since it started; precise to about 10 ms.
    pub fn cpu_time(&self) -> Duration {
        self.process.cpu_time()
    }

    /// The end of its log.
    pub fn log(&self) -> String {
        tail(&self.log_file())
    }

    /// Ends it and removes its folder now, for one that others still hold; it cannot be started again.
    pub fn remove(&self) {
        self.process.end_and(Signal::SIGTERM, || self.folder.remove());
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("pgbouncer.log")
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        self.remove();
    }
}

fn program() -> Result<PathBuf, Error> {
    let given = std::env::var_os("ISOBAR_PGBOUNCER").filter(|path| !path.is_empty()).map(PathBuf::from);
    let places: Vec<PathBuf> =
        given.into_iter().chain([super::cache().join("pgbouncer/bin/pgbouncer"), "/usr/sbin/pgbouncer".into()]).collect();
    places.iter().find(|path| path.is_file()).cloned().ok_or_else(|| Error::Missing {
        program: format!(
            "PgBouncer (looked for {})",
            places.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
        ),
        fix: "`make demo` installs it (`.ci/setup demo`), or set ISOBAR_PGBOUNCER to the program".into(),
    })
}
