//! Programs of others, started on a free port and killed with the test: Debian's exporters.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use isobar::sandbox::{PgBouncer, Postgres, password, ports::Port};

use super::side::Page;
use crate::support::{client, secs, until};

/// What Debian's PgBouncer exporter asks for and no PgBouncer since 1.8 has; with it, it answers nothing at all.
const WITHOUT_GONE_COLUMN: &str = "from prometheus_pgbouncer_exporter import cli, collectors\n\
    collectors.StatsCollector.metrics.pop('total_requests')\ncli.main()\n";

/// A program that runs until the test ends.
pub(crate) struct Running {
    child: Child,
    log: tempfile::NamedTempFile,
}

impl Running {
    pub(crate) fn start(program: &str, command: &mut Command) -> Self {
        assert!(Path::new(program).exists(), "{program} is missing: `.ci/setup test` installs it");
        let log = tempfile::NamedTempFile::new().expect("a file");
        let file = || Stdio::from(log.reopen().expect("a file"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file()).spawn().expect("a program");
        Self { child, log }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log.path()).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An exporter beside one server or pooler.
pub(crate) struct Peer {
    running: Running,
    url: String,
    _port: Port,
}

impl Peer {
    pub(crate) fn postgres(server: &Postgres) -> Self {
        let program = "/usr/bin/prometheus-postgres-exporter";
        server.create_role("peer").expect("a role");
        server.sql("postgres", "GRANT pg_monitor TO peer").expect("SQL");
        let source = format!("{}?sslmode=disable", server.url_as("peer", "postgres"));
        Self::start(program, |port| {
            let mut command = Command::new(program);
            command.arg(format!("--web.listen-address=127.0.0.1:{port}")).env("DATA_SOURCE_NAME", source);
            command
        })
    }

    pub(crate) fn pgbouncer(pooler: &PgBouncer) -> Self {
        Self::start("/usr/bin/prometheus-pgbouncer-exporter", |port| {
            let mut command = Command::new("/usr/bin/python3");
            command.args(["-c", WITHOUT_GONE_COLUMN, "--host", "127.0.0.1", "--port", &port.to_string()]);
            command.args(["--pgbouncer-host", "127.0.0.1", "--pgbouncer-port", &pooler.port().to_string()]);
            command.args(["--pgbouncer-user", "isobar"]).env("PGPASSWORD", password());
            command
        })
    }

    fn start(program: &str, command: impl FnOnce(&Port) -> Command) -> Self {
        let port = Port::lease().expect("a port");
        let running = Running::start(program, &mut command(&port));
        let peer = Self { running, url: format!("http://127.0.0.1:{port}/metrics"), _port: port };
        until("the exporter answers", secs(20), || peer.get());
        peer
    }

    fn get(&self) -> Result<String, String> {
        let client = client().timeout(secs(10)).build().expect("a client");
        let answer = client.get(&self.url).send().and_then(|answer| answer.error_for_status()?.text());
        answer.map_err(|error| format!("{error}; {}", self.running.log()))
    }

    pub(crate) fn page(&self) -> Page {
        Page::read(&self.get().expect("a page"))
    }
}
