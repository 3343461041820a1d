//! The map of the house, held. `docs/architecture.md` tells it in words; these are its tables. A change of the house is a
//! change of a table here and of that page, in one commit that says why.
//!
//! A file is read as tokens, so that comments and strings do not count and the insides of macros do. Test code is free to
//! reach anywhere: what it imports is not in the program.

mod tables;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use tables::{EFFECTFUL, EFFECTS, EMPTY_NAMES, HOMES, IMPORTS, MOST_LINES};

/// One source file: its path from the top, and its text.
#[derive(Clone)]
struct Source {
    path: String,
    text: String,
}

/// A path of names as the code says it, `crate` and `super` resolved, and the line of its first name.
#[derive(Debug, PartialEq)]
struct Named {
    line: usize,
    path: Vec<String>,
}

impl Source {
    /// `probe::pool` for `src/probe/pool.rs`.
    fn module(&self) -> Vec<String> {
        self.path.trim_end_matches(".rs").split('/').skip(1).map(Into::into).collect()
    }

    fn room(&self) -> String {
        self.module().swap_remove(0)
    }

    fn is_test(&self) -> bool {
        self.module().iter().skip(1).any(|part| part == "tests")
    }

    /// Whether one of the places is this file, or a module that it is in.
    fn is_in(&self, places: &[&str]) -> bool {
        let path = self.path.strip_prefix("src/").unwrap_or_default();
        let is_below =
            |place: &str| path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest == ".rs" || rest.starts_with('/'));
        places.iter().any(|place| *place == "*" || is_below(place))
    }

    /// Every path of two names or more outside of tests.
    fn names(&self) -> Vec<Named> {
        let tokens: TokenStream = self.text.parse().unwrap_or_else(|error| panic!("{}: {error}", self.path));
        let mut found = Vec::new();
        if !self.is_test() {
            collect(tokens, &[], &mut found);
        }
        for named in &mut found {
            let depth = named.path.iter().take_while(|name| *name == "super").count();
            if depth > 0 {
                let module = self.module();
                let above = module.iter().take(module.len().saturating_sub(depth)).cloned();
                let below = named.path.drain(depth..).collect::<Vec<_>>();
                named.path = std::iter::once("crate".into()).chain(above).chain(below).collect();
            } else if self.room() == "main" && named.path[0] == "isobar" {
                named.path[0] = "crate".into();
            }
        }
        found
    }

    fn complaint(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path)
    }
}

/// Adds the paths of the tokens; those in a `use` group begin with what stands before it.
fn collect(tokens: TokenStream, before: &[String], found: &mut Vec<Named>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let is_mark = |at: usize, mark: char| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == mark);
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Punct(mark) if mark.as_char() == '#' && is_cfg_test(tokens.get(at + 1)) => {
                let ends = |token: &TokenTree| match token {
                    TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
                    token => token.to_string() == ";",
                };
                at = tokens[at + 2..].iter().position(ends).map_or(tokens.len(), |end| at + 2 + end);
            }
            TokenTree::Group(group) => collect(group.stream(), &[], found),
            TokenTree::Ident(first) => {
                let line = first.span().start().line;
                let mut path = before.to_vec();
                path.extend((first != "self" || before.is_empty()).then(|| first.to_string()));
                while is_mark(at + 1, ':') && is_mark(at + 2, ':') {
                    match tokens.get(at + 3) {
                        Some(TokenTree::Ident(next)) => path.push(next.to_string()),
                        Some(TokenTree::Group(group)) => collect(group.stream(), &path, found),
                        _ => break,
                    }
                    at += 3;
                }
                if path.len() > 1 {
                    found.push(Named { line, path });
                }
            }
            _ => {}
        }
        at += 1;
    }
}

fn is_cfg_test(token: Option<&TokenTree>) -> bool {
    token.is_some_and(|token| token.to_string().replace(' ', "") == "[cfg(test)]")
}

