//! Medians, quantiles and robust spreads, and the quantiles of the normal distribution.

/// The median absolute deviation of a normal distribution, times this, is its standard deviation.
const NORMAL: f64 = 1.482_6;

/// The value that a share of the values does not exceed, in proportion between neighbours; none of none. It reorders them.
pub fn quantile(values: &mut [f64], share: f64) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    let place = share.clamp(0.0, 1.0) * last as f64;
    let below = place.floor() as usize;
    let (_, lower, above) = values.select_nth_unstable_by(below, f64::total_cmp);
    let lower = *lower;
    let part = place - below as f64;
    if part <= 0.0 {
        return Some(lower);
    }
    let upper = above.iter().copied().fold(f64::INFINITY, f64::min);
    Some(lower + (upper - lower) * part)
}

/// The middle value; none of none. It reorders them.
pub fn median(values: &mut [f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// How far values are from their middle: the median distance, as a normal distribution's standard deviation. It overwrites them.
pub fn spread(values: &mut [f64]) -> Option<f64> {
    let middle = median(values)?;
    for value in values.iter_mut() {
        *value = (*value - middle).abs();
    }
    median(values).map(|distance| distance * NORMAL)
}

/// The value that a normal variable does not exceed with this probability, within 1e-8 (Acklam's approximation, which is enough here).
pub fn normal(probability: f64) -> f64 {
    const A: [f64; 6] = [
        -39.696_830_286_653_76,
        220.946_098_424_520_5,
        -275.928_510_446_968_7,
        138.357_751_867_269,
        -30.664_798_066_147_16,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] =
        [-54.476_098_798_224_06, 161.585_836_858_040_9, -155.698_979_859_886_6, 66.801_311_887_719_72, -13.280_681_552_885_72];
    const C: [f64; 6] = [
        -0.007_784_894_002_430_293,
        -0.322_396_458_041_136_5,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] = [0.007_784_695_709_041_462, 0.322_467_129_070_039_8, 2.445_134_137_142_996, 3.754_408_661_907_416];
    let sum = |factors: &[f64], at: f64| factors.iter().fold(0.0, |sum, factor| sum * at + factor);
    let tail = |share: f64| {
        let at = (-2.0 * share.ln()).sqrt();
        sum(&C, at) / (sum(&D, at) * at + 1.0)
    };
    let probability = probability.clamp(1e-12, 1.0 - 1e-12);
    if probability < 0.024_25 {
        tail(probability)
    } else if probability > 1.0 - 0.024_25 {
        -tail(1.0 - probability)
    } else {
        let (off, square) = (probability - 0.5, (probability - 0.5).powi(2));
        sum(&A, square) * off / (sum(&B, square) * square + 1.0)
    }
}

/// How probable it is that a normal variable is as far from 0 as this, or farther; good beyond 1, where Laplace's continued fraction is.
pub fn rareness(score: f64) -> f64 {
    let far = score.abs().max(1.0);
    let density = (-far * far / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let fraction = (1..=16).rev().fold(far, |rest, nth| far + f64::from(nth) / rest);
    (2.0 * density / fraction).min(1.0)
}

/// By how much correlation between neighbours makes the mean of `count` values less certain: 1 when each value is news, 3 when each is
/// half of the one before.
pub fn inflation(correlation: f64, count: usize) -> f64 {
    let (rho, count) = (correlation.clamp(0.0, 0.98), count.max(1) as f64);
    let endless = (1.0 + rho) / (1.0 - rho);
    (endless - 2.0 * rho * (1.0 - rho.powf(count)) / (count * (1.0 - rho).powi(2))).max(1.0)
}

/// How much each value resembles the one before, -1 to 1, of values around 0.
pub fn correlation(values: &[f64]) -> f64 {
    let all: f64 = values.iter().map(|value| value * value).sum();
    let next: f64 = values.windows(2).map(|pair| pair[0] * pair[1]).sum();
    if all > 0.0 { next / all } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_neighbours() {
        let all = || [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!([0.0, 0.1, 0.5, 1.0].map(|share| quantile(&mut all(), share)), [1.0, 1.4, 3.0, 5.0].map(Some));
        assert_eq!((median(&mut []), median(&mut [7.0]), median(&mut [1.0, 2.0])), (None, Some(7.0), Some(1.5)));
        assert!((spread(&mut [1.0, 2.0, 3.0, 4.0, 1000.0]).unwrap() - 1.4826).abs() < 1e-9, "one outlier does not move it");
    }

    #[test]
    fn the_normal_distribution_is_as_in_the_tables() {
        for (probability, value) in [(0.5, 0.0), (0.975, 1.959_964), (0.025, -1.959_964), (0.001, -3.090_232), (0.99, 2.326_348)]
        {
            assert!((normal(probability) - value).abs() < 1e-6, "{probability}: {}", normal(probability));
        }
        for (score, rare) in [(2.0, 0.0455), (3.0, 0.0027), (5.0, 5.733e-7)] {
            assert!((rareness(score) / rare - 1.0).abs() < 0.02, "{score}: {}", rareness(score));
        }
    }

    #[test]
    fn values_that_resemble_each_other_say_less() {
        assert!((inflation(0.0, 50) - 1.0).abs() < 1e-12);
        assert!((inflation(0.5, 10_000) - 3.0).abs() < 0.01);
        assert!(inflation(0.9, 10) < 10.0, "ten values cannot count for less than one");
        assert!((correlation(&[1.0, -1.0, 1.0, -1.0]) + 0.75).abs() < 1e-12);
        assert!((correlation(&[0.0, 0.0])).abs() < 1e-12);
    }
}
