//! Where a node keeps its incidents: `[alerts] path`, or `.isobar/alerts-<node>.db` in the configuration's folder.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::{Config, Problem, Problems};

/// The folder beside the configuration; hidden, so that it counts neither as configuration nor as a change of it.
const FOLDER: &str = ".isobar";
/// What a folder is tried with.
pub(super) const PROBE: &str = "rows";

impl Config {
    /// Settles where this node's incidents are kept, and tries whether they can be. Where they cannot, a node with channels does not start,
    /// since it would forget whom it told; one without goes on in memory, with a warning.
    pub fn keep_alerts(&mut self, dir: &Path, node: &str) -> Result<(), Problems> {
        let path = self.alerts.path.clone().unwrap_or_else(|| beside(dir).join(named("alerts", node) + ".db"));
        let made = if self.alerts.path.is_some() { Ok(()) } else { make_beside(dir) };
        let Err(error) = made.and_then(|()| writable(&path)) else {
            self.alerts.path = Some(path);
            return Ok(());
        };
        let message = format!("incidents cannot be kept in {} ({})", path.display(), error.kind());
        let fix = "set path in [alerts] of global.toml to a file that the user who runs isobar may write, on a disk that lasts";
        let problem =
            Problem { key: "alerts.path".to_owned(), ..Problem::about(&dir.display().to_string(), message, fix.to_owned()) };
        if !self.alerts.channels.is_empty() {
            return Err(Problems(vec![problem]));
        }
        let message = format!("{}; they are forgotten when isobar ends", problem.message);
        self.warnings.push(Problem { message, ..problem });
        self.alerts.path = None;
        Ok(())
    }
}

/// The folder beside the configuration for what a node keeps.
pub(super) fn beside(dir: &Path) -> PathBuf {
    dir.join(FOLDER)
}

pub(super) fn make_beside(dir: &Path) -> io::Result<()> {
    folder(&beside(dir))
}

/// What a node keeps there, by its name.
pub(super) fn named(what: &str, node: &str) -> String {
    format!("{what}-{}", file_name(node))
}

/// A node's name as a part of a file's name.
pub(super) fn file_name(node: &str) -> String {
    let safe = |letter: char| if letter.is_ascii_alphanumeric() || "-_.".contains(letter) { letter } else { '_' };
    node.chars().take(100).map(safe).collect()
}

/// Makes one for its owner alone, unless it is there.
pub(super) fn folder(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Tries with a file beside it, since the database wants files of its own there. The database itself stays closed: to close it here
/// would take away the locks of those who have it open, as after a reload.
pub(super) fn writable(path: &Path) -> io::Result<()> {
    if let Ok(there) = fs::metadata(path)
        && (there.is_dir() || there.permissions().readonly())
    {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".try");
    OpenOptions::new().create(true).append(true).mode(0o600).open(&beside)?;
    fs::remove_file(&beside)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::{
        alert::settings::{ChannelKind, ChannelSettings},
        config::Fingerprint,
    };

    fn config() -> Config {
        Config::for_watch(&["postgres://me@h/shop".to_owned()], &[], None).expect("valid")
    }

    fn channel() -> ChannelSettings {
        let kind = ChannelKind::SlackWebhook { url: "https://h/x".into() };
        ChannelSettings { name: "ops".to_owned(), kind, title: None, body: None }
    }

    #[test]
    fn a_hidden_folder_for_its_owner_alone_is_made_and_is_no_change_of_the_configuration() {
        let dir = tempfile::tempdir().expect("a folder");
        let before = Fingerprint::of(dir.path());
        let mut config = config();
        config.keep_alerts(dir.path(), "node 1/a").expect("writable");
        let path = dir.path().join(".isobar/alerts-node_1_a.db");
        assert_eq!(config.alerts.path.as_ref(), Some(&path));
        let folder = dir.path().join(".isobar");
        assert_eq!(fs::metadata(&folder).expect("it is there").permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::read_dir(&folder).expect("readable").count(), 0, "what it tried with is gone");
        assert_eq!(Fingerprint::of(dir.path()), before);
        config.keep_alerts(dir.path(), "node 1/a").expect("it is there already");
    }

    #[test]
    fn without_a_place_channels_are_refused_and_nothing_else_is() {
        let dir = tempfile::tempdir().expect("a folder");
        let blocked = dir.path().join("file");
        fs::write(&blocked, "").expect("written");
        let mut alone = config();
        alone.keep_alerts(&blocked, "n").expect("in memory");
        assert_eq!((alone.alerts.path, alone.warnings.len()), (None, 1));
        assert!(alone.warnings[0].message.ends_with("they are forgotten when isobar ends"));
        let mut told = config();
        told.alerts.channels.push(channel());
        let refused = told.keep_alerts(&blocked, "n").expect_err("nowhere to write").to_string();
        assert!(
            refused.contains("alerts.path: incidents cannot be kept in") && refused.contains("path in [alerts]"),
            "{refused}"
        );
        told.alerts.path = Some(dir.path().join("kept.db"));
        told.keep_alerts(&blocked, "n").expect("the configured path");
        told.alerts.path = Some(dir.path().to_owned());
        assert!(told.keep_alerts(&blocked, "n").is_err(), "a folder is no file");
    }
}
