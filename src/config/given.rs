//! Regions that the caller has made, under a `global.toml` of their own: what `isobar demo` runs.

use std::{collections::BTreeMap, fs, net::SocketAddr, path::Path};

use super::{
    Config, Problem, Problems, RegionConfig, Sources, TargetConfig, document, global,
    section::{File, Findings, Section},
};
use crate::{clock, model::RegionName, probe::TargetSettings};

impl Config {
    /// These targets, by this `global.toml` if there is one; served at `listen`.
    pub fn for_targets(targets: Vec<TargetSettings>, global: Option<&Path>, listen: SocketAddr) -> Result<Self, Problems> {
        let mut grouped: BTreeMap<RegionName, Vec<TargetSettings>> = BTreeMap::new();
        for target in targets {
            grouped.entry(target.id.region.clone()).or_default().push(target);
        }
        let names: Vec<&str> = grouped.keys().map(RegionName::as_str).collect();
        let (base, warnings) = match global {
            Some(path) => read(path, &names)?,
            None => Default::default(),
        };
        let target = |settings| TargetConfig { thresholds: base.thresholds.clone(), settings };
        let region = |(name, targets): (RegionName, Vec<TargetSettings>)| RegionConfig {
            name,
            targets: targets.into_iter().map(target).collect(),
            discoveries: Vec::new(),
        };
        let regions = grouped.into_iter().map(region).collect();
        let thresholds = base.thresholds.clone();
        let mut config = Self {
            web: base.web,
            sampling: base.sampling,
            alerts: base.alerts,
            thresholds,
            regions,
            bus: None,
            vantages: Vec::new(),
            otlp: None,
            tinybird: None,
            advice: crate::advise::Settings::default(),
            history: crate::history::Settings::default(),
            warnings,
        };
        config.listen_on(listen)?;
        Ok(config)
    }
}

fn read(path: &Path, regions: &[&str]) -> Result<(global::Global, Vec<Problem>), Problems> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| {
        let message = format!("the file cannot be read ({})", error.kind());
        Problems(vec![Problem::about(&name, message, "name a readable file, written like regions/global.toml".to_owned())])
    })?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let sources = Sources {
        now: clock::wall(),
        env: &|name| std::env::var(name).ok(),
        read: &|path| fs::read_to_string(folder.join(path)),
    };
    let mut findings = Findings::new(&sources);
    let file = File { name: &name, text: &text };
    let mut base = global::Global::default();
    if let Some(document) = document(&mut findings, file) {
        let around = global::Around { folder, regions };
        base = global::read(&mut findings, &Section::root(file, document.get_ref()), &around);
    }
    let Findings { mut problems, warnings, .. } = findings;
    problems.sort_by_key(|problem| problem.line);
    if problems.is_empty() { Ok((base, warnings)) } else { Err(Problems(problems)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_global_file_holds_for_regions_that_the_caller_made() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("alerts.toml");
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let watched = Config::for_watch(&["postgres://me@h/shop".to_owned()], &[], None).expect("valid");
        let targets: Vec<_> = watched.regions[0].targets.iter().map(|target| target.settings.clone()).collect();
        let load = |text: &str| {
            fs::write(&path, text).expect("written");
            Config::for_targets(targets.clone(), Some(&path), listen)
        };
        let channel = "[[channel]]\nname = \"ops\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:9/x\"\n";
        let config = load(&format!("{channel}[thresholds]\npool_utilization = 0.6\n")).expect("valid");
        assert_eq!((config.alerts.channels.len(), config.regions[0].targets[0].thresholds.pool_utilization), (1, 0.6));
        let refused = load("[[chanel]]\n").expect_err("misspelt").to_string();
        assert!(refused.contains("did you mean `channel`?"), "{refused}");
        let none = Config::for_targets(targets.clone(), None, listen).expect("valid");
        assert_eq!((none.alerts.channels.len(), none.regions.len()), (0, 1));
    }
}
