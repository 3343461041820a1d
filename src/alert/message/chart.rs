//! The figure of an alert's last minutes as a small picture: a line, the threshold dashed, and where the breach began. It holds no
//! text, so it needs no fonts; the lowest and highest value stand beside it as words. The same alert gives the same bytes.

use tiny_skia::{Color, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, StrokeDash, Transform};

use super::units::{self, tick};
use crate::model::{Timestamp, alert::Alert};

/// In pixels; readable on a phone.
const WIDTH: u32 = 480;
const HEIGHT: u32 = 120;

/// Left free at every side, so that no line is cut.
const MARGIN: f32 = 6.0;

const BACKGROUND: [u8; 3] = [0xfa, 0xfb, 0xfc];
const FRAME: [u8; 3] = [0xd0, 0xd7, 0xde];
const LINE: [u8; 3] = [0x1f, 0x5f, 0xbf];
const THRESHOLD: [u8; 3] = [0xc2, 0x41, 0x0c];
const BREACH: [u8; 3] = [0xfd, 0xe4, 0xdc];

/// A picture and what must be said beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// The image.
    pub png: Vec<u8>,
    /// What it shows: `oldest wait, 08:41 to 08:46 UTC`.
    pub caption: String,
    /// The axis: `0 ms to 4.2 s, threshold 500 ms`.
    pub range: String,
}

/// Where values and times come to lie.
struct Frame {
    from: i64,
    to: i64,
    low: f64,
    high: f64,
}

impl Frame {
    fn x(&self, at: i64) -> f32 {
        let share = (at - self.from) as f64 / (self.to - self.from).max(1) as f64;
        MARGIN + share.clamp(0.0, 1.0) as f32 * (WIDTH as f32 - 2.0 * MARGIN)
    }

    fn y(&self, value: f64) -> f32 {
        let share = (value - self.low) / (self.high - self.low);
        HEIGHT as f32 - MARGIN - share.clamp(0.0, 1.0) as f32 * (HEIGHT as f32 - 2.0 * MARGIN)
    }
}

/// The alert's picture; none without two values at two moments.
pub fn draw(alert: &Alert) -> Option<Picture> {
    let chart = &alert.chart;
    let points: Vec<(i64, Option<f64>)> =
        chart.points.iter().map(|(at, value)| (*at, value.filter(|value| value.is_finite()))).collect();
    let values = || points.iter().filter_map(|(_, value)| *value);
    if values().count() < 2 {
        return None;
    }
    let (from, to) = (points.first()?.0, points.last()?.0);
    if from >= to {
        return None;
    }
    let judged = units::figure(alert.rule).zip(alert.threshold);
    let threshold = judged.and_then(|((_, unit, _), level)| unit.on_chart(level, &chart.unit)).filter(|level| level.is_finite());
    let (least, most) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
    let (low, high) = (least.min(threshold.unwrap_or(least)), most.max(threshold.unwrap_or(most)));
    // Figures near their maximum, such as a hit ratio, show nothing when they stand on zero.
    let floor = if low > high / 2.0 { low - (high - low) * 0.1 } else { low.min(0.0) };
    let ceiling = if high > floor { high + (high - floor) * 0.05 } else { floor + 1.0 };
    let frame = Frame { from, to, low: floor, high: ceiling };
    let began = alert.started_at.unix_ms();
    let png = paint(&frame, &points, threshold, (from..=to).contains(&began).then_some(began))?;
    let clock = |at: i64| chrono::DateTime::from_timestamp_millis(at).map(|at| Timestamp(at).0.format("%H:%M").to_string());
    let level = threshold.map(|level| format!(", threshold {}", tick(level, &chart.unit))).unwrap_or_default();
    Some(Picture {
        png,
        caption: format!("{}, {} to {} UTC", chart.figure, clock(from)?, clock(to)?),
        range: format!("{} to {}{level}", tick(least, &chart.unit), tick(most, &chart.unit)),
    })
}

fn paint(frame: &Frame, points: &[(i64, Option<f64>)], threshold: Option<f64>, began: Option<i64>) -> Option<Vec<u8>> {
    let mut picture = Pixmap::new(WIDTH, HEIGHT)?;
    picture.fill(colour(BACKGROUND));
    let (left, right) = (MARGIN, WIDTH as f32 - MARGIN);
    let (top, bottom) = (MARGIN, HEIGHT as f32 - MARGIN);
    if let Some(began) = began {
        let x = frame.x(began);
        if let Some(breach) = Rect::from_ltrb(x, top, right.max(x + 1.0), bottom) {
            picture.fill_rect(breach, &brush(BREACH), Transform::identity(), None);
        }
        stroke(&mut picture, line(x, top, x, bottom), THRESHOLD, &Stroke { width: 1.0, ..Stroke::default() });
    }
    stroke(&mut picture, line(left, bottom, right, bottom), FRAME, &Stroke { width: 1.0, ..Stroke::default() });
    if let Some(level) = threshold {
        let dash = StrokeDash::new(vec![6.0, 4.0], 0.0);
        let y = frame.y(level);
        stroke(&mut picture, line(left, y, right, y), THRESHOLD, &Stroke { width: 1.5, dash, ..Stroke::default() });
    }
    let mut path = PathBuilder::new();
    let mut joined = false;
    for (index, (at, value)) in points.iter().enumerate() {
        let Some(value) = value else {
            joined = false;
            continue;
        };
        let (x, y) = (frame.x(*at), frame.y(*value));
        if joined {
            path.line_to(x, y);
        } else {
            path.move_to(x, y);
            // One value between two gaps would leave no mark.
            if points.get(index + 1).is_none_or(|(_, next)| next.is_none()) {
                path.line_to(x + 1.0, y);
            }
        }
        joined = true;
    }
    let pen = Stroke { width: 2.0, line_join: tiny_skia::LineJoin::Round, ..Stroke::default() };
    stroke(&mut picture, path.finish(), LINE, &pen);
    picture.encode_png().ok()
}

fn line(x: f32, y: f32, to_x: f32, to_y: f32) -> Option<Path> {
    let mut path = PathBuilder::new();
    path.move_to(x, y);
    path.line_to(to_x, to_y);
    path.finish()
}

fn stroke(picture: &mut Pixmap, path: Option<Path>, with: [u8; 3], pen: &Stroke) {
    if let Some(path) = path {
        picture.stroke_path(&path, &brush(with), pen, Transform::identity(), None);
    }
}

fn brush(of: [u8; 3]) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color(colour(of));
    paint
}

fn colour([red, green, blue]: [u8; 3]) -> Color {
    Color::from_rgba8(red, green, blue, 255)
}

#[cfg(test)]
mod tests;
