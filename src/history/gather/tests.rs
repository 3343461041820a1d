use super::*;

const LATENCY: usize = LATENCIES[0];

/// What second `at` is like for the target of that number: some figures known, one of them a latency.
fn figures(at: i64, target: u32) -> [f32; WIDTH] {
    let mut figures = [UNKNOWN; WIDTH];
    figures[1] = (at % 97) as f32 + target as f32;
    figures[LATENCY] = 1.0 + (at % 11) as f32;
    figures
}

/// Lives through some seconds as a writer does; all rows that came of it.
fn live(gathered: &mut Gathered, seconds: std::ops::Range<i64>, targets: &[u32]) -> BTreeMap<(Table, i64), Row> {
    let mut packer = Packer::default();
    let mut rows = BTreeMap::new();
    for at in seconds {
        let minute = at.div_euclid(60);
        if minute != gathered.minute() {
            let ended = gathered.minute_rows(&mut packer);
            gathered.end_minute(ended);
            if minute.div_euclid(5) != gathered.minute().div_euclid(5) {
                let ended = gathered.five_rows(&mut packer);
                gathered.end_five(ended);
            }
            if minute.div_euclid(60) != gathered.minute().div_euclid(60) {
                let ended = gathered.hour_rows(&mut packer);
                gathered.end_hour(ended);
            }
            gathered.open(minute);
            rows.append(&mut gathered.pending);
            gathered.written();
        }
        for target in targets {
            gathered.second(at, *target, &figures(at, *target));
        }
    }
    rows
}

fn expected(seconds: std::ops::Range<i64>, target: u32) -> Bucket {
    Bucket::of(&seconds.map(|at| figures(at, target)[1]).collect::<Vec<_>>())
}

/// What a row tells of one figure.
fn told(table: Table, period: i64, row: &Row, figure: usize) -> Option<Vec<Part>> {
    let (target, at) = (crate::model::TargetId::new("r", "t"), crate::model::Timestamp::from_unix_ms(0)?);
    let question = Question { target, figures: vec![figure], from: at, to: at, step: None, percentiles: true };
    let mut parts = vec![Vec::new()];
    tell(table, period, row, &question, &mut parts)?;
    parts.pop()
}

#[test]
fn a_day_adds_up_to_the_same_in_every_resolution() {
    let begin = 3_600 * 1_000;
    let mut gathered = Gathered::from_minute(begin / 60);
    let rows = live(&mut gathered, begin..begin + 2 * 3_600 + 1, &[7, 9]);
    let of = |table: Table| rows.keys().filter(|(of, _)| *of == table).count();
    assert_eq!([Table::Raw, Table::TenNew, Table::FiveNew, Table::HourNew].map(of), [240, 240, 48, 4]);
    for (table, period, length) in
        [(Table::TenNew, begin / 60 + 3, 10), (Table::FiveNew, begin / 300 + 1, 300), (Table::HourNew, begin / 3_600 + 1, 3_600)]
    {
        let first = period * table.period();
        let told = told(table, period, &rows[&(table, key(period, 9))], 1).expect("whole");
        let (found, expected) = (told[0].bucket, expected(first..first + length, 9));
        assert!((found.mean - expected.mean).abs() < 1e-3, "{found:?}");
        assert_eq!((told[0].at, Bucket { mean: expected.mean, ..found }), (first, expected), "{table:?}");
    }
    let hour = told(Table::HourNew, begin / 3_600, &rows[&(Table::HourNew, key(begin / 3_600, 7))], LATENCY).expect("whole");
    let (sketch, median) =
        (hour[0].sketch.clone().expect("of a latency"), hour[0].sketch.as_ref().and_then(|all| all.quantile(0.5)));
    assert_eq!(sketch.count(), 3_600);
    assert!(median.is_some_and(|median| (median / 6.0 - 1.0).abs() < 0.02), "{median:?}");
}

#[test]
fn what_is_open_is_told_up_to_this_second() {
    let begin = 3_600 * 1_000;
    let mut gathered = Gathered::from_minute(begin / 60);
    live(&mut gathered, begin..begin + 1_000, &[7]);
    let last = |resolution| gathered.live(7, 1, resolution).last().cloned().expect("something");
    assert_eq!(last(Resolution::Raw), Part { at: begin + 999, bucket: expected(begin + 999..begin + 1_000, 7), sketch: None });
    assert_eq!(gathered.live(7, 1, Resolution::TenSeconds)[3].bucket, expected(begin + 990..begin + 1_000, 7));
    let (five, hour) = (last(Resolution::FiveMinutes), last(Resolution::Hour));
    assert_eq!((five.at, five.bucket), (begin + 900, expected(begin + 900..begin + 1_000, 7)));
    assert_eq!((hour.at, hour.bucket.count), (begin, 1_000));
    let spread = gathered.live(7, LATENCY, Resolution::Hour)[0].sketch.clone().expect("of a latency");
    assert_eq!(spread.count(), 1_000);
    assert!(gathered.live(8, 1, Resolution::Raw).is_empty());
}

#[test]
fn rows_put_together_tell_what_they_told_alone() {
    let begin = 6 * 3_600 * 200;
    let mut gathered = Gathered::from_minute(begin / 60);
    let rows = live(&mut gathered, begin..begin + 3_601, &[7, 9]);
    let of = |table: Table, target: u32| {
        let mine = rows.iter().filter(move |((of, key), _)| *of == table && super::super::table::parts(*key).1 == target);
        mine.map(|((table, key), row)| (*table, super::super::table::parts(*key).0, row))
    };
    for (new, old, figure) in [(Table::TenNew, Table::Ten, 1), (Table::FiveNew, Table::Five, LATENCY)] {
        let whole = put_together(old, old.of(begin), of(new, 9), &mut Packer::default());
        let mut alone: Vec<Part> = of(new, 9).flat_map(|(table, at, row)| told(table, at, row, figure).expect("whole")).collect();
        let mut together = told(old, old.of(begin), &whole, figure).expect("whole");
        alone.retain(|part| part.bucket.count > 0);
        together.retain(|part| part.bucket.count > 0);
        assert_eq!(alone, together, "{old:?}");
        assert_eq!(together.len().cast_signed() as i64, 3_600 / old.step());
    }
    let tally = Tally::read(of(Table::FiveNew, 7).next().expect("a row").2).expect("whole");
    assert_eq!(tally.buckets[1], expected(begin..begin + 300, 7));
}

#[test]
fn what_waits_is_bounded_and_the_coarse_is_kept_longest() {
    let begin = 3_600 * 1_000;
    let mut gathered = Gathered::from_minute(begin / 60);
    let rows = live(&mut gathered, begin..begin + 3_601, &[7]);
    gathered.wait(rows.into_iter().collect());
    let before = gathered.pending.len() as u64;
    let lost = gathered.give_up_beyond(gathered.pending_bytes / 4);
    assert_eq!(lost + gathered.pending.len() as u64, before);
    assert!(gathered.pending.contains_key(&(Table::HourNew, key(begin / 3_600, 7))));
    assert!(!gathered.pending.contains_key(&(Table::Raw, key(begin / 60, 7))));
    gathered.give_up_beyond(0);
    assert_eq!((gathered.pending.len(), gathered.pending_bytes), (0, 0));
}
