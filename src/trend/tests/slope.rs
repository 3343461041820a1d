use super::{
    super::slope::{slope, theil_sen},
    Kind, noise, series,
};

/// Of 200 series with a known rise, in how many the bounds hold it.
fn covered(kind: Kind, count: usize, confidence: f64) -> usize {
    let is_covered = |seed: &u64| {
        let values = noise(kind, *seed + 77, count).into_iter().enumerate().map(|(nth, noise)| 50.0 + 0.01 * nth as f64 + noise);
        slope(&series(10.0, values), confidence).is_some_and(|found| found.low <= 0.001 && 0.001 <= found.high)
    };
    (0..200).filter(is_covered).count()
}

#[test]
fn bounds_hold_the_truth_as_often_as_they_say() {
    for (kind, count) in [
        (Kind::White, 30),
        (Kind::White, 120),
        (Kind::White, 1_000),
        (Kind::Heavy, 120),
        (Kind::Skewed, 120),
        (Kind::Alike(0.5), 120),
        (Kind::Alike(0.5), 1_000),
        (Kind::Alike(0.8), 500),
    ] {
        let [most, half] = [0.95, 0.8].map(|confidence| covered(kind, count, confidence));
        println!("{kind:?} of {count}: {most} of 200 at 95 %, {half} at 80 %");
        assert!((180..=199).contains(&most), "{kind:?} of {count}: {most} of 200 at 95 %");
        assert!((144..=188).contains(&half), "{kind:?} of {count}: {half} of 200 at 80 %");
    }
}

#[test]
fn outliers_gaps_and_nothing_bend_no_slope() {
    let straight = || (0..100).map(|nth| 5.0 + 0.5 * f64::from(nth));
    let mut points = series(1.0, straight());
    for at in (0..100).step_by(5) {
        points[at].1 = 1e9;
    }
    let found = slope(&points, 0.95).unwrap();
    assert!((found.per_second - 0.5).abs() < 1e-9 && found.low <= 0.5 && found.high >= 0.5, "{found:?}");
    let gaps: Vec<_> = series(1.0, straight()).into_iter().filter(|(at, _)| !(20.0..80.0).contains(at)).collect();
    assert!((theil_sen(&gaps) - 0.5).abs() < 1e-9);
    assert_eq!((slope(&[], 0.95), slope(&points[..3], 0.95)), (None, None));
    let unknown: Vec<_> = series(1.0, (0..50).map(|_| f64::NAN)).into_iter().collect();
    assert_eq!(slope(&unknown, 0.95), None);
    let flat = slope(&series(1.0, (0..50).map(|_| 3.0)), 0.95).unwrap();
    assert!(!flat.is_sure() && flat.per_second.abs() < 1e-12 && (flat.level - 3.0).abs() < 1e-12, "{flat:?}");
}
