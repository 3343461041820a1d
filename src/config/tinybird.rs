//! `[tinybird]`: where a row of each target is sent, and where rows wait.

use std::{ops::RangeInclusive, path::Path, time::Duration};

use super::{
    Config, Problem, links,
    section::{Findings, Section},
    state,
};
use crate::export::tinybird::Settings;

const KEYS: [&str; 6] = ["datasource", "every", "spool", "spool_path", "token", "url"];

/// What may wait: below it a handful of rows, above it nobody's disk.
const SPOOL: RangeInclusive<u64> = (16 << 10)..=(64 << 30);

/// The units of a size.
const UNITS: [(&str, u64); 5] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40), ("B", 1)];

/// The settings; none without a URL.
pub(super) fn read(findings: &mut Findings<'_>, root: &Section<'_>, folder: &Path) -> Option<Settings> {
    let section = root.table(findings, "tinybird")?;
    section.only(findings, &KEYS, (&[], ""));
    let every = section.duration(findings, "every", Duration::from_secs(1)..=Duration::from_mins(10));
    let spool = size(findings, &section, "spool", SPOOL);
    let spool_path = section.given(findings, "spool_path").map(|path| folder.join(path.value));
    let datasource = section.given(findings, "datasource");
    if let Some(name) = &datasource
        && !is_name(&name.value)
    {
        findings.problem(&name.at, "is not the name of a data source", "use letters, digits and `_`, and no digit first");
    }
    let token = section.given(findings, "token");
    if let Some(token) = &token
        && !token.value.trim().bytes().all(|byte| byte.is_ascii_graphic())
    {
        findings.problem(&token.at, "holds characters that an Authorization header cannot carry", "copy the token anew");
    }
    let Some(url) = section.given(findings, "url") else {
        if let Some(token) = token {
            let fix = "add url = \"https://api.<region>.tinybird.co\", the API's host of the workspace's region";
            findings.problem(&token.at, "comes without url: nothing would be sent", fix);
        }
        return None;
    };
    if !links::check(findings, &url) {
        return None;
    }
    links::warn_unless_private(findings, &url.value, &url.at);
    let Some(token) = token else {
        let fix = "add token = \"${TINYBIRD_TOKEN}\", one with DATASOURCE:APPEND on the data source";
        findings.problem(&url.at, "comes without token", fix);
        return None;
    };
    Some(Settings {
        url: url.value.into(),
        token: token.value.into(),
        datasource: datasource.map_or_else(|| Settings::DATASOURCE.to_owned(), |name| name.value),
        every: every.unwrap_or(Settings::USUAL),
        spool: spool.unwrap_or(Settings::SPOOL),
        spool_path,
    })
}

fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    name.bytes().next().is_some_and(letter) && name.bytes().all(|byte| letter(byte) || byte.is_ascii_digit())
}

/// `64MiB` and the like.
fn size(findings: &mut Findings<'_>, section: &Section<'_>, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
    let text = section.given(findings, key)?;
    let value = text.value.trim();
    let parsed = UNITS.iter().find_map(|(unit, bytes)| value.strip_suffix(unit)?.trim().parse::<u64>().ok()?.checked_mul(*bytes));
    let Some(bytes) = parsed else {
        findings.problem(&text.at, "is not a size", "write a whole number and a unit: \"512KiB\", \"64MiB\", \"2GiB\"");
        return None;
    };
    if !range.contains(&bytes) {
        let fix = format!("choose one from {}KiB to {}GiB", range.start() >> 10, range.end() >> 30);
        findings.problem(&text.at, "is out of range", fix);
        return None;
    }
    Some(bytes)
}

impl Config {
    /// Settles where this node's rows for Tinybird wait: `spool_path`, or `.isobar/tinybird-<node>` in the configuration's folder. Where
    /// they cannot, they wait in memory, with a warning.
    pub fn keep_rows(&mut self, dir: &Path, node: &str) {
        let Some(settings) = &mut self.tinybird else { return };
        let path = settings.spool_path.clone().unwrap_or_else(|| state::beside(dir).join(state::named("tinybird", node)));
        let made = if settings.spool_path.is_some() { Ok(()) } else { state::make_beside(dir) };
        let Err(error) = made.and_then(|()| state::folder(&path)).and_then(|()| state::writable(&path.join(state::PROBE))) else {
            settings.spool_path = Some(path);
            return;
        };
        settings.spool_path = None;
        let message = format!("rows for Tinybird cannot wait in {} ({}); they do in memory", path.display(), error.kind());
        let fix = "set spool_path in [tinybird] of global.toml to a folder that the user who runs isobar may write";
        let problem = Problem::about(&dir.display().to_string(), message, fix.to_owned());
        self.warnings.push(Problem { key: "tinybird.spool_path".to_owned(), ..problem });
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{clock, config::Sources};

    fn config() -> Config {
        let settings = Settings {
            url: "https://api.tinybird.co".into(),
            token: "S3CRET".into(),
            datasource: Settings::DATASOURCE.to_owned(),
            every: Settings::USUAL,
            spool: Settings::SPOOL,
            spool_path: None,
        };
        let watched = Config::for_watch(&["postgres://me@h/shop".to_owned()], &[], None).expect("valid");
        Config { tinybird: Some(settings), ..watched }
    }

    #[test]
    fn the_example_shows_the_defaults() {
        let region = "region = \"r\"\n[[target]]\nname = \"shop\"\nurl = \"postgres://me@h/shop\"\n";
        let files = [("global.toml", include_str!("../../regions/global.toml")), ("r.toml", region)];
        let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let env = |name: &str| match name {
            "ISOBAR_TINYBIRD_URL" => Some("https://api.tinybird.co".to_owned()),
            "ISOBAR_TINYBIRD_TOKEN" => Some("S3CRET".to_owned()),
            _ => None,
        };
        let read = |_: &str| Err(std::io::ErrorKind::NotFound.into());
        let sources = Sources { now: clock::wall(), env: &env, read: &read };
        let read = Config::parse(Path::new("regions"), &files, &[], &sources).expect("valid");
        assert_eq!(read.tinybird, config().tinybird);
    }

    #[test]
    fn rows_wait_beside_the_configuration_where_they_can() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut kept = config();
        kept.keep_rows(dir.path(), "node 1/a");
        let path = kept.tinybird.expect("settings").spool_path.expect("a path");
        assert_eq!(path, dir.path().join(".isobar/tinybird-node_1_a"));
        assert_eq!((fs::read_dir(path).expect("made").count(), kept.warnings.len()), (0, 0));
        let blocked = dir.path().join("file");
        fs::write(&blocked, "").expect("written");
        let mut alone = config();
        alone.keep_rows(&blocked, "n");
        assert_eq!((alone.tinybird.expect("settings").spool_path, alone.warnings.len()), (None, 1));
        assert!(alone.warnings[0].message.ends_with("they do in memory"), "{:?}", alone.warnings);
    }
}
