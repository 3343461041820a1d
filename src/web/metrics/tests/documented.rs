//! Every family of the page has a row in docs/metrics.md, and every name there is a family.

use super::*;

/// What the first cells of the tables of metrics name: whole names, and endings (`_idle_connections`) of names like the row's others.
struct Row {
    names: Vec<&'static str>,
    endings: Vec<&'static str>,
}

impl Row {
    fn of(line: &'static str) -> Self {
        let first = line.split('|').nth(1).unwrap_or_default();
        let (endings, names) = first.split('`').skip(1).step_by(2).partition(|name| name.starts_with('_'));
        Self { names, endings }
    }

    /// Whether a family is in it: by name, by an ending of which the row has another name like it, or by a `*`.
    fn has(&self, family: &str) -> bool {
        let ends = |ending: &&str| {
            let stem = family.strip_suffix(ending);
            stem.is_some_and(|stem| {
                self.names.iter().any(|name| name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('_')))
            })
        };
        let begins = |name: &&str| name.strip_suffix('*').is_some_and(|start| family.starts_with(start));
        self.names.contains(&family) || self.endings.iter().any(ends) || self.names.iter().any(begins)
    }
}

/// The rows of tables whose first column is of metrics.
fn rows() -> Vec<Row> {
    let mut is_in = false;
    let lines = include_str!("../../../../docs/metrics.md").lines();
    let rows = lines.filter(|line| {
        is_in = line.starts_with('|') && (is_in || line.starts_with("| metric |"));
        is_in
    });
    rows.map(Row::of).collect()
}

#[test]
fn every_family_is_documented_and_every_documented_one_is_there() {
    let pushes = Arc::new(Pushes { taken: 1, ..Pushes::default() });
    let keeping = Arc::new(crate::model::history::Keeping { is_on: true, ..Default::default() });
    let uploads = Arc::new(Uploads { wanted: true, ..Uploads::default() });
    let own = Own { pushes, keeping, uploads, ..own() };
    let families = written(&world(&[report()]), &book(), &own, Format::Text, Style::Isobar).named;
    let rows = rows();
    assert!(families.len() > 150 && rows.len() > 50, "{} {}", families.len(), rows.len());
    let missing: Vec<_> = families.iter().filter(|family| !rows.iter().any(|row| row.has(family))).collect();
    assert!(missing.is_empty(), "docs/metrics.md has no row for {missing:?}");
    let names = rows.iter().flat_map(|row| &row.names).filter(|name| !name.ends_with('*'));
    let gone: Vec<_> = names.filter(|name| !families.contains(name)).collect();
    assert!(gone.is_empty(), "docs/metrics.md names {gone:?}, which the page does not have");
}
