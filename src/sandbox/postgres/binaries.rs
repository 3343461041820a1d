//! Which PostgreSQL to run. A version is looked for where somebody says it is, then where `.ci/setup` unpacks it, then where
//! Debian installs it.

use std::path::{Path, PathBuf};

use crate::sandbox::{Error, cache};

/// The versions that Isobar supports, the one that tests take first in front: Debian 12's.
const MAJORS: [u32; 6] = [15, 16, 17, 18, 14, 13];

/// The programs of one major version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    /// Major version.
    pub major: u32,
    /// The directory of `postgres` and `initdb`.
    pub path: PathBuf,
}

/// Those of that major version.
pub fn of(major: u32) -> Result<Binaries, Error> {
    let places = places(major);
    let found = places.iter().find(|path| is_complete(path)).cloned();
    found.map(|path| Binaries { major, path }).ok_or_else(|| missing(&format!("PostgreSQL {major}"), &places))
}

/// Whatever there is, 15 before others.
pub fn any() -> Result<Binaries, Error> {
    let found = MAJORS.into_iter().find_map(|major| of(major).ok());
    found.ok_or_else(|| missing("PostgreSQL", &MAJORS.into_iter().flat_map(places).collect::<Vec<_>>()))
}

/// Every supported version that this machine has.
pub fn all() -> Vec<Binaries> {
    let mut majors = MAJORS;
    majors.sort_unstable();
    majors.into_iter().filter_map(|major| of(major).ok()).collect()
}

fn places(major: u32) -> Vec<PathBuf> {
    let given = std::env::var_os(format!("ISOBAR_PG{major}_BIN")).filter(|path| !path.is_empty()).map(PathBuf::from);
    let unpacked = cache().join(format!("postgres-{major}/bin"));
    given.into_iter().chain([unpacked, format!("/usr/lib/postgresql/{major}/bin").into()]).collect()
}

fn is_complete(path: &Path) -> bool {
    path.join("postgres").is_file() && path.join("initdb").is_file()
}

fn missing(what: &str, places: &[PathBuf]) -> Error {
    let places: Vec<String> = places.iter().map(|path| path.display().to_string()).collect();
    Error::Missing {
        program: format!("{what} (looked in {})", places.join(", ")),
        fix: "`make demo` installs it (`.ci/setup demo`), or set ISOBAR_PG<major>_BIN to the directory of postgres and initdb"
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_version_names_the_places_and_the_fix() {
        let error = of(99).unwrap_err().to_string();
        for part in ["PostgreSQL 99", "/usr/lib/postgresql/99/bin", "postgres-99/bin", ".ci/setup demo", "ISOBAR_PG"] {
            assert!(error.contains(part), "{part} in {error}");
        }
    }
}
