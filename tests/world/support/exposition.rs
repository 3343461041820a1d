//! A strict reader of Prometheus' text format.

use std::collections::{BTreeMap, BTreeSet};

/// Series as `name{labels}` with their values; panics, naming the line, at whatever a strict scraper would refuse.
#[track_caller]
pub(crate) fn series(text: &str) -> BTreeMap<String, f64> {
    assert!(text.ends_with('\n'), "the last line is not ended");
    let (mut found, mut families, mut current) = (BTreeMap::new(), BTreeSet::new(), String::new());
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (word, family) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            if word == "HELP" {
                assert!(families.insert(family.to_owned()), "{family} comes in two pieces: {line}");
                family.clone_into(&mut current);
            } else {
                assert_eq!((word, family), ("TYPE", current.as_str()), "{line}");
                let kind = words.next().unwrap_or_default();
                assert!(["counter", "gauge", "histogram", "summary", "untyped"].contains(&kind), "{line}");
            }
            continue;
        }
        let (name, rest) = line.split_at(line.find(['{', ' ']).unwrap_or_else(|| panic!("no value: {line}")));
        assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_:".contains(&byte)), "{line}");
        let suffix = name.strip_prefix(current.as_str()).unwrap_or_else(|| panic!("{line}: not of the family {current}"));
        assert!(["", "_bucket", "_sum", "_count"].contains(&suffix), "{line}: not of the family {current}");
        let value = if rest.starts_with('{') { labels(rest, line) } else { rest };
        let value = value.trim_start().parse::<f64>().unwrap_or_else(|_| panic!("no number: {line}"));
        let key = line.rsplit_once(' ').map_or(line, |(key, _)| key).to_owned();
        assert!(found.insert(key, value).is_none(), "twice: {line}");
    }
    found
}

/// What follows the labels, each of which must be well-formed and there once.
#[track_caller]
fn labels<'a>(text: &'a str, line: &str) -> &'a str {
    let (mut rest, mut names) = (&text[1..], BTreeSet::new());
    loop {
        if let Some(rest) = rest.strip_prefix('}') {
            return rest;
        }
        let (name, value) = rest.split_once("=\"").unwrap_or_else(|| panic!("labels: {line}"));
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && names.insert(name), "{line}");
        let mut escaped = false;
        let end = value.find(|letter| {
            let ends = letter == '"' && !escaped;
            escaped = letter == '\\' && !escaped;
            ends
        });
        rest = &value[end.unwrap_or_else(|| panic!("labels: {line}")) + 1..];
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
}