/// Imports that the map does not have.
fn strays(sources: &[Source]) -> Vec<String> {
    let modules: BTreeSet<Vec<String>> = sources.iter().map(Source::module).collect();
    let may = |allowed: &str, path: &[String]| match allowed.strip_suffix('!') {
        Some(root) => path[0] == root && (path.len() < 2 || !modules.contains(&path[..2])),
        None => path.iter().map(String::as_str).take(allowed.split("::").count()).eq(allowed.split("::")),
    };
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| source.path != "src/lib.rs") {
        let room = source.room();
        let Some((_, allowed)) = IMPORTS.iter().find(|(name, _)| *name == room) else {
            found.push(source.complaint(1, &format!("`{room}` is on no map: give it a row in IMPORTS")));
            continue;
        };
        for named in source.names().iter().filter(|named| named.path[0] == "crate" && named.path[1] != room) {
            if !allowed.iter().any(|allowed| may(allowed, &named.path[1..])) {
                let what = format!("`{room}` may not import `{}`, only {allowed:?} (IMPORTS)", named.path.join("::"));
                found.push(source.complaint(named.line, &what));
            }
        }
    }
    found
}

/// Rooms that import each other, however far around.
fn circles(sources: &[Source]) -> Vec<String> {
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources.iter().filter(|source| source.path != "src/lib.rs") {
        let others =
            source.names().into_iter().filter(|named| named.path[0] == "crate").map(|mut named| named.path.swap_remove(1));
        imports.entry(source.room()).or_default().extend(others.filter(|other| *other != source.room()));
    }
    // Whoever imports nobody that is left is in no circle; what stays when none is left to take away is.
    while let Some(free) =
        imports.iter().find(|(_, to)| !to.iter().any(|to| imports.contains_key(to))).map(|(room, _)| room.clone())
    {
        imports.remove(&free);
    }
    imports.into_iter().map(|(room, to)| format!("`{room}` is in a circle of imports or leads into one: {to:?}")).collect()
}

/// Outside crates away from home, and actors' and adapters' tools in pure files.
fn intruders(sources: &[Source]) -> Vec<String> {
    let effectful: Vec<&str> = EFFECTFUL.split_whitespace().collect();
    let mut found = Vec::new();
    for source in sources {
        for named in source.names() {
            let path = named.path.join("::");
            if let Some((name, homes)) = HOMES.iter().find(|(name, _)| *name == named.path[0])
                && !source.is_in(homes)
            {
                found.push(source.complaint(named.line, &format!("`{name}` lives in {homes:?}, not here (HOMES)")));
            }
            let is_effect = EFFECTS.iter().any(|effect| path == *effect || path.starts_with(&format!("{effect}::")));
            if is_effect && path != "actix::Message" && !source.is_in(&effectful) {
                let what = format!(
                    "`{path}` in a pure file: pass in what it would tell, or list the file as an actor or adapter (EFFECTFUL)"
                );
                found.push(source.complaint(named.line, &what));
            }
        }
    }
    found
}

/// What a file's name, length and first line say.
fn untidy(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(name) = source.module().iter().find(|name| EMPTY_NAMES.contains(&name.as_str())) {
        found.push(
            source.complaint(1, &format!("`{name}` names nothing: a file is named after its one idea, its folder likewise")),
        );
    }
    let lines = source.text.lines().count();
    if lines > MOST_LINES {
        found.push(source.complaint(
            lines,
            &format!("{lines} lines, of {MOST_LINES} at most: more than one idea; tests may move to tests.rs"),
        ));
    }
    if !source.text.starts_with("//!") && !source.is_test() {
        found.push(source.complaint(1, "begins without `//!`: say what the file is for, and why"));
    }
    found
}

