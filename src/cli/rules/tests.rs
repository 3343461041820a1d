//! The shipped tests pass; a wrong one fails readably, a wrong file is told all at once. `BLESS=1` writes anew what is expected.

use std::{collections::BTreeSet, path::Path};

use super::*;
use crate::model::{Rule, health::TransitionKind};

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn shipped() -> Vec<(String, Case)> {
    let mut files: Vec<_> = fs::read_dir(home().join("rules")).expect("a folder").map(|it| it.expect("a file").path()).collect();
    files.sort();
    read(&files).unwrap_or_else(|problems| panic!("{problems}"))
}

fn holds(name: &str, said: &str) {
    let path = home().join("golden/rules").join(name);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, said).expect("written");
    }
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), said, "BLESS=1 accepts it");
}

/// A golden file's text under its bare name.
fn golden(name: &str) -> Result<Vec<(String, Case)>, String> {
    let text = fs::read_to_string(home().join("golden/rules").join(name)).expect("text");
    let problems = |found: config::Problems| found.0.iter().fold(String::new(), |all, problem| all + &format!("{problem}\n"));
    Ok(config::rule_tests(name, &text).map_err(problems)?.into_iter().map(|case| (name.to_owned(), case)).collect::<Vec<_>>())
}

#[test]
fn the_shipped_tests_pass() {
    let (report, failed) = run(&shipped());
    assert_eq!(failed, 0, "{report}");
}

#[test]
fn every_rule_that_is_judged_is_seen_firing_and_clearing() {
    let expected: Vec<_> = shipped().into_iter().flat_map(|(_, case)| case.expect).collect();
    let with = |event: TransitionKind| {
        let of = expected.iter().filter(|expected| expected.event == event).map(|expected| expected.rule);
        of.collect::<BTreeSet<_>>()
    };
    let elsewhere = [Rule::RegionBlind];
    let judged: BTreeSet<_> = Rule::ALL.iter().copied().filter(|rule| !elsewhere.contains(rule)).collect();
    assert_eq!(with(TransitionKind::Firing), judged);
    assert_eq!(with(TransitionKind::Cleared), judged);
}

#[test]
fn a_wrong_expectation_fails_readably() {
    let (report, failed) = run(&golden("wrong.toml").expect("it can be read"));
    assert_eq!(failed, 3);
    holds("wrong.txt", &report);
}

#[test]
fn a_wrong_file_is_told_all_at_once() {
    holds("unreadable.txt", &golden("unreadable.toml").expect_err("it cannot be used"));
    let problems = read(&["/nowhere.toml".into(), home().join("golden/rules/unreadable.toml")]).expect_err("both");
    assert!(problems.starts_with("nothing was tested\n/nowhere.toml: the file cannot be read (entity not found)"), "{problems}");
    assert!(problems.contains("unreadable.toml:3: ") && problems.ends_with(" problems in the tests"), "{problems}");
}
