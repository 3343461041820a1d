//! Whether a figure follows the day and the week, and how.
//!
//! Values are the day's middle, plus what the hour adds, plus noise; and the days' middles are a slow line plus what the weekday adds. Both
//! parts are medians (one sweep of Tukey's median polish, 1977), so a bad day bends nothing. How much of the movement that explains is told
//! as Wang, Smith and Hyndman (2006) do, 1 - noise / (season + noise). Medians of few days explain noise too: so a season is believed only
//! when its shape from one half of the days resembles its shape from the other half.

use super::{
    quantile::{median, spread},
    slope::theil_sen,
};

const HOUR: f64 = 3_600.0;
const DAY: f64 = 86_400.0;
/// Fewer days say nothing of a day.
const FEWEST_DAYS: usize = 4;
/// Fewer days say nothing of a week.
const TWO_WEEKS: usize = 14;
/// What the two halves of the days have in common at least, as a correlation.
const ALIKE: f64 = 0.6;
/// The same of weeks, which have only seven places: by chance one in two hundred has it.
const ALIKE_WEEKS: f64 = 0.85;
/// Less is not worth telling.
const WEAK: f64 = 0.3;

/// How a figure follows the clock. Hours and days are those of UTC.
#[derive(Debug, Clone, PartialEq)]
pub struct Season {
    /// What each hour of the day adds to the day's middle.
    pub hours: [f64; 24],
    /// What each day of the week adds, Monday first; none where weeks are not alike, or too few.
    pub weekdays: Option<[f64; 7]>,
    /// The share of the movement within days that the hour explains, 0..1.
    pub daily: f64,
    /// The share of the movement between days that the weekday explains, 0..1.
    pub weekly: f64,
}

impl Season {
    /// What the clock adds at a time.
    pub fn adds(&self, at: f64) -> f64 {
        self.hours[hour(at)] + self.weekdays.map_or(0.0, |days| days[weekday(at)])
    }

    /// The hour that adds most, and the one that takes most away.
    pub fn extremes(&self) -> (usize, usize) {
        let by = |a: &usize, b: &usize| self.hours[*a].total_cmp(&self.hours[*b]);
        ((0..24).max_by(by).unwrap_or(0), (0..24).min_by(by).unwrap_or(0))
    }
}

/// The hour of the day, UTC.
pub fn hour(at: f64) -> usize {
    (at.rem_euclid(DAY) / HOUR) as usize % 24
}

/// The day of the week, UTC, Monday is 0.
pub fn weekday(at: f64) -> usize {
    // 1970 began on a Thursday.
    ((at / DAY).floor() + 3.0).rem_euclid(7.0) as usize % 7
}

/// The season of values in order of time, some per hour, over days; none where there is none to believe.
pub fn season(points: &[(f64, f64)]) -> Option<Season> {
    let finite: Vec<(f64, f64)> = points.iter().copied().filter(|(_, value)| value.is_finite()).collect();
    let same_day = |a: &(f64, f64), b: &(f64, f64)| (a.0 / DAY).floor() >= (b.0 / DAY).floor();
    // A day of which half is unknown has no middle.
    let days: Vec<&[(f64, f64)]> = finite
        .chunk_by(same_day)
        .filter(|day| day.iter().map(|it| hour(it.0)).fold(0_u32, |seen, hour| seen | 1 << hour).count_ones() >= 12)
        .collect();
    if days.len() < FEWEST_DAYS {
        return None;
    }
    let middles: Vec<f64> = days.iter().filter_map(|day| median(&mut day.iter().map(|it| it.1).collect::<Vec<_>>())).collect();
    let rests: Vec<Vec<(f64, f64)>> =
        days.iter().zip(&middles).map(|(day, middle)| day.iter().map(|(at, value)| (*at, value - middle)).collect()).collect();
    let hours = centered(profile(rests.iter().flatten(), hour));
    let half = |odd: usize| profile(rests.iter().skip(odd).step_by(2).flatten(), hour);
    let is_daily = alike::<24>(&half(0), &half(1)) >= ALIKE;
    let mut noise: Vec<f64> = rests.iter().flatten().map(|(at, rest)| rest - hours[hour(*at)]).collect();
    let mut moved: Vec<f64> = rests.iter().flatten().map(|(_, rest)| *rest).collect();
    let daily = if is_daily { explained(&mut noise, &mut moved) } else { 0.0 };
    let (weekdays, weekly) = week(&days, &middles).map_or((None, 0.0), |(days, share)| (Some(days), share));
    let hours = if daily >= WEAK { hours } else { [0.0; 24] };
    (daily >= WEAK || weekly >= WEAK).then_some(Season { hours, weekdays, daily, weekly })
}