fn sources(folder: &str) -> Vec<Source> {
    let top = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where the house is"));
    let (mut folders, mut found) = (vec![top.join(folder)], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push(Source { path: path.strip_prefix(&top).unwrap().to_string_lossy().into_owned(), text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn everybody_imports_only_whom_the_map_allows() {
    assert_none(&strays(&sources("src")));
}

#[test]
fn no_room_imports_itself_round_a_circle() {
    assert_none(&circles(&sources("src")));
}

#[test]
fn outside_crates_stay_at_home_and_pure_files_stay_pure() {
    assert_none(&intruders(&sources("src")));
}

#[test]
fn every_outside_crate_has_a_home() {
    let manifest: toml::Table = include_str!("../../Cargo.toml").parse().unwrap();
    let used: BTreeSet<String> = manifest["dependencies"].as_table().unwrap().keys().map(|name| name.replace('-', "_")).collect();
    let homes: BTreeSet<String> = HOMES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(used, homes, "Cargo.toml's dependencies (left) and HOMES (right)");
}

#[test]
fn files_are_short_named_and_introduced() {
    let files = ["src", "tests"].map(sources).concat();
    assert!(files.len() > 20, "looked at the wrong folder");
    assert_none(&files.iter().flat_map(untidy).collect::<Vec<_>>());
}

/// The checks, checked: what each says of a small bad file; nothing where the last column is empty.
#[test]
fn the_checks_see_what_they_are_for() {
    let rows: &[(&str, &str, &str)] = &[
        ("web/views.rs", "\n\nuse crate::probe::Sampling;", "src/web/views.rs:3: `web` may not import `crate::probe::Sampling`"),
        ("web/views.rs", "use crate::{model::Status, probe::{Stop, Spawn}};", "`crate::probe::Spawn`"),
        ("web/views.rs", "fn f() -> crate::region::Judge { todo!() }", "`crate::region::Judge`"),
        ("web/views.rs", "fn f() { info!(x = crate::app::node()); }", "`crate::app::node`"),
        ("web/views.rs", "use super::super::region::{self};", "may not import `crate::region`"),
        ("web/views.rs", "use super::Settings; // crate::region", ""),
        ("web/views.rs", "#[cfg(test)] mod tests { use crate::app; } use crate::cli::run;", "`crate::cli::run`"),
        ("web/views.rs", "#[cfg(test)] #[allow(x)] mod tests { use crate::app; }", ""),
        ("web/views/tests.rs", "use crate::app::Node;", ""),
        ("config.rs", "use crate::probe::{Sampling, conninfo::ConnInfo};", ""),
        ("config.rs", "use crate::probe::session::Server;", "`config` may not import `crate::probe::session::Server`"),
        ("sandbox.rs", "use crate::probe::Sampling;", "`sandbox` may not import"),
        ("main.rs", "fn main() { isobar::app::run() }", "`main` may not import `crate::app::run`"),
        ("cellar.rs", "", "`cellar` is on no map"),
        ("model.rs", "use tokio_postgres::Row;", "`tokio_postgres` lives in"),
        ("region/rules.rs", "#[actix_web::get(\"/\")] fn f() {}", "`actix_web` lives in [\"web\"]"),
        ("region/rules.rs", "fn f() { tokio::spawn(g()) }", "`tokio::spawn` in a pure file"),
        ("region/rules.rs", "fn f() { let now = crate::clock::now(); }", "`crate::clock::now` in a pure file"),
        ("region/rules.rs", "use crate::{clock, model};", "`crate::clock` in a pure file"),
        ("region/rules.rs", "impl actix::Message for A {} const A: &str = \"tokio::spawn\";", ""),
        ("region/supervisor.rs", "use actix::Actor; use crate::clock::now;", ""),
        ("probe/utils.rs", "//! x", "`utils` names nothing"),
        ("probe/mod.rs", "//! x", "`mod` names nothing"),
        ("probe/tls.rs", "// x", "begins without `//!`"),
    ];
    for (path, text, expected) in rows {
        let bad = Source { path: format!("src/{path}"), text: (*text).into() };
        let known = Source { path: "src/probe/session.rs".into(), text: "//! x".into() };
        let named = if text.starts_with("//") { untidy(&bad) } else { intruders(std::slice::from_ref(&bad)) };
        let found = [named, strays(&[bad, known])].concat();
        let is_right = if expected.is_empty() { found.is_empty() } else { found.iter().any(|one| one.contains(expected)) };
        assert!(is_right, "{path}: {text}\nexpected {expected:?}, found {found:#?}");
    }
}

#[test]
fn a_long_file_is_more_than_one_idea() {
    let of = |lines| untidy(&Source { path: "src/web/views.rs".into(), text: "//!\n".repeat(lines) });
    assert!(of(MOST_LINES).is_empty());
    assert!(of(MOST_LINES + 1)[0].contains("401 lines"));
}

#[test]
fn a_circle_is_seen_however_far_around() {
    let file = |path: &str, text: &str| Source { path: format!("src/{path}"), text: text.into() };
    let house = |last| [file("a.rs", "use crate::b::B;"), file("b/x.rs", "use crate::c;"), file("c.rs", last), file("d.rs", "")];
    assert!(circles(&house("use crate::d::D;")).is_empty());
    assert_eq!(circles(&house("use crate::a::A;")).len(), 3);
}
