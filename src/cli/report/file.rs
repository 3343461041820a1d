//! Where the page goes: whole or not at all.

use std::{
    fs::{self, Permissions},
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::super::Failure;
use crate::cli::terminal::clean;

/// Anybody may read it; it holds no secrets.
const MODE: u32 = 0o644;

/// Whether a page could go there, as far as that is known before it is made.
pub(super) fn check(to: &Path) -> Result<(), Failure> {
    let name = clean(&to.display().to_string());
    if to.is_dir() {
        return Err(Failure::usage(format!("--html {name}: that is a folder; name a file in it, e.g. {name}/report.html")));
    }
    let folder = folder(to);
    if folder.is_dir() {
        return Ok(());
    }
    let folder = clean(&folder.display().to_string());
    Err(Failure::usage(format!("--html {name}: there is no folder {folder}; make it first, or name another")))
}

/// Writes it beside its place, then moves it there.
pub(super) fn write(to: &Path, text: &str) -> Result<(), Failure> {
    check(to)?;
    let (name, folder) = (clean(&to.display().to_string()), folder(to));
    let failed = |error: std::io::Error| {
        let folder = clean(&folder.display().to_string());
        Failure::failed(format!(
            "--html {name}: it cannot be written ({error}); name a file in a folder that you may write to, not {folder}"
        ))
    };
    let mut beside = tempfile::Builder::new().prefix(".isobar-report-").tempfile_in(&folder).map_err(failed)?;
    beside.write_all(text.as_bytes()).map_err(failed)?;
    beside.as_file().set_permissions(Permissions::from_mode(MODE)).map_err(failed)?;
    beside.as_file().sync_all().map_err(failed)?;
    beside.persist(to).map_err(|error| failed(error.error))?;
    // A name that is not on disk yet is found again by the next report.
    let _ = fs::File::open(&folder).and_then(|folder| folder.sync_all());
    Ok(())
}

fn folder(of: &Path) -> PathBuf {
    of.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_replaced_whole_and_anybody_may_read_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let page = dir.path().join("week.html");
        for text in ["a longer one", "short"] {
            write(&page, text).expect("written");
            assert_eq!(fs::read_to_string(&page).expect("text"), text);
            assert_eq!(fs::metadata(&page).expect("a file").permissions().mode() & 0o777, MODE);
        }
        assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_place_that_cannot_be_written_is_refused_with_what_to_do() {
        let dir = tempfile::tempdir().expect("a folder");
        for (place, code, says) in [
            (dir.path().to_path_buf(), 2, "name a file in it"),
            (dir.path().join("none/week.html"), 2, "make it first"),
            (PathBuf::from("/proc/week.html"), 1, "a folder that you may write to"),
        ] {
            let refused = write(&place, "text").expect_err("refused");
            assert!(refused.message.contains(says), "{}", refused.message);
            assert_eq!(refused.code, code, "{}", refused.message);
        }
    }
}
