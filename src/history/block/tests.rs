use proptest::prelude::*;

use super::*;

fn values() -> impl Strategy<Value = Vec<f32>> {
    let value = prop_oneof![
        3 => Just(f32::NAN),
        3 => Just(0.25_f32),
        2 => -1e9_f32..1e9,
        1 => any::<f32>(),
    ];
    prop::collection::vec(value, 12 * 7)
}

fn bits(values: &[f32]) -> Vec<Option<u32>> {
    values.iter().map(|value| (!value.is_nan()).then(|| value.to_bits())).collect()
}

fn bucket() -> impl Strategy<Value = Bucket> {
    let value = || prop_oneof![Just(1.0_f32), -1e6_f32..1e6];
    let known = (1_u32..4_000, value(), value(), value(), value());
    let known = known.prop_map(|(count, min, max, mean, last)| Bucket { count, min, max, mean, last });
    prop_oneof![2 => Just(Bucket::default()), 1 => Just(Bucket::one(4.0)), 2 => known]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn moments_come_back_as_they_were_and_what_was_unknown_stays_so(values in values()) {
        let packed = Packer::default().moments(&values, 12);
        for (figure, column) in values.chunks(12).enumerate() {
            prop_assert_eq!(bits(&moments(&packed, &[figure]).expect("whole")[0]), bits(column));
        }
        let several = moments(&packed, &[7, 1, 0]).expect("whole");
        prop_assert!(several[0].len() == 12 && several[0].iter().all(|value| value.is_nan()), "a figure that came later");
        prop_assert_eq!(several[1..].iter().map(|of| bits(of)).collect::<Vec<_>>(), [bits(&values[12..24]), bits(&values[..12])]);
    }

    #[test]
    fn buckets_come_back_as_they_were(all in prop::collection::vec(bucket(), 6 * 5)) {
        let mut packer = Packer::default();
        packer.moments(&[1.0; 40], 4);
        let packed = packer.buckets(&all, 6);
        for (figure, column) in all.chunks(6).enumerate() {
            prop_assert_eq!(&buckets(&packed, &[figure]).expect("whole")[0], column);
        }
        let several = [all[18..24].to_vec(), vec![Bucket::default(); 6], all[..6].to_vec()];
        prop_assert_eq!(buckets(&packed, &[3, 5, 0]).expect("whole"), several);
    }

    #[test]
    fn damage_is_noticed_or_harmless(values in values(), at in 0_usize..200, by in 1_u8..255) {
        let mut packed = Packer::default().moments(&values, 12);
        let at = at % packed.len();
        packed[at] ^= by;
        for bytes in [packed.as_slice(), &packed[..at]] {
            let _ = (moments(bytes, &[3]), buckets(bytes, &[3]), all_sketches(bytes));
        }
    }
}

#[test]
fn sketches_come_back_by_their_figure() {
    let sketch = |value: f64| {
        let mut sketch = Sketch::default();
        sketch.add(value);
        sketch
    };
    let (one, two) = (sketch(1.0), sketch(250.0));
    let packed = Packer::default().sketches(&[6, 9], 3, |figure, at| match (figure, at) {
        (6, 2) => Some(&one),
        (9, 0) => Some(&two),
        _ => None,
    });
    let nothing = Sketch::default();
    let (of_6, of_9) = (vec![nothing.clone(), nothing.clone(), one.clone()], vec![two.clone(), nothing.clone(), nothing]);
    assert_eq!(all_sketches(&packed), Some(vec![(6, of_6), (9, of_9)]));
}

#[test]
fn what_stands_still_takes_next_to_nothing() {
    let still: Vec<f32> = (0..41).flat_map(|figure| [if figure % 3 == 0 { f32::NAN } else { figure as f32 }; 60]).collect();
    assert!(Packer::default().moments(&still, 60).len() < 250);
}

#[test]
fn a_bucket_is_the_same_whether_its_seconds_come_at_once_or_in_parts() {
    let values = [3.0, f32::NAN, 1.0, 8.0, f32::NAN, 4.0];
    let mut parts = Bucket::of(&values[..3]);
    parts.merge(&Bucket::of(&values[1..2]));
    parts.merge(&Bucket::of(&values[3..]));
    assert_eq!(parts, Bucket { count: 4, min: 1.0, max: 8.0, mean: 4.0, last: 4.0 });
    assert_eq!(parts, Bucket::of(&values));
}
