//! What one node takes in on one core through a real Redis: read, decoded, put together, judged, published, told.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use actix::Actor;
use isobar::{
    bus::{
        message::{Message, Sender},
        redis::Redis as Link,
        transport::{Stream, Transport},
        wire::{NEWEST, frames},
    },
    clock,
    model::{Report, Timestamp, world::WorldChange},
    sandbox::Redis,
};

use super::{
    light, moved,
    rig::{Ear, Stage, Witness, region},
    whole,
};
use crate::{meter, report::Section};

const REGIONS: usize = 20;
/// How often everything is said anew: between two looks of a reader, so that none of it is put together with what comes after.
const ROUND: Duration = Duration::from_millis(200);
const WARM_UP: Duration = Duration::from_secs(3);
const WINDOW: Duration = Duration::from_secs(6);
const QUIET: Duration = Duration::from_millis(1_500);

/// What is said in each round, and what is asked of it.
struct Load {
    what: &'static str,
    regions: usize,
    targets: usize,
    stream: Stream,
    make: fn(usize) -> Report,
    say: fn(&[Report]) -> Message,
    in_one: usize,
    budget: Option<f64>,
}

pub(super) fn measure(section: &mut Section) {
    let reports: fn(&[Report]) -> Message = |reports| Message::Reports(reports.to_vec());
    let figures: fn(&[Report]) -> Message = |reports| Message::Figures(reports.iter().map(moved).collect());
    let budget = Some(50_000.0);
    let world = Stream::World;
    let far = Load {
        what: "light samples",
        regions: REGIONS,
        targets: 500,
        stream: world,
        make: light,
        say: reports,
        in_one: 500,
        budget,
    };
    take_in(section, &far);
    take_in(section, &Load { what: "figures", say: figures, budget: None, ..far });
    let (raw, what) = (Stream::Raw, "whole samples of its own region");
    take_in(
        section,
        &Load { what, regions: 1, targets: 1_000, stream: raw, make: whole, say: reports, in_one: 100, budget: None },
    );
}

fn take_in(section: &mut Section, load: &Load) {
    let redis = Redis::start().expect("Redis");
    let (taker, writer) = (Stage::new("taker"), Stage::new("writer"));
    let shown = Arc::new(AtomicU64::new(0));
    let subscribers = (0..2).map(|nth| {
        let shown = Arc::clone(&shown);
        let count = move |change: &WorldChange| {
            if nth == 0 {
                shown.fetch_add(change.reports.len() as u64, Relaxed);
            }
        };
        taker.on(move || Witness(count).start().recipient())
    });
    let ear = Ear::Aggregator(subscribers.collect());
    // Of other regions `world` counts, of its own `raw`.
    let home = if load.stream == Stream::World { load.regions } else { 0 };
    let node = taker.node(&redis, load.regions.max(home + 1), home, "taker", ear);
    let link = Link::new(&redis.url().as_str().into(), writer.io()).expect("a good URL");
    let all: Vec<Vec<Report>> = (0..load.regions).map(|nth| of_region(load, nth)).collect();
    let from = |nth| Sender { region: region(nth), node: "writer".into(), boot: 1, sequence: 0 };
    let mut senders: Vec<[Sender; 2]> = (0..load.regions).map(|nth| [from(nth), from(nth)]).collect();
    // A target of which only figures are known is none: all are said whole once, and again as their region would.
    let mut say = |round: usize| {
        for (reports, senders) in all.iter().zip(&mut senders) {
            let at = clock::wall();
            let stamped: Vec<Report> = reports.iter().map(|report| stamped(report, at, round)).collect();
            let name = senders[0].region.clone();
            let mut entries = Vec::new();
            for part in stamped.chunks(load.in_one) {
                let message = if round == 0 { Message::Reports(part.to_vec()) } else { (load.say)(part) };
                let numbers = &mut senders[usize::from(load.stream == Stream::World)];
                entries.extend(frames(NEWEST, numbers, &message).into_iter().map(|bytes| (load.stream, bytes)));
            }
            writer.io().block_on(link.append(name, entries, Vec::new())).expect("Redis takes it");
        }
    };
    let memory = || meter::memory(std::process::id().cast_signed(), "VmRSS:");
    let (mut round, before) = (0, memory());
    let mut speak = |time: Duration| {
        let began = Instant::now();
        for nth in 1..=time.as_millis().div_ceil(ROUND.as_millis()) as u32 {
            say(round);
            round += 1;
            std::thread::sleep((began + ROUND * nth).saturating_duration_since(Instant::now()));
        }
        // All is read, and its counts are published.
        std::thread::sleep(QUIET);
    };
    let counts = || (node.heard(), taker.took(), shown.load(Relaxed));
    speak(WARM_UP);
    let (messages, took, told) = counts();
    let memory = memory() - before;
    speak(WINDOW);
    let now = counts();
    let (messages, took, told) = (now.0 - messages, now.1.saturating_sub(took), now.2 - told);
    let samples = messages * load.in_one as u64;
    node.is_up(load.regions * load.targets);
    let state = node.state.load_full();
    let lost: u64 = state.links.values().map(|link| link.missed + link.skipped).sum::<u64>() + state.dropped;
    let rate = samples as f64 / took.as_secs_f64();
    let measured = format!(
        "{rate:.0} per second of processor time: {samples} in {messages} messages took {:.2} s; {lost} lost; {:.0}% told to each of 2 \
         subscribers, the others were overtaken",
        took.as_secs_f64(),
        told as f64 / samples as f64 * 100.0
    );
    let what = format!("{} of {} targets taken in through Redis", load.what, load.regions * load.targets);
    match load.budget {
        Some(least) => {
            section.held(what, "≥ 50,000/s on one core, none lost", measured, rate >= least && lost == 0);
            let each = memory * 1024.0 / (load.regions * load.targets) as f64;
            section.beside("knowing them: memory that the process grew by", format!("{memory:.0} MiB, {each:.1} KiB per target"));
        }
        None => section.beside(what, measured),
    }
}

fn of_region(load: &Load, nth: usize) -> Vec<Report> {
    let named = |mut report: Report| {
        Arc::make_mut(&mut report.sample).region = region(nth);
        report
    };
    (0..load.targets).map(|target| named((load.make)(target))).collect()
}

fn stamped(report: &Report, at: Timestamp, round: usize) -> Report {
    let mut report = report.clone();
    let sample = Arc::make_mut(&mut report.sample);
    sample.timestamp = at;
    sample.connection_pool.total_connections = Some(round as u32);
    report
}