fn week(days: &[&[(f64, f64)]], middles: &[f64]) -> Option<([f64; 7], f64)> {
    if days.len() < TWO_WEEKS {
        return None;
    }
    let mut points: Vec<(f64, f64)> = days.iter().zip(middles).map(|(day, middle)| (day[0].0, *middle)).collect();
    // Weeks against weeks: the same weekdays a week later, so that the week itself is no slope.
    let later: Vec<f64> = points.windows(8).map(|week| (week[7].1 - week[0].1) / (week[7].0 - week[0].0)).collect();
    let slope = median(&mut later.clone()).unwrap_or_else(|| theil_sen(&points));
    let start = points[0].0;
    for (at, middle) in &mut points {
        *middle -= slope * (*at - start);
    }
    let weekdays = centered(profile(points.iter(), weekday));
    let half = |odd: usize| profile(points.iter().filter(|(at, _)| ((at - start) / DAY / 7.0) as usize % 2 == odd), weekday);
    if alike::<7>(&half(0), &half(1)) < ALIKE_WEEKS {
        return None;
    }
    let middle = median(&mut points.iter().map(|it| it.1).collect::<Vec<_>>())?;
    let noise: Vec<f64> = points.iter().map(|(at, value)| value - middle - weekdays[weekday(*at)]).collect();
    // Most days are alike in most weeks, so the middle distance would not see the weekend.
    let square = |values: &[f64]| values.iter().map(|value| value * value).sum::<f64>() / values.len().max(1) as f64;
    let share = 1.0 - square(&noise) / square(&points.iter().map(|it| it.1 - middle).collect::<Vec<_>>()).max(f64::MIN_POSITIVE);
    (share >= WEAK).then_some((weekdays, share.clamp(0.0, 1.0)))
}

/// The median by place; 0 where there is nothing.
fn profile<'a, const N: usize>(points: impl Iterator<Item = &'a (f64, f64)>, place: impl Fn(f64) -> usize) -> [f64; N] {
    let mut places: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
    for (at, value) in points {
        places[place(*at)].push(*value);
    }
    places.map(|mut values| median(&mut values).unwrap_or(0.0))
}

fn centered<const N: usize>(values: [f64; N]) -> [f64; N] {
    let middle = median(&mut values.to_vec()).unwrap_or(0.0);
    values.map(|value| value - middle)
}

fn alike<const N: usize>(one: &[f64; N], other: &[f64; N]) -> f64 {
    let mean = |values: &[f64; N]| values.iter().sum::<f64>() / N as f64;
    let (first, second) = (mean(one), mean(other));
    let sum = |of: &dyn Fn(usize) -> f64| (0..N).map(of).sum::<f64>();
    let both = sum(&|at| (one[at] - first) * (other[at] - second));
    let each = sum(&|at| (one[at] - first).powi(2)) * sum(&|at| (other[at] - second).powi(2));
    if each > 0.0 { both / each.sqrt() } else { 0.0 }
}

fn explained(noise: &mut [f64], moved: &mut [f64]) -> f64 {
    match (spread(noise), spread(moved)) {
        (Some(noise), Some(moved)) if moved > 0.0 => (1.0 - (noise / moved).powi(2)).clamp(0.0, 1.0),
        _ => 0.0,
    }
}
