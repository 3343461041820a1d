//! A server's folder: owned by the user it runs as, closed to others, removed on drop. Its name carries our pid, so that
//! the next sandbox can tell what a killed program left behind, and sweeps it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Once,
};

use tempfile::TempDir;

use super::{Error, account, process};

const PREFIX: &str = "isobar-sandbox-";

/// A folder that is gone when this is.
#[derive(Debug)]
pub(super) struct Folder(TempDir);

impl Folder {
    /// An empty one.
    pub(super) fn new() -> Result<Self, Error> {
        static SWEPT: Once = Once::new();
        SWEPT.call_once(sweep);
        let prefix = format!("{PREFIX}{}-", std::process::id());
        let folder = tempfile::Builder::new()
            .prefix(&prefix)
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir()
            .map_err(Error::io("create a temporary folder"))?;
        own(folder.path())?;
        Ok(Self(folder))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file that only the server's user reads.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        let path = self.join(name);
        let failed = || Error::io(format!("write {}", path.display()));
        fs::write(&path, text).map_err(failed())?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(failed())?;
        own(&path)?;
        Ok(path)
    }

    /// Removes it now; what is left then fails to find it.
    pub(super) fn remove(&self) {
        let _ = fs::remove_dir_all(self.path());
    }
}

/// Gives the path to the user that servers run as.
fn own(path: &Path) -> Result<(), Error> {
    let Some((uid, gid)) = account::unprivileged()? else { return Ok(()) };
    let failed = Error::io(format!("hand {} to the server's user", path.display()));
    std::os::unix::fs::chown(path, Some(uid.as_raw()), Some(gid.as_raw())).map_err(failed)
}

/// Ends the servers and removes the folders of sandboxes whose program is gone.
fn sweep() {
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split_once('-')?.0.parse::<i32>().ok());
        if owner.is_some_and(|owner| !process::is_alive(owner)) {
            process::end_all_started_with(&entry.path());
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
