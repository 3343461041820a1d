//! What carrying samples takes: their bytes and the time to write and read them, beside JSON in the same run; what a second of the
//! world costs its readers as regions grow; and the same through a real Redis, with whole nodes.

mod intake;
mod rig;
mod world;

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use isobar::{
    bus::{
        message::{Message, Sender},
        wire::{NEWEST, decode, frames},
    },
    model::{Report, cluster::Figures, report::RosterState},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::report::{Section, percent};

/// A report with everything in it, as the API shows it.
const REPORT: &str = include_str!("../tests/golden/web/report.json");

/// Targets of one region: a thousand are twenty such regions.
const TARGETS: usize = 50;

/// Regions of a world.
const WORLDS: [usize; 4] = [1, 5, 20, 50];

/// Targets of each region where whole nodes are watched.
const FEW: usize = 20;

/// Sessions that are not idle and statements of a busy target.
const SESSIONS: usize = 30;
const STATEMENTS: usize = 20;

/// A loop is measured for so long, so many times; the quickest counts, since all that disturbs makes it slower.
const ROUND: Duration = Duration::from_millis(200);
const ROUNDS: usize = 5;

/// What is to be known to read it, and where it ends.
const NOTES: &[&str] = &[
    "*Taken in*: a real Redis, a bus actor's reader, the wire, the inbox, a real aggregator and two subscribers; processor time is that of \
     their threads by the scheduler's books, the writer's and Redis' own are not in it. Every target is another each time within a look, so nothing is saved by \
     putting samples of one target together.",
    "*Delays* are from what is given to a region's bus actor until a world that another node publishes shows it, through one Redis without added latency; 20 nodes \
     that each read everything, the watched one and Redis share this machine. The budget is for judgements. Plain figures wait for their \
     turn by design: 250 ms (`raw`) within a region, a second between regions.",
    "*One node that knows all*: each region has one node that speaks and reads everything, on one Redis; commands and bytes are Redis' own \
     count, shared among the nodes. On a Redis for each region its reads are once per \
     Redis instead of once for all of them, at most 12 a second each.",
    "**What breaks first at 100,000 targets**, on paper, from the bytes above: 50 regions of 2,000 targets, three nodes each.",
    "1. *One Redis for all.* Each second a region says figures of 2,000 targets (155 bytes each) and 200 light samples (607 bytes): 0.43 MB, all \
     regions 22 MB. 150 nodes read all of it: 3.2 GB a second from one Redis, many times what one serves. This is what breaks first; it should have \
     been split at some 10,000 targets, where the same sum is 320 MB. A Redis per region sends 65 MB a second, and holds; beyond that, one node of a \
     region should read the others and pass them on within it.",
    "2. *`raw`* never leaves its region, but 2,000 whole samples four times a second are 64 MB a second and reader. `raw = \"1s\"` makes it 16.",
    "3. *Bandwidth between regions*: 22 MB a second into each node are 57 TB a month. Figures are seven tenths: said each 5 s, or only while somebody \
     looks, as `raw` is, they leave 9 MB; light samples each 30 s rather than 10, 5 MB.",
    "4. *Streams are bounded by messages*, and messages carry up to 1,000 figures: a region of 2,000 targets says some ten a second and keeps minutes. \
     That is memory of Redis (2,000 messages, up to 200 MB), not lost samples.",
    "5. *Taking in*: 110,000 samples a second, mostly figures. The rates above say what share of a core that is; readers are one task per Redis and spread over \
     cores by themselves, the one aggregator does not, and would be split by region.",
    "6. *Publishing* copies the map of each region in which something changed, 100,000 reference counts in all, and each subscriber's list. It may take an \
     eighth of the time, so a world that takes 10 ms to copy is published each 80 ms instead of 25: later, and not broken. \
     A map that shares its parts would end that.",
    "7. *Memory*: the figure above per target, times 100,000, on every node.",
];

pub(crate) fn run() -> Section {
    let mut section = Section::new(
        "The bus",
        format!(
            "Messages about {TARGETS} targets each, on one core. A whole sample has {SESSIONS} sessions, {STATEMENTS} statements, the counters and a \
             pooler; a light one has none of these; figures are what moves each second. JSON is `serde_json` of the same values in the same run."
        ),
    );
    let (whole, light): (Vec<_>, Vec<_>) = (0..TARGETS).map(|nth| (whole(nth), light(nth))).unzip();
    let figures: Vec<Figures> = light.iter().map(moved).collect();
    let reports = |reports: &Vec<Report>| Message::Reports(reports.clone());
    beside_json(&mut section, "a whole sample", None, &whole, &reports(&whole));
    let budget = Some(Duration::from_micros(5));
    beside_json(&mut section, "a light sample", budget, &light, &reports(&light));
    beside_json(&mut section, "figures", budget, &figures, &Message::Figures(figures.clone()));
    for regions in WORLDS {
        second_of_a_world(&mut section, regions, &light, &figures);
    }
    section.note(
        "A second of the world is, from each region, the figures of all its targets, a tenth of them as light samples, and a beat; each node \
         reads those of all regions.",
    );
    intake::measure(&mut section);
    world::delays(&mut section, 20, TARGETS);
    for regions in WORLDS {
        world::costs(&mut section, regions, FEW);
    }
    for note in NOTES.iter().copied() {
        section.note(note);
    }
    section
}

/// Bytes and times of one thing of a message, beside JSON.
fn beside_json<T: Serialize + DeserializeOwned>(
    section: &mut Section,
    what: &str,
    budget: Option<Duration>,
    values: &Vec<T>,
    message: &Message,
) {
    let frames = written(&sender(0), message);
    let json = serde_json::to_vec(values).expect("JSON");
    let each = |of: f64| of / values.len() as f64;
    let (bytes, text) = (each(frames.iter().map(Bytes::len).sum::<usize>() as f64), each(json.len() as f64));
    section.beside(format!("{what}: bytes"), format!("{bytes:.0}; JSON {text:.0}, {:.1} times as many", text / bytes));

    let from = sender(0);
    let write = each(nanoseconds(|| written(&from, message)));
    let json_write = each(nanoseconds(|| serde_json::to_vec(values)));
    section.beside(
        format!("{what}: written in"),
        format!("{}; JSON {}, {:.1} times as long", said(write), said(json_write), json_write / write),
    );
    let read = each(nanoseconds(|| heard(&frames)));
    let json_read = each(nanoseconds(|| serde_json::from_slice::<Vec<T>>(&json)));
    let measured = format!("{}; JSON {}, {:.1} times as long", said(read), said(json_read), json_read / read);
    match budget {
        Some(most) => {
            let met = read <= most.as_nanos() as f64;
            section.held(format!("{what}: read in"), format!("≤ {} µs", most.as_micros()), measured, met);
        }
        None => section.beside(format!("{what}: read in"), measured),
    }
}

/// What all regions of a world say in a second, and what reading it takes.
fn second_of_a_world(section: &mut Section, regions: usize, light: &[Report], figures: &[Figures]) {
    let roster = RosterState { targets: TARGETS as u32, probes: TARGETS as u32, seen: TARGETS as u32, ..RosterState::default() };
    let messages = [
        Message::Figures(figures.to_vec()),
        Message::Reports(light[..TARGETS / 10].to_vec()),
        Message::Beat { reads: NEWEST, roster },
    ];
    let said = |nth| messages.iter().flat_map(move |message| written(&sender(nth), message));
    let second: Vec<Bytes> = (0..regions).flat_map(said).collect();
    let bytes: usize = second.iter().map(Bytes::len).sum();
    let seconds = nanoseconds(|| heard(&second)) / 1e9;
    let samples = (regions * (figures.len() + TARGETS / 10)) as f64;
    section.beside(
        format!("a second of {regions} regions, {} targets: bytes, and reading them", regions * TARGETS),
        format!(
            "{:.0} KB in {} messages; {} of one core, {:.0} samples per second at most",
            bytes as f64 / 1e3,
            second.len(),
            percent(seconds),
            samples / seconds
        ),
    );
}

fn sender(region: usize) -> Sender {
    Sender { region: format!("region-{region}").as_str().into(), node: "node-1".into(), boot: 1, sequence: 0 }
}

fn written(from: &Sender, message: &Message) -> Vec<Bytes> {
    frames(NEWEST, &mut from.clone(), message)
}

fn heard(frames: &[Bytes]) -> Vec<(Sender, Message)> {
    frames.iter().map(|bytes| decode(bytes, NEWEST).expect("our own")).collect()
}

fn report(nth: usize) -> Report {
    let mut report: Report = serde_json::from_str(REPORT).expect("a report");
    let sample = Arc::make_mut(&mut report.sample);
    sample.target = format!("target-{nth}").as_str().into();
    sample.reasons.clear();
    report.transitions.clear();
    report
}

fn whole(nth: usize) -> Report {
    let mut report = report(nth);
    let activity = Arc::make_mut(report.activity.as_mut().expect("sessions"));
    activity.sessions = activity.sessions.iter().cycle().take(SESSIONS).cloned().collect();
    let queries = Arc::make_mut(report.queries.as_mut().expect("statements"));
    queries.statements = queries.statements.iter().cycle().take(STATEMENTS).cloned().collect();
    report
}

fn light(nth: usize) -> Report {
    Report { activity: None, queries: None, counters: None, poolers: Vec::new(), ..report(nth) }
}

fn moved(report: &Report) -> Figures {
    let sample = &report.sample;
    Figures {
        target: sample.target.clone(),
        timestamp: sample.timestamp,
        connection_pool: sample.connection_pool.clone(),
        query_performance: sample.query_performance.clone(),
        impact: sample.probe.impact,
    }
}

/// How long one turn takes when nothing disturbs it.
fn nanoseconds<T>(mut turn: impl FnMut() -> T) -> f64 {
    let mut round = || {
        let (began, mut turns) = (Instant::now(), 0_u32);
        while began.elapsed() < ROUND {
            black_box(turn());
            turns += 1;
        }
        began.elapsed().as_nanos() as f64 / f64::from(turns)
    };
    (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min)
}

fn said(nanoseconds: f64) -> String {
    format!("{:.2} µs", nanoseconds / 1e3)
}
