//! Replicas: a copy of a running server's files that follows it by streaming. Made with the server's own backup functions, as `pg_basebackup
//! -R` does, since the PostgreSQLs that tests unpack side by side come without that program.

use std::{process::Command, sync::Arc};

use tokio_postgres::{Config, NoTls, SimpleQueryMessage};

use super::{Builder, Postgres};
use crate::sandbox::{Error, PATIENCE, folder::Folder, password, process, runtime};

/// Files of a server that a new one is to start with.
#[derive(Debug)]
pub(super) struct Copied {
    pub(super) folder: Folder,
    pub(super) template: Arc<Folder>,
}

/// What belongs to the running server and not to its data.
const OWN_FILES: [&str; 2] = ["data/postmaster.pid", "data/postmaster.opts"];
/// Its slots are none of the copy's.
const SLOTS: &str = "data/pg_replslot";

impl Postgres {
    /// A replica of it, through that slot of its when one is named; it is made if it does not exist. The rest as for any server, its settings
    /// included; [`Builder::start`] returns when it takes reads.
    pub fn replica(&self, slot: Option<&str>) -> Result<Builder, Error> {
        let folder = Folder::new()?;
        if let Some(slot) = slot {
            let exists = format!("SELECT 1 FROM pg_replication_slots WHERE slot_name = '{slot}'");
            if self.sql("postgres", &exists)?.is_empty() {
                self.sql("postgres", &format!("SELECT pg_create_physical_replication_slot('{slot}', true)"))?;
            }
        }
        self.back_up(&folder)?;
        for name in OWN_FILES {
            std::fs::remove_file(folder.join(name)).map_err(Error::io(format!("remove {name} of the copy")))?;
        }
        for slot in std::fs::read_dir(folder.join(SLOTS)).map_err(Error::io("list the copy's slots"))?.flatten() {
            std::fs::remove_dir_all(slot.path()).map_err(Error::io("remove a slot of the copy"))?;
        }
        folder.write("data/standby.signal", "")?;
        let upstream = format!("host={} port={} user=postgres password={}", self.host(), self.port(), password());
        let slot = slot.map(|slot| format!("primary_slot_name = '{slot}'\n")).unwrap_or_default();
        folder.write("data/postgresql.auto.conf", &format!("primary_conninfo = '{upstream}'\n{slot}"))?;
        let copy = Some(Copied { folder, template: Arc::clone(&self.template) });
        let settings = self.settings.iter().filter(|(name, _)| name != "listen_addresses" && name != "unix_socket_directories");
        let settings = settings.cloned().collect();
        Ok(Builder { major: Some(self.major), settings, copy, ..Builder::default() })
    }

    /// Makes it the primary of its own, and waits until it is.
    pub fn promote(&self) -> Result<(), Error> {
        self.sql("postgres", "SELECT pg_promote(true)").map(drop)
    }

    /// Copies its data while it runs, with the label that tells where replay has to begin.
    fn back_up(&self, folder: &Folder) -> Result<(), Error> {
        let (start, stop) = match self.major {
            ..15 => ("SELECT pg_start_backup('replica', true, false)", "SELECT labelfile FROM pg_stop_backup(false, false)"),
            _ => ("SELECT pg_backup_start('replica', true)", "SELECT labelfile FROM pg_backup_stop(false)"),
        };
        let mut copy = Command::new("cp");
        copy.arg("-a").arg(self.data()).arg(folder.join("data"));
        let failed = |error| Error::sql("back the server up", &error);
        let config: Config = self.superuser_url("postgres").parse().map_err(failed)?;
        let work = async move {
            let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
            let driver = tokio::spawn(connection);
            client.simple_query(start).await.map_err(failed)?;
            let copied = process::run("cp", copy);
            let messages = client.simple_query(stop).await.map_err(failed)?;
            drop(client);
            let _ = driver.await;
            copied?;
            let row = messages.into_iter().find_map(|it| if let SimpleQueryMessage::Row(row) = it { Some(row) } else { None });
            Ok(row.and_then(|row| row.get(0).map(str::to_owned)).unwrap_or_default())
        };
        let late = |_| Error::Sql { what: "back the server up".into(), message: format!("not done within {PATIENCE:?}") };
        let label = runtime::block_on(async move { tokio::time::timeout(PATIENCE, work).await }).map_err(late)??;
        folder.write("data/backup_label", &label).map(drop)
    }
}
