//! Whether a folder may have changed, without reading it.

use std::{fs, path::Path, time::SystemTime};

/// Names, lengths and times of change of a folder's configuration files. A different one means that it is time to load again; an
/// editor's save, a `git pull` and a swapped mount all change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint(Vec<(std::ffi::OsString, u64, Option<SystemTime>)>);

impl Fingerprint {
    /// The folder as it is now; an unreadable one looks empty.
    pub fn of(dir: &Path) -> Self {
        let mut files: Vec<_> = super::folder::files(dir)
            .unwrap_or_default()
            .into_iter()
            .map(|path| {
                // Follows links: a mounted configuration is swapped by its link.
                let found = fs::metadata(&path).ok();
                let name = path.file_name().unwrap_or_default().to_owned();
                (name, found.as_ref().map_or(0, fs::Metadata::len), found.and_then(|found| found.modified().ok()))
            })
            .collect();
        files.sort();
        Self(files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_shows_and_rest_does_not() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a.toml");
        let mut seen = vec![Fingerprint::of(dir.path())];
        let mut changed = |what: &str| {
            let now = Fingerprint::of(dir.path());
            assert!(!seen.contains(&now), "{what} does not show");
            assert_eq!(now, Fingerprint::of(dir.path()));
            seen.push(now);
        };
        fs::write(&path, "a = 1").expect("written");
        changed("a new file");
        fs::write(&path, "a = 12").expect("written");
        changed("a longer file");
        fs::File::options().write(true).open(&path).and_then(|file| file.set_modified(SystemTime::UNIX_EPOCH)).expect("touched");
        changed("a touched file");
        fs::rename(&path, dir.path().join("b.toml")).expect("renamed");
        changed("a renamed file");
        let before = Fingerprint::of(dir.path());
        fs::write(dir.path().join(".b.toml.swp"), "x").expect("written");
        fs::write(dir.path().join("notes.txt"), "x").expect("written");
        assert_eq!(before, Fingerprint::of(dir.path()));
        assert_eq!(Fingerprint::of(Path::new("/nowhere")), Fingerprint::of(Path::new("/nowhere/else")));
    }
}
