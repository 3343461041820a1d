//! One life of a keeper in a process of its own that will be killed: second after second, as fast as they can be written.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use isobar::{
    clock,
    history::{
        Settings,
        keeper::{Keeper, Told},
    },
    model::{
        RegionName, TargetId, TargetName, Timestamp,
        history::{FIGURES, Question},
    },
};
use serde::{Deserialize, Serialize};

const TARGETS: usize = 20;
const FIGURE: usize = 1;

/// What a life is to be.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Wish {
    pub(super) folder: PathBuf,
    /// Seconds that it has written stand here.
    pub(super) noted: PathBuf,
    /// Its first second.
    pub(super) from: i64,
}

/// The first second of all, some days ago.
pub(super) fn begin() -> i64 {
    (clock::wall().unix_ms() / 86_400_000 - 3) * 86_400
}

pub(super) fn keeper(folder: &Path) -> Keeper {
    let (path, long) = (folder.join("isobar.db"), Duration::from_hours(24 * 365));
    let settings = Settings { path: Some(path.clone()), keep_raw: long, keep_10s: long, ..Settings::default() };
    Keeper::open(&settings, &path, &Arc::default()).expect("a keeper")
}

pub(super) fn record(keeper: &mut Keeper, at: i64) {
    let region = RegionName::from("local");
    let names: Vec<TargetName> = (0..TARGETS).map(|nth| format!("t{nth}").as_str().into()).collect();
    let mut figures = [None; FIGURES.len()];
    for (place, figure) in figures.iter_mut().enumerate().skip(FIGURE).step_by(3) {
        *figure = Some((at % 100) as f64 + place as f64);
    }
    keeper.record(at, names.iter().map(|target| Told { region: &region, target, figures, queries: None }));
}

pub(super) fn question(from: i64, to: i64, step: u64) -> Question {
    let at = |second: i64| Timestamp::from_unix_ms(second * 1_000).expect("a moment");
    let step = Some(Duration::from_secs(step));
    Question { target: TargetId::new("local", "t7"), figures: vec![FIGURE], from: at(from), to: at(to), step, percentiles: false }
}

#[test]
#[ignore = "a process that the test beside it starts and kills"]
fn a_life() {
    let Some(wish) = crate::support::Life::wish::<Wish>() else { return };
    let mut noted = fs::File::options().create(true).append(true).open(&wish.noted).expect("a file");
    let mut keeper = keeper(&wish.folder);
    for at in wish.from.. {
        record(&mut keeper, at);
        if let Some(trouble) = keeper.store().keeping.load().trouble.clone() {
            fs::write(wish.folder.join("complaint"), trouble).expect("written");
        }
        noted.write_all(&at.to_le_bytes()).expect("written");
    }
}
