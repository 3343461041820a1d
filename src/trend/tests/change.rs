use super::{
    super::change::{Change, Least, changes, usual_move},
    DAY, Kind, Noise, noise, series,
};

const STEP: f64 = 10.0;
/// As many days as the rates are told of; few where nothing is optimized.
const DAYS: u64 = if cfg!(debug_assertions) { 2 } else { 100 };
const LEAST: Least = Least { share: 0.15, absolute: 0.0 };
const KINDS: [Kind; 7] =
    [Kind::White, Kind::Alike(0.3), Kind::Heavy, Kind::Skewed, Kind::Alike(0.6), Kind::Alike(0.9), Kind::Wandering];

fn found(values: impl IntoIterator<Item = f64>) -> Vec<Change> {
    changes(&series(STEP, values), STEP, LEAST)
}

/// How often a day's looks at the last two hours find something new: each moment is looked at once with a full window around it.
fn alarms(points: &[(f64, f64)], least: Least) -> u64 {
    let windows = (0..points.len()).step_by(510).map(|from| &points[from..points.len().min(from + 720)]);
    windows.map(|window| changes(window, STEP, least).len() as u64).sum()
}

/// The means of five minutes each.
fn means(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    points.chunks(30).map(|five| (five[0].0, five.iter().map(|it| it.1).sum::<f64>() / 30.0)).collect()
}

/// Days of a figure around 100 that does not change: its noise, and its day's ups and downs.
fn steady(kind: Kind, seed: u64, days: usize, cv: f64, daily: f64) -> Vec<(f64, f64)> {
    let day = |nth: usize| 1.0 + daily * (nth as f64 * STEP / DAY * std::f64::consts::TAU).sin();
    let values = noise(kind, seed, days * 8_640).into_iter().enumerate();
    series(STEP, values.map(|(nth, noise)| 100.0 * day(nth) * (1.0 + cv * noise)))
}

#[test]
fn steady_figures_hardly_ever_change() {
    for (cv, kinds) in [(0.1, 5), (0.2, 4), (0.4, 2)] {
        for (kind, daily) in KINDS.into_iter().take(kinds).flat_map(|kind| [(kind, 0.0), (kind, 0.3)]) {
            let alarms: u64 = (0..DAYS).map(|seed| alarms(&steady(kind, seed, 1, cv, daily), LEAST)).sum();
            println!("{kind:?} cv {cv} daily {daily}: {alarms} of {DAYS} days");
            assert!(
                alarms * 100 <= DAYS.max(100) * if cv > 0.3 { 3 } else { 1 },
                "{kind:?}, cv {cv}, daily {daily}: {alarms} changes in {DAYS} days"
            );
        }
    }
}

#[test]
fn what_always_wanders_does_not_change() {
    for cv in [0.1, 0.4] {
        for kind in KINDS {
            let alarms: u64 = (0..DAYS)
                .map(|seed| {
                    let all = steady(kind, seed + 900, 4, cv, 0.3);
                    let (before, day) = all.split_at(3 * 8_640);
                    alarms(day, Least { absolute: usual_move(&means(before)).unwrap(), ..LEAST })
                })
                .sum();
            println!("{kind:?} cv {cv}, with a past: {alarms} of {DAYS} days");
            assert!(alarms * 100 <= DAYS.max(100), "{kind:?}, cv {cv}: {alarms} changes in {DAYS} days");
        }
    }
}

/// Of 100 series of an hour or two, in how many the change is found from the first five minutes after it, at its place; with three days
/// before, or without a past.
fn sought(kind: Kind, cv: f64, by: f64, has_past: bool) -> usize {
    let is_found = |seed: &u64| {
        let before = 240 + (Noise::new(*seed + 1_000).even() * 400.0) as usize;
        let level = |nth| if nth < before { 100.0 } else { 100.0 * (1.0 + by) };
        let values = noise(kind, *seed + 5_000, before + 30).into_iter().enumerate();
        let values = series(STEP, values.map(|(nth, noise)| level(nth) + 100.0 * cv * noise));
        let usual = has_past.then(|| usual_move(&means(&steady(kind, *seed, 3, cv, 0.3))).unwrap());
        let found = changes(&values, STEP, Least { absolute: usual.unwrap_or(0.0), ..LEAST });
        found
            .iter()
            .any(|change| (change.at / STEP - before as f64).abs() <= 12.0 && (change.after > change.before) == (by > 0.0))
    };
    (0..100).filter(is_found).count()
}

