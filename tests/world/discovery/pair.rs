//! A primary and its replica, of any version: a cold copy that follows.

use std::process::Command;

use isobar::sandbox::{Postgres, password};

/// A primary and a standby of it that streams.
pub(super) struct Pair {
    pub(super) primary: Postgres,
    pub(super) standby: Postgres,
}

impl Pair {
    pub(super) fn start(major: u32) -> Self {
        let builder = || Postgres::builder().major(major).hba("host replication all 0.0.0.0/0 scram-sha-256");
        let primary = builder().start().expect("a primary");
        let standby = builder().start().expect("a standby to be");
        primary.create_database("shop").expect("a database");
        primary.stop();
        standby.stop();
        follow(&standby, &primary);
        primary.restart().expect("the primary");
        standby.restart().expect("the standby");
        Self { primary, standby }
    }

    /// `127.0.0.1:P,127.0.0.1:S`, with these parameters.
    pub(super) fn url(&self, parameters: &str) -> String {
        let host = self.primary.host();
        let (first, second) = (self.primary.port(), self.standby.port());
        format!("postgres://isobar:{}@{host}:{first},{host}:{second}/shop?{parameters}", password())
    }

    pub(super) fn promote(&self) {
        let rows = self.standby.sql("postgres", "SELECT pg_promote()").expect("promoted");
        assert_eq!(rows[0].get(0), Some("t"));
    }
}

/// Makes a stopped server a copy of another stopped one, and its standby.
fn follow(standby: &Postgres, primary: &Postgres) {
    let data = standby.folder().join("data");
    std::fs::remove_dir_all(&data).expect("the old data is gone");
    let copied = Command::new("cp").arg("-a").arg(primary.folder().join("data")).arg(&data).status().expect("cp");
    assert!(copied.success());
    let conninfo = format!("host={} port={} user=postgres password={}", primary.host(), primary.port(), password());
    let settings = data.join("postgresql.auto.conf");
    let before = std::fs::read_to_string(&settings).expect("settings");
    // Overwritten in place: it stays its owner's.
    std::fs::write(&settings, format!("{before}primary_conninfo = '{conninfo}'\n")).expect("written");
    std::fs::copy(&settings, data.join("standby.signal")).expect("written");
}
