use super::{
    super::{
        baseline::{Band, band, unusual_since},
        season::{hour, season, weekday},
    },
    DAY, Kind, noise, series,
};

const FIVE_MINUTES: f64 = 300.0;

/// Weeks of a figure around 100 by the hour: a day that swings by `daily`, weekends that are `weekend` of the rest.
fn weeks(kind: Kind, seed: u64, step: f64, days: usize, daily: f64, weekend: f64) -> Vec<(f64, f64)> {
    let count = (days as f64 * DAY / step) as usize;
    let values = noise(kind, seed, count).into_iter().enumerate().map(|(nth, noise)| {
        let at = nth as f64 * step;
        let day = 1.0 + daily * (std::f64::consts::TAU * at / DAY).sin();
        let week = if weekday(at) >= 5 { weekend } else { 1.0 };
        100.0 * day * week * (1.0 + 0.1 * noise)
    });
    series(step, values)
}

#[test]
fn a_season_is_found_where_there_is_one() {
    for seed in 0..20 {
        let found = season(&weeks(Kind::White, seed, 3_600.0, 21, 0.4, 1.0)).expect("it follows the day");
        assert!(found.daily > 0.8 && found.weekdays.is_none(), "{found:?}");
        for at in [3, 6, 12, 18, 21] {
            let truth = 40.0 * (std::f64::consts::TAU * (at as f64 + 0.0) / 24.0).sin();
            assert!((found.hours[at] - truth).abs() < 10.0, "{at}: {} instead of {truth}", found.hours[at]);
        }
        let (high, low) = found.extremes();
        assert!((4..=8).contains(&high) && (16..=20).contains(&low), "{high} {low}");
        let found = season(&weeks(Kind::Heavy, seed, 3_600.0, 28, 0.2, 0.5)).expect("it follows the week");
        let days = found.weekdays.expect("weekends differ");
        assert!(found.weekly > 0.7 && days[5] < -30.0 && days[6] < -30.0 && days[2].abs() < 10.0, "{found:?}");
    }
}

#[test]
fn no_season_is_found_where_there_is_none() {
    let kinds = [Kind::White, Kind::Heavy, Kind::Alike(0.6), Kind::Skewed];
    let found = kinds.iter().flat_map(|kind| (0..50).map(|seed| weeks(*kind, seed, 3_600.0, 14, 0.0, 1.0)));
    let count = found.filter(|points| season(points).is_some()).count();
    println!("seasons in noise: {count} of 200");
    assert!(count <= 2, "{count} of 200");
    assert_eq!(season(&weeks(Kind::White, 1, 3_600.0, 3, 0.4, 1.0)), None, "three days are too few");
}

#[test]
fn the_clock_is_that_of_utc() {
    // 2026-11-30 08:30 was a Monday.
    let monday = 1_796_027_400.0;
    assert_eq!((hour(monday), weekday(monday), weekday(monday + 6.0 * DAY), weekday(monday + 7.0 * DAY)), (8, 0, 6, 0));
}

/// How often a band calls the usual unusual, in as many days as there are series.
fn unusual(kind: Kind, daily: f64, weekend: f64) -> usize {
    let is_unusual = |seed: &u64| {
        let points = weeks(kind, *seed + 300, FIVE_MINUTES, 22, daily, weekend);
        let by_weekday = weekend < 1.0;
        let (last, start) = (points.len(), points.len() - 288);
        let bands: Vec<Option<Band>> =
            (0..24).map(|hour| band(&points[..start], 21.0 * DAY + (f64::from(hour) + 0.5) * 3_600.0, by_weekday)).collect();
        assert!(bands.iter().all(Option::is_some));
        (start..last).any(|end| unusual_since(&points[end - 12..=end], |at| bands[hour(at)]).is_some())
    };
    (0..100).filter(is_unusual).count()
}

#[test]
fn the_usual_is_hardly_ever_unusual() {
    for (kind, daily, weekend) in [
        (Kind::White, 0.0, 1.0),
        (Kind::White, 0.4, 1.0),
        (Kind::Heavy, 0.4, 1.0),
        (Kind::Skewed, 0.3, 1.0),
        (Kind::Alike(0.5), 0.3, 1.0),
        (Kind::White, 0.3, 0.5),
    ] {
        let count = unusual(kind, daily, weekend);
        println!("{kind:?} daily {daily} weekend {weekend}: {count} of 100 days");
        assert!(count <= 1, "{kind:?}, daily {daily}, weekend {weekend}: {count} of 100 days");
    }
}

#[test]
fn what_is_usual_at_noon_is_unusual_at_night() {
    let points = weeks(Kind::White, 5, FIVE_MINUTES, 21, 0.6, 1.0);
    let at = |hours: f64| band(&points, 21.0 * DAY + hours * 3_600.0, false).unwrap();
    let (high, low) = (at(6.0), at(18.0));
    assert!(high.holds(160.0) && !low.holds(160.0) && low.holds(40.0) && !high.holds(40.0), "{high:?} {low:?}");
    let now = 21.0 * DAY + 18.0 * 3_600.0;
    let recent: Vec<_> = (0..12).map(|nth| (now + f64::from(nth) * FIVE_MINUTES, if nth < 8 { 40.0 } else { 130.0 })).collect();
    assert_eq!(unusual_since(&recent, |_| Some(low)), Some(now + 8.0 * FIVE_MINUTES));
    assert_eq!(unusual_since(&recent[..10], |_| Some(low)), None, "two values are no run");
    assert_eq!(band(&points[..4 * 288], 4.0 * DAY, false), None, "four days are too few");
}
