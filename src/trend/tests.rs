//! The methods against series whose truth is known, from fixed seeds. The rates in docs/trends.md are these tests'.

mod change;
mod forecast;
mod season;
mod slope;

/// Seconds of a day.
const DAY: f64 = 86_400.0;

/// Noise that is the same each time: xorshift64*.
struct Noise(u64);

impl Noise {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Evenly between 0 and 1, neither included.
    fn even(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Normal, of spread 1.
    fn normal(&mut self) -> f64 {
        (-2.0 * self.even().ln()).sqrt() * (std::f64::consts::TAU * self.even()).cos()
    }

    /// Student's t with three degrees of freedom, of spread 1: its tails are heavy.
    fn heavy(&mut self) -> f64 {
        let square: f64 = (0..3).map(|_| self.normal().powi(2)).sum();
        self.normal() / (square / 3.0).sqrt() / 3.0_f64.sqrt()
    }
}

/// How the noise of a series is.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Each value is news.
    White,
    /// Each value is so much of the one before, and the rest is news.
    Alike(f64),
    /// Student's t.
    Heavy,
    /// Log-normal: skewed, as times are.
    Skewed,
    /// White, and a slow wander of half its spread.
    Wandering,
}

/// Noise of spread 1 around 0.
fn noise(kind: Kind, seed: u64, count: usize) -> Vec<f64> {
    let mut from = Noise::new(seed);
    let mut state = from.normal();
    let mut alike = |from: &mut Noise, share: f64| {
        state = share * state + (1.0 - share * share).sqrt() * from.normal();
        state
    };
    let mut next = || match kind {
        Kind::White => from.normal(),
        Kind::Alike(share) => alike(&mut from, share),
        Kind::Heavy => from.heavy(),
        // Of spread 1 as a normal's logarithm, moved so that its mean is 0.
        Kind::Skewed => ((0.5 * from.normal()).exp() - 0.125_f64.exp()) / 0.604,
        Kind::Wandering => 0.894 * from.normal() + 0.447 * alike(&mut from, 0.98),
    };
    (0..count).map(|_| next()).collect()
}

/// A series of values `step` seconds apart.
fn series(step: f64, values: impl IntoIterator<Item = f64>) -> Vec<(f64, f64)> {
    values.into_iter().enumerate().map(|(nth, value)| (nth as f64 * step, value)).collect()
}
