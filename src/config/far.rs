//! What a node must know of regions that it does not run: where their bus is, and how to reach those of their targets that its own region
//! is a vantage of. Nothing else of their files is looked at, so that a node never fails for what concerns others alone.

use std::path::Path;

use toml::{Spanned, de::DeTable};

use super::{
    RegionConfig, Vantage, bus, document, region,
    section::{File, Findings, Section},
};
use crate::{
    bus::{Place, Settings},
    model::TargetId,
};

/// One region's file.
pub(super) struct Paper<'a> {
    pub(super) file: File<'a>,
    /// The region that it is for.
    pub(super) stem: &'a str,
    /// Whether this node runs the region.
    pub(super) home: bool,
    text: Option<Spanned<DeTable<'a>>>,
    /// What is wrong with a file of a region that is not run here; of interest with a bus alone.
    aside: Vec<super::Problem>,
}

impl<'a> Paper<'a> {
    /// Parses it, and notes what is wrong.
    pub(super) fn new(findings: &mut Findings<'_>, file: File<'a>, stem: &'a str, home: bool) -> Self {
        if home {
            return Self { file, stem, home, text: document(findings, file), aside: Vec::new() };
        }
        let mut aside = Findings::new(findings.sources);
        let text = document(&mut aside, file);
        Self { file, stem, home, text, aside: aside.problems }
    }

    /// Its content, when it could be parsed.
    pub(super) fn root(&self) -> Option<Section<'_>> {
        self.text.as_ref().map(|text| Section::root(self.file, text.get_ref()))
    }
}

/// Where the regions of the folder meet; none when none of them has a bus. Some with and some without are a problem.
pub(super) fn places(findings: &mut Findings<'_>, papers: &mut [Paper<'_>], base: &bus::Base) -> Option<Settings> {
    let mut places = Vec::new();
    let mut without = Vec::new();
    for paper in papers.iter_mut() {
        let mut aside = Findings::new(findings.sources);
        let own = paper.root().and_then(|root| bus::own(&mut aside, &root));
        if paper.home {
            findings.problems.append(&mut aside.problems);
        } else {
            paper.aside.append(&mut aside.problems);
        }
        match own.or_else(|| base.redis.clone()) {
            Some(url) => places.push(Place { region: paper.stem.into(), url }),
            None => without.push(paper.file),
        }
    }
    let tried = |problem: &super::Problem| problem.key == "bus.redis";
    let mut all = findings.problems.iter().chain(papers.iter().flat_map(|paper| &paper.aside));
    let wrong = all.any(tried);
    if places.is_empty() && !wrong {
        return None;
    }
    for paper in papers.iter_mut() {
        findings.problems.append(&mut paper.aside);
    }
    // A Redis that is given but wrong has a problem of its own.
    for file in without.into_iter().filter(|_| !wrong) {
        let message = format!("region {} has no bus, and others of this folder have one", super::stem(file.name));
        let fix = "add [bus] redis = \"rediss://...\" to its file or to global.toml";
        findings
            .problems
            .push(super::Problem { key: "bus.redis".to_owned(), ..super::Problem::about(file.name, message, fix.to_owned()) });
    }
    base.settings(places)
}

/// The targets that the regions of this node are to look at too.
pub(super) fn vantages(findings: &mut Findings<'_>, papers: &[Paper<'_>], homes: &[RegionConfig], folder: &Path) -> Vec<Vantage> {
    let is_home = |name: &str| homes.iter().any(|home| home.name.as_str() == name);
    let mut all = Vec::new();
    for target in homes.iter().flat_map(|home| &home.targets) {
        let from = target.settings.vantages.iter().filter(|from| is_home(from.as_str()));
        let (id, url) = (&target.settings.id, &target.settings.url);
        all.extend(from.map(|from| Vantage { from: from.clone(), target: id.clone(), url: url.clone() }));
    }
    for paper in papers.iter().filter(|paper| !paper.home) {
        let Some(root) = paper.root() else { continue };
        // What is wrong with others' targets is theirs to know.
        let mut aside = Findings::new(findings.sources);
        for section in root.tables(&mut aside, "target") {
            let texts = section.texts(&mut aside, "vantages");
            let from: Vec<_> = texts.into_iter().map(|text| text.value).filter(|from| is_home(from)).collect();
            let Some(first) = from.first() else { continue };
            let mut ours = Findings::new(findings.sources);
            let found = region::address(&mut ours, &section, folder);
            for problem in ours.problems {
                let fix = format!("{}; region {first} needs it, being one of this target's vantages", problem.fix);
                findings.problems.push(super::Problem { fix, ..problem });
            }
            let Some((name, url)) = found else { continue };
            let vantage = |from: &String| Vantage {
                from: from.as_str().into(),
                target: TargetId::new(paper.stem, &name),
                url: url.clone(),
            };
            all.extend(from.iter().map(vantage));
        }
    }
    all
}
