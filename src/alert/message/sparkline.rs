//! A figure's last minutes as one line of text, for where no picture goes.

use crate::model::alert::Chart;

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// As wide as fits a phone.
const COLUMNS: usize = 30;

/// Block characters, oldest first; a column shows the highest of its points, and a gap is a space. Empty without any value.
pub(super) fn sparkline(chart: &Chart) -> String {
    let (Some((first, _)), Some((last, _))) = (chart.points.first(), chart.points.last()) else { return String::new() };
    let columns = chart.points.len().min(COLUMNS);
    let width = (last - first).max(1) as f64 / columns as f64;
    let mut highest: Vec<Option<f64>> = vec![None; columns];
    for (at, value) in &chart.points {
        let column = (((at - first).max(0) as f64 / width) as usize).min(columns - 1);
        let value = value.filter(|value| value.is_finite());
        highest[column] = highest[column].into_iter().chain(value).reduce(f64::max);
    }
    let values = || highest.iter().flatten().copied();
    let (Some(low), Some(high)) = (values().reduce(f64::min), values().reduce(f64::max)) else { return String::new() };
    // A figure that stays near its maximum, such as a hit ratio, would be a flat line if it stood on zero.
    let floor = if low > high / 2.0 { low } else { low.min(0.0) };
    let block = |value: f64| {
        let share = if high > floor { (value - floor) / (high - floor) } else { f64::from(u8::from(high != 0.0)) / 2.0 };
        BLOCKS[((share * 8.0) as usize).min(7)]
    };
    highest.into_iter().map(|value| value.map_or(' ', block)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(values: &[Option<f64>]) -> String {
        let points = (0..).step_by(1_000).zip(values.iter().copied()).collect();
        sparkline(&Chart { points, ..Chart::default() })
    }

    #[test]
    fn values_rise_from_zero_and_gaps_stay_empty() {
        let table = [
            (vec![], ""),
            (vec![None, None], ""),
            (vec![Some(0.0), Some(0.0)], "▁▁"),
            (vec![Some(5.0), Some(5.0)], "▅▅"),
            (vec![Some(0.0), Some(4.0), None, Some(8.0)], "▁▅ █"),
            (vec![Some(0.99), Some(0.98), Some(0.90)], "██▁"),
            (vec![Some(f64::NAN), Some(1.0)], " ▅"),
        ];
        for (values, expected) in table {
            assert_eq!(line(&values), expected, "{values:?}");
        }
    }

    #[test]
    fn many_points_share_thirty_columns_and_a_spike_is_not_lost() {
        let mut values = vec![Some(1.0); 900];
        values[450] = Some(80.0);
        let line = line(&values);
        assert_eq!(line.chars().count(), 30);
        assert_eq!(line.chars().filter(|block| *block == '█').count(), 1);
    }

    #[test]
    fn a_long_silence_is_as_wide_as_it_was_long() {
        let points = vec![(0, Some(1.0)), (1_000, Some(2.0)), (2_000, Some(3.0)), (9_000, Some(4.0)), (10_000, Some(4.0))];
        assert_eq!(sparkline(&Chart { points, ..Chart::default() }), "▅▇  █");
    }
}
