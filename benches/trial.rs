//! The trial of the advice: loads of many kinds behind a small pool; the advice is taken as it is printed, and what follows is measured by
//! the clients' own clocks.
//!
//! ```text
//!  make trial-advice                        all loads, about 20 minutes; the table in docs/advice.md is made anew
//!  make trial-advice ARGS="bursty locks"    these, and only printed
//! ```
//! Where the advice is to leave a pool as it is, the pool is doubled anyway, to see whether that helps. Run it on a quiet machine: a build
//! beside it takes the processors that the loads are about.

mod crowd;
mod loads;
mod rig;
mod verdict;

use std::fs;

use loads::{LOADS, Load, Right};
use rig::{Rig, WINDOW};
use verdict::{Row, summary};

use crate::report;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/advice.md");
const FROM: &str = "<!-- trial -->\n";
const TO: &str = "<!-- end of trial -->\n";

/// Runs these loads, or all of them and writes the page.
pub(crate) fn run(wanted: &[String]) {
    if let Some(unknown) = wanted.iter().find(|name| !LOADS.iter().any(|load| load.name == **name)) {
        let names: Vec<_> = LOADS.iter().map(|load| load.name).collect();
        eprintln!("no load is called {unknown}; there are {}", names.join(", "));
        std::process::exit(2);
    }
    let context = report::context();
    let chosen = LOADS.iter().filter(|load| wanted.is_empty() || wanted.iter().any(|name| name == load.name));
    let rows: Vec<Row> = chosen
        .map(|load| {
            eprintln!("trial: {}: {} ...", load.name, load.says);
            let row = one(load);
            eprintln!("{}{}", row.told(), row.detail);
            row
        })
        .collect();
    let table = verdict::HEAD.to_owned() + &rows.iter().map(Row::told).collect::<String>();
    let text = format!("{context}: `make trial-advice`.\n\n{table}\n{}\n", summary(&rows));
    println!("{text}");
    if wanted.is_empty() {
        keep(&text);
    }
}

fn one(load: &Load) -> Row {
    let (rig, user) = (Rig::start(load), load.applications[0].user);
    let advice = rig.advice(user);
    let row = match advice {
        Err(said) => Row::silent(load, said),
        Ok(advice) => {
            let to = advice["change"]["to"].as_str().and_then(|to| to.parse::<u32>().ok());
            if let Some((to, command)) = to.zip(advice["change"]["command"].as_str()) {
                rig.take(command);
                let mut after = rig.measure(WINDOW, user, to);
                if load.mode == "session" {
                    after.utilization = rig.held(10) / f64::from(to);
                }
                Row::taken(load, &advice, after).with_outcome(&rig.asked(), &advice)
            } else {
                let before = rig.measure(WINDOW / 2, user, load.pool);
                rig.enlarge_anyway(load.pool * 2);
                let after = rig.measure(WINDOW / 2, user, load.pool * 2);
                Row::left(load, &advice, before, after)
            }
        }
    };
    rig.end();
    row
}

fn keep(text: &str) {
    let page = fs::read_to_string(PAGE).expect("docs/advice.md");
    let (before, rest) = page.split_once(FROM).expect("the trial's mark on the page");
    let (_, after) = rest.split_once(TO).expect("the trial's end on the page");
    fs::write(PAGE, format!("{before}{FROM}{text}{TO}{after}")).expect("docs/advice.md can be written");
}

impl Load {
    /// Whether a prediction is due.
    fn is_predictable(&self) -> bool {
        self.right == Right::Enlarge
    }
}
