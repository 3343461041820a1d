use super::{
    super::forecast::{pace, reaches, without_steps},
    DAY, Kind, noise, series,
};

const FIVE_MINUTES: f64 = 300.0;

/// Days of a size that begins at 1,000, grows by `per_day` and is off by noise of that spread.
fn sizes(kind: Kind, seed: u64, days: f64, per_day: f64, spread: f64) -> Vec<(f64, f64)> {
    let count = (days * DAY / FIVE_MINUTES) as usize;
    let values = noise(kind, seed, count).into_iter().enumerate();
    series(FIVE_MINUTES, values.map(|(nth, noise)| 1_000.0 + per_day * nth as f64 * FIVE_MINUTES / DAY + spread * noise))
}

#[test]
fn the_truth_lies_between_the_earliest_and_the_latest() {
    for (kind, days, spread) in [
        (Kind::White, 7.0, 10.0),
        (Kind::White, 1.0, 5.0),
        (Kind::Heavy, 14.0, 20.0),
        (Kind::Alike(0.6), 7.0, 10.0),
        (Kind::Skewed, 3.0, 5.0),
    ] {
        let (mut held, mut told, mut wide) = (0, 0, 0.0);
        for seed in 0..200 {
            let points = sizes(kind, seed + 40, days, 20.0, spread);
            // It is at the limit after 15 days.
            let Some(found) = reaches(&points, 1_300.0) else { continue };
            told += 1;
            held += usize::from(found.earliest <= 15.0 * DAY && 15.0 * DAY <= found.latest);
            wide += (found.latest - found.earliest) / (found.at - found.pace.end).max(1.0);
        }
        println!("{kind:?} {days} days: {held} of {told} held, width {:.2} of the time left", wide / f64::from(told));
        assert!(told >= 190, "{kind:?}: told {told} of 200");
        assert!(f64::from(i32::try_from(held).unwrap()) >= 0.92 * f64::from(told), "{kind:?}: held {held} of {told}");
    }
}

#[test]
fn nothing_is_foretold_of_what_does_not_rise() {
    let mut told = 0;
    for kind in [Kind::White, Kind::Heavy, Kind::Alike(0.6), Kind::Skewed] {
        for seed in 0..50 {
            told += usize::from(reaches(&sizes(kind, seed, 14.0, 0.0, 10.0), 1_100.0).is_some());
        }
    }
    println!("forecasts of what does not rise: {told} of 200");
    assert!(told <= 10, "{told} of 200");
    let falls = sizes(Kind::White, 1, 7.0, -20.0, 5.0);
    assert_eq!(reaches(&falls, 1_300.0), None);
    assert_eq!(reaches(&sizes(Kind::White, 1, 7.0, 20.0, 5.0), 900.0), None, "it is there already");
}

#[test]
fn the_newest_pace_counts_when_it_is_another() {
    let mut points = sizes(Kind::White, 3, 14.0, 1.0, 1.0);
    let turn = 11.0 * DAY;
    points.iter_mut().filter(|(at, _)| *at > turn).for_each(|(at, value)| *value += 50.0 * (*at - turn) / DAY);
    let found = pace(&points).unwrap();
    assert!((found.per_second * DAY - 51.0).abs() < 2.0 && found.span < 4.0 * DAY, "{found:?}");
    let steady = pace(&sizes(Kind::White, 3, 14.0, 1.0, 1.0)).unwrap();
    assert!((steady.per_second * DAY - 1.0).abs() < 0.05 && steady.span > 13.0 * DAY, "{steady:?}");
}

#[test]
fn a_table_dropped_and_a_counter_begun_anew_are_no_pace() {
    let mut points = sizes(Kind::White, 9, 14.0, 20.0, 1.0);
    points.iter_mut().filter(|(at, _)| *at > 9.0 * DAY).for_each(|(_, value)| *value -= 900.0);
    let found = pace(&points).unwrap();
    assert!(found.low <= 20.0 / DAY && 20.0 / DAY <= found.high && found.span > 13.0 * DAY, "{found:?}");
    let last = points.last().unwrap().1;
    assert!((found.level - last).abs() < 5.0, "the level is that of now: {found:?}, {last}");
    // What happens every night is the pace.
    let nightly = series(FIVE_MINUTES, (0..14 * 288).map(|nth| 1_000.0 + f64::from(nth / 288) * 50.0));
    assert_eq!(without_steps(&nightly), nightly);
    let found = pace(&nightly).unwrap();
    assert!((found.per_second * DAY - 50.0).abs() < 5.0, "{found:?}");
}

#[test]
fn gaps_are_harmless() {
    let gaps: Vec<_> =
        sizes(Kind::White, 4, 14.0, 20.0, 2.0).into_iter().filter(|(at, _)| !(3.0 * DAY..9.0 * DAY).contains(at)).collect();
    let found = reaches(&gaps, 1_400.0).unwrap();
    assert!((found.at / DAY - 20.0).abs() < 0.5 && found.earliest < 20.0 * DAY && found.latest > 20.0 * DAY, "{found:?}");
    assert_eq!((reaches(&[], 1.0), pace(&gaps[..4])), (None, None));
}
