//! The usual peer on the same server in the same run: Debian's `prometheus-postgres-exporter`, where it is installed.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::Instant,
};

use isobar::sandbox::{Postgres, ports::Port};

use crate::{
    crowd::Session,
    meter::{Bill, Meter},
    support::{pass, secs, until},
};

const PROGRAM: &str = "/usr/bin/prometheus-postgres-exporter";

/// Scrapes, one a second.
const SCRAPES: u32 = 15;

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Its bill at one scrape a second, and its name; or why there is none.
pub(crate) fn scrape(server: &Postgres, session: &Session) -> Result<(Bill, String), String> {
    if !Path::new(PROGRAM).exists() {
        return Err("Debian's package prometheus-postgres-exporter is not installed".into());
    }
    session.sql(&format!("CREATE ROLE peer LOGIN PASSWORD '{}'; GRANT pg_monitor TO peer", isobar::sandbox::password()));
    let port = Port::lease().map_err(|error| error.to_string())?;
    let child = Command::new(PROGRAM)
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .env("DATA_SOURCE_NAME", format!("{}?sslmode=disable", server.url_as("peer", "postgres")))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let _running = Running(child.map_err(|error| error.to_string())?);
    let look = || get(port.number()).ok_or_else(|| "nothing".to_owned());
    let (page, _) = until("the exporter answers", secs(10), look);
    if !page.contains("pg_up 1") {
        return Err("the exporter cannot read the server".into());
    }
    pass(secs(1));
    let meter = Meter::start(server, session, "peer");
    for _ in 0..SCRAPES {
        let began = Instant::now();
        get(port.number()).ok_or("the exporter stopped answering")?;
        pass(secs(1).saturating_sub(began.elapsed()));
    }
    let version = Command::new(PROGRAM).arg("--version").output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&[version.stdout, version.stderr].concat()).into_owned();
    let number = text.split_once("version ").and_then(|(_, rest)| rest.split([' ', ',']).next()).unwrap_or_default().to_owned();
    Ok((meter.stop(), format!("postgres_exporter {number}")))
}

fn get(port: u16) -> Option<String> {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).ok()?;
    socket.write_all(b"GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n").ok()?;
    let mut page = String::new();
    socket.read_to_string(&mut page).ok()?;
    Some(page)
}
