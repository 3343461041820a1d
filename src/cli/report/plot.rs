//! One plot as SVG: lines over time, a threshold, bands for incidents and for what was not seen, and what is expected. Colours are few and
//! fixed, so that a style sheet can give each another one in the dark; times are UTC, and say so.

mod axis;

use std::time::Duration;

use plotters::{
    backend::SVGBackend,
    chart::{ChartBuilder, ChartContext},
    coord::cartesian::Cartesian2d,
    drawing::{DrawingAreaErrorKind, IntoDrawingArea},
    element::{Polygon, Rectangle},
    series::{DashedLineSeries, LineSeries},
    style::{Color, IntoTextStyle, RGBColor, ShapeStyle},
};

use super::html::escaped;
use crate::model::Timestamp;
pub(super) use axis::Unit;
use axis::{Ticked, Values, seconds};

/// In units of the picture, which is shown as wide as the page allows.
const WIDTH: u32 = 640;
const HEIGHT: u32 = 240;

/// A band that is narrower than this part of the plot could not be seen.
const NARROWEST: f64 = 1.0 / 300.0;

/// The colours by light; `html/style.css` names the same and has those by dark.
const INK: RGBColor = RGBColor(0x24, 0x29, 0x2f);
const GRID: RGBColor = RGBColor(0xd8, 0xde, 0xe4);
const FIRST: RGBColor = RGBColor(0x0b, 0x5c, 0xad);
const SECOND: RGBColor = RGBColor(0x7d, 0x9c, 0xc0);
const LEVEL: RGBColor = RGBColor(0xb3, 0x59, 0x00);
const BREACH: RGBColor = RGBColor(0xcf, 0x22, 0x2e);
const DARK: RGBColor = RGBColor(0x6e, 0x77, 0x81);

/// What is drawn.
#[derive(Debug, Clone)]
pub(super) struct Plot {
    /// Unique on the page.
    pub id: String,
    /// What it is.
    pub title: String,
    /// What it shows, for those who do not see it.
    pub desc: String,
    /// What its values are.
    pub unit: Unit,
    /// What the axis says.
    pub axis: &'static str,
    pub from: Timestamp,
    pub to: Timestamp,
    /// The figure itself.
    pub first: Line,
    /// A second one beside it, paler.
    pub second: Option<Line>,
    /// A level that counts as too much.
    pub level: Option<f64>,
    /// Incidents.
    pub breaches: Vec<(Timestamp, Timestamp)>,
    /// Times without sight.
    pub dark: Vec<(Timestamp, Timestamp)>,
    /// What is expected.
    pub ahead: Option<Ahead>,
}

/// Values over time.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    /// What it is, for the legend.
    pub name: &'static str,
    /// In order of time.
    pub points: Vec<(Timestamp, f64)>,
    /// How far apart they are where none is missing.
    pub step: Duration,
}

/// A line into the future and how far off it may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ahead {
    /// Where it begins.
    pub from: (Timestamp, f64),
    /// Where it is expected at the plot's end.
    pub expected: f64,
    /// Hardly lower.
    pub low: f64,
    /// Hardly higher.
    pub high: f64,
}

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Ticked, Ticked>>;
type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// The picture; none when there is nothing to draw.
pub(super) fn svg(plot: &Plot) -> Option<String> {
    if plot.first.points.is_empty() || plot.from >= plot.to {
        return None;
    }
    let mut text = String::new();
    draw(plot, &mut text).ok()?;
    // The crate knows nothing of those who do not see, and its size is the page's to choose.
    let (_, inside) = text.split_once('>')?;
    let id = escaped(&plot.id);
    Some(format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\">\n\
         <title id=\"{id}-title\">{}</title>\n<desc id=\"{id}-desc\">{}</desc>{inside}",
        escaped(&plot.title),
        escaped(&plot.desc),
    ))
}