#[test]
fn a_third_more_is_found_within_five_minutes() {
    // Days of past for each series take long where nothing is optimized.
    let pasts: &[bool] = if cfg!(debug_assertions) { &[false] } else { &[false, true] };
    let mut sum = 0;
    let rows = [
        (Kind::White, 0.1, 0.3),
        (Kind::White, 0.15, 0.3),
        (Kind::White, 0.2, 0.3),
        (Kind::White, 0.2, -0.3),
        (Kind::Heavy, 0.2, 0.3),
        (Kind::Skewed, 0.1, 0.3),
        (Kind::Skewed, 0.2, 0.3),
        (Kind::Alike(0.3), 0.1, 0.3),
        (Kind::Alike(0.6), 0.1, 0.3),
        (Kind::White, 0.3, 0.9),
        (Kind::Heavy, 0.5, 1.5),
    ];
    for (kind, cv, by) in rows {
        for &has_past in pasts {
            let count = sought(kind, cv, by, has_past);
            println!("{kind:?} cv {cv} by {by}, past {has_past}: {count} of 100");
            assert!(count >= 90, "{kind:?}, cv {cv}, by {by}, past {has_past}: {count} of 100");
            sum += count;
        }
    }
    let all = 100 * rows.len() * pasts.len();
    assert!(sum * 100 >= 95 * all, "{sum} of {all}");
}

#[test]
fn levels_and_times_are_told_and_what_comes_back_is_a_change_too() {
    let values = noise(Kind::White, 7, 600).into_iter().enumerate();
    let level = |nth| if (200..320).contains(&nth) { 150.0 } else { 100.0 };
    let found = found(values.map(|(nth, noise)| level(nth) + 5.0 * noise));
    assert_eq!(found.len(), 2, "{found:?}");
    for (change, (at, before, after)) in found.iter().zip([(200.0, 100.0, 150.0), (320.0, 150.0, 100.0)]) {
        assert!((change.at / STEP - at).abs() <= 1.0, "{change:?}");
        assert!((change.before - before).abs() < 3.0 && (change.after - after).abs() < 3.0, "{change:?}");
        assert!(change.confidence > 0.99, "{change:?}");
    }
}

#[test]
fn outliers_gaps_and_constants_are_no_changes() {
    let spiky = noise(Kind::White, 8, 700).into_iter().enumerate();
    let spiky: Vec<f64> = spiky.map(|(nth, noise)| if nth % 23 == 0 { 1e6 } else { 100.0 + 10.0 * noise }).collect();
    assert_eq!(found(spiky.iter().copied()), vec![]);
    assert_eq!(found((0..700).map(|_| 3.0)), vec![]);
    assert_eq!(found((0..700).map(|_| f64::NAN)), vec![]);
    assert_eq!(found([]), vec![]);
    // Of what was never other than 0, a single value says nothing, and five minutes of them do.
    assert_eq!(found((0..700).map(|nth| if nth == 400 { 5.0 } else { 0.0 })), vec![]);
    let found_at: Vec<_> = found((0..700).map(|nth| if nth >= 650 { 5.0 } else { 0.0 })).iter().map(|change| change.at).collect();
    assert_eq!(found_at, [6_500.0]);
    // What is another after a gap of hours is another time, and no change at a moment.
    let gap: Vec<_> = series(STEP, (0..700).map(|nth| if nth < 350 { 100.0 } else { 200.0 } + f64::from(nth % 7)));
    let gap: Vec<_> = gap.into_iter().map(|(at, value)| (if at < 3_500.0 { at } else { at + 20_000.0 }, value)).collect();
    assert_eq!(changes(&gap, STEP, LEAST), vec![]);
    // A hole of some minutes hides nothing.
    let hole: Vec<_> = series(STEP, (0..700).map(|nth| if nth < 350 { 100.0 } else { 200.0 } + f64::from(nth % 7)));
    let hole: Vec<_> = hole.into_iter().filter(|(at, _)| !(3_000.0..3_300.0).contains(at)).collect();
    assert_eq!(changes(&hole, STEP, LEAST).len(), 1);
}
