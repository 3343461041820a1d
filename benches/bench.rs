//! What Isobar costs and how soon it tells, measured on real servers and held against the budgets of the contract.
//!
//! ```text
//!  cargo bench                       all parts: about 15 minutes; the tables of docs/benchmarks.md are made anew
//!  cargo bench -- cost detection     these parts; the others' tables stay
//!  cargo bench -- advice-trial       what is advised, taken: see `trial`; never among all parts
//! ```
//! A machine is never as quiet as one would like, so what can be is measured as processor time of the processes in question and
//! beside a floor or a peer in the same run; what is measured by the clock says how loaded the machine was before it began.

#![allow(clippy::disallowed_methods)] // benches measure how long things really take

mod bus;
mod cost;
mod crowd;
mod databases;
mod density;
mod detection;
mod doubles;
mod freshness;
mod health;
mod history;
mod meter;
mod page;
mod peer;
mod report;
mod support;
mod trial;

use report::Section;

/// The parts in the order of the page.
const PARTS: &[(&str, fn() -> Section)] = &[
    ("cost", cost::run),
    ("databases", databases::run),
    ("density", density::run),
    ("freshness", freshness::run),
    ("detection", detection::run),
    ("health", health::run),
    ("bus", bus::run),
    ("history", history::run),
    ("page", page::run),
];

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if let Some(("advice-trial", loads)) = wanted.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        trial::run(loads);
        return;
    }
    if let Some(unknown) = wanted.iter().find(|name| !PARTS.iter().any(|(part, _)| part == name)) {
        let parts: Vec<_> = PARTS.iter().map(|(part, _)| *part).collect();
        eprintln!("no part is called {unknown}; there are {}", parts.join(", "));
        std::process::exit(2);
    }
    for (name, run) in PARTS.iter().filter(|(part, _)| wanted.is_empty() || wanted.iter().any(|name| name == part)) {
        eprintln!("bench: {name} ...");
        let context = report::context();
        let section = run().told(name, &context);
        println!("{section}");
        report::keep(name, &section);
    }
}