fn draw(plot: &Plot, text: &mut String) -> Drawn {
    let (from, to) = (seconds(plot.from), seconds(plot.to));
    let values = Values::of(plot.unit, &heights(plot));
    let (moments, form) = axis::moments(from, to);
    let area = SVGBackend::with_string(text, (WIDTH, HEIGHT)).into_drawing_area();
    let mut builder = ChartBuilder::on(&area);
    builder.margin_top(8).margin_right(30).x_label_area_size(50).y_label_area_size(74);
    let across = Ticked { low: from, high: to, ticks: moments };
    let up = Ticked { low: values.low, high: values.high, ticks: values.ticks.clone() };
    let mut chart = builder.build_cartesian_2d(across, up)?;
    let sides = Sides { from, to, low: values.low, high: values.high };
    for (begins, ends) in &plot.dark {
        sides.band(&mut chart, (*begins, *ends), DARK.mix(0.28))?;
    }
    for (begins, ends) in &plot.breaches {
        sides.band(&mut chart, (*begins, *ends), BREACH.mix(0.22))?;
    }
    let label = ("sans-serif", 17.0, &INK).into_text_style(&area);
    let axis_name = format!("{} ({})", plot.axis, values.unit);
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(GRID.stroke_width(1))
        .light_line_style(GRID.stroke_width(1))
        .axis_style(INK.stroke_width(1))
        .label_style(label)
        .x_desc(axis::span(plot.from, plot.to))
        .y_desc(axis_name)
        .x_label_formatter(&|at| axis::moment(*at, form))
        .y_label_formatter(&|value| values.tick(*value))
        .draw()?;
    if let Some(level) = plot.level.map(|level| level / values.scale).filter(|level| *level <= values.high) {
        dashed(&mut chart, vec![(from, level), (to, level)], LEVEL.stroke_width(1))?;
    }
    if let Some(ahead) = &plot.ahead {
        let scaled = [ahead.from.1, ahead.low, ahead.high, ahead.expected]
            .map(|value| (value / values.scale).clamp(values.low, values.high));
        let (begins, [value, low, high, expected]) = (seconds(ahead.from.0), scaled);
        chart
            .draw_series(std::iter::once(Polygon::new(vec![(begins, value), (to, high), (to, low)], FIRST.mix(0.18).filled())))?;
        dashed(&mut chart, vec![(begins, value), (to, expected)], FIRST.stroke_width(2))?;
    }
    for (line, style) in [(plot.second.as_ref(), SECOND.stroke_width(1)), (Some(&plot.first), FIRST.stroke_width(2))] {
        for piece in line.into_iter().flat_map(|line| pieces(line, values.scale)) {
            chart.draw_series(LineSeries::new(piece, style))?;
        }
    }
    drop(chart);
    area.present()
}

fn dashed(chart: &mut Chart<'_, '_>, points: Vec<(f64, f64)>, style: ShapeStyle) -> Drawn {
    chart.draw_series(DashedLineSeries::new(points, 6, 4, style)).map(drop)
}

/// All values that must have room.
fn heights(plot: &Plot) -> Vec<f64> {
    let lines = std::iter::once(&plot.first).chain(&plot.second).flat_map(|line| line.points.iter().map(|(_, value)| *value));
    let ahead = plot.ahead.iter().flat_map(|ahead| [ahead.low, ahead.high]);
    lines.chain(plot.level).chain(ahead).filter(|value| value.is_finite()).collect()
}

/// A line is broken where points are missing: nothing is drawn through what was not seen. What stands alone is as long as its time.
fn pieces(line: &Line, scale: f64) -> Vec<Vec<(f64, f64)>> {
    let step = line.step.as_secs_f64();
    let mut pieces: Vec<Vec<(f64, f64)>> = Vec::new();
    for (at, value) in line.points.iter().filter(|(_, value)| value.is_finite()) {
        let point = (seconds(*at) + step / 2.0, value / scale);
        match pieces.last_mut().filter(|piece| piece.last().is_some_and(|last| point.0 - last.0 <= step * 1.5)) {
            Some(piece) => piece.push(point),
            None => pieces.push(vec![point]),
        }
    }
    for piece in &mut pieces {
        if let [(at, value)] = **piece {
            *piece = vec![(at - step / 2.0, value), (at + step / 2.0, value)];
        }
    }
    pieces
}

struct Sides {
    from: f64,
    to: f64,
    low: f64,
    high: f64,
}

impl Sides {
    fn band(
        &self,
        chart: &mut Chart<'_, '_>,
        (begins, ends): (Timestamp, Timestamp),
        colour: plotters::style::RGBAColor,
    ) -> Drawn {
        let (begins, ends) = (seconds(begins).max(self.from), seconds(ends).min(self.to));
        if ends < begins {
            return Ok(());
        }
        let narrow = (self.to - self.from) * NARROWEST;
        let ends = ends.max(begins + narrow).min(self.to);
        let begins = begins.min(ends - narrow);
        let corners = [(begins, self.high), (ends, self.low)];
        chart.draw_series(std::iter::once(Rectangle::new(corners, colour.filled()))).map(drop)
    }
}
