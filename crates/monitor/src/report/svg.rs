use super::{Chart, ChartKind, Series};
use crate::format::{escape, quantity, significant};
use perfect21_core::Unit;
use std::{fmt::Write as _, ops::RangeInclusive};

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 280.0;
const LEFT: f64 = 74.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 44.0;
/// Series beyond this share colours with the first ones.
const COLOURS: usize = 4;

pub(super) fn figure(out: &mut String, chart: &Chart) {
    let title = escape(&chart.title);
    let _ = writeln!(
        out,
        "<figure><figcaption>{title}</figcaption><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">"
    );
    let scale = Scale::of(chart);
    if let Some(scale) = scale {
        axes(out, chart, &scale);
        for (index, series) in chart.series.iter().enumerate() {
            let colour = index % COLOURS;
            match chart.kind {
                ChartKind::Lines => line(out, series, colour, &scale),
                ChartKind::Bars => bars(out, series, index, chart, &scale),
            }
        }
        legend(out, chart);
    } else {
        let _ = writeln!(out, "<text x=\"{LEFT}\" y=\"{}\">no data</text>", HEIGHT / 2.0);
    }
    out.push_str("</svg></figure>\n");
}

/// Maps values to the picture.
struct Scale {
    x: RangeInclusive<f64>,
    y_top: f64,
    y_step: f64,
}

impl Scale {
    /// `None` where there is nothing to draw.
    fn of(chart: &Chart) -> Option<Self> {
        let points = || chart.series.iter().flat_map(|series| &series.points);
        let highest = points().filter_map(|(_, y)| *y).fold(f64::NAN, f64::max);
        let (low, high) = match chart.kind {
            ChartKind::Bars => (-0.5, chart.categories.len() as f64 - 0.5),
            ChartKind::Lines => {
                points().fold((f64::NAN, f64::NAN), |(low, high), (x, _)| (low.min(*x), high.max(*x)))
            }
        };
        if !(highest.is_finite() && low.is_finite() && high.is_finite()) {
            return None;
        }
        let y_step = step_of(highest.max(f64::MIN_POSITIVE) / 4.0, chart.unit);
        let y_top = (highest / y_step).ceil().max(1.0) * y_step;
        Some(Self { x: low..=if high > low { high } else { low + 1.0 }, y_top, y_step })
    }

    fn x(&self, x: f64) -> f64 {
        let share = (x - self.x.start()) / (self.x.end() - self.x.start());
        LEFT + share * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, y: f64) -> f64 {
        HEIGHT - BOTTOM - y / self.y_top * (HEIGHT - TOP - BOTTOM)
    }
}

/// A round step, in what the unit is printed in: bytes go by powers of 1024.
fn step_of(raw: f64, unit: Unit) -> f64 {
    let mut printed_in = 1.0;
    while unit == Unit::Bytes && raw >= printed_in * 1024.0 {
        printed_in *= 1024.0;
    }
    step(raw / printed_in) * printed_in
}

/// The next of 1, 2, 5 × 10ⁿ.
fn step(raw: f64) -> f64 {
    let power = 10_f64.powf(raw.log10().floor());
    let digit = [1.0, 2.0, 5.0].into_iter().find(|digit| digit * power >= raw * 0.999_999);
    digit.unwrap_or(10.0) * power
}

fn axes(out: &mut String, chart: &Chart, scale: &Scale) {
    let ticks = (scale.y_top / scale.y_step).round() as u32;
    for tick in 0..=ticks {
        let value = f64::from(tick) * scale.y_step;
        let y = scale.y(value);
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0,
            escape(&quantity(value, chart.unit))
        );
    }
    for limit in chart.limits.iter().filter(|limit| limit.y <= scale.y_top) {
        let y = scale.y(limit.y);
        let _ = writeln!(
            out,
            "<line class=\"limit\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            WIDTH - RIGHT - 4.0,
            y - 4.0,
            escape(&limit.name)
        );
    }
    x_axis(out, chart, scale);
}

fn x_axis(out: &mut String, chart: &Chart, scale: &Scale) {
    let mut tick = |x: f64, name: &str| {
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            scale.x(x),
            HEIGHT - BOTTOM + 16.0,
            escape(name)
        );
    };
    if chart.categories.is_empty() {
        let every = step((scale.x.end() - scale.x.start()) / 6.0);
        let mut x = (scale.x.start() / every).ceil() * every;
        while x <= *scale.x.end() {
            tick(x, &significant(x));
            x += every;
        }
    } else {
        for (x, name) in chart.categories.iter().enumerate() {
            tick(x as f64, name);
        }
    }
    let _ = writeln!(
        out,
        "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
        f64::midpoint(LEFT, WIDTH - RIGHT),
        HEIGHT - 8.0,
        escape(&chart.x_title)
    );
}

fn line(out: &mut String, series: &Series, colour: usize, scale: &Scale) {
    let mut path = String::new();
    let mut pen_down = false;
    for (x, y) in &series.points {
        match y {
            Some(y) => {
                let _ =
                    write!(path, "{}{:.1} {:.1}", if pen_down { 'L' } else { 'M' }, scale.x(*x), scale.y(*y));
                pen_down = true;
            }
            None => pen_down = false,
        }
    }
    let _ = writeln!(out, "<path class=\"l l{colour}\" d=\"{path}\"/>");
}

fn bars(out: &mut String, series: &Series, index: usize, chart: &Chart, scale: &Scale) {
    let group = 0.7;
    let width = group / chart.series.len() as f64;
    for (x, y) in series.points.iter().filter_map(|(x, y)| Some((*x, (*y)?))) {
        let left = scale.x(x - group / 2.0 + width * index as f64);
        let right = scale.x(x - group / 2.0 + width * (index + 1) as f64);
        let _ = writeln!(
            out,
            "<rect class=\"f{}\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>{}: {}</title></rect>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            index % COLOURS,
            scale.y(y),
            (right - left - 2.0).max(1.0),
            scale.y(0.0) - scale.y(y),
            escape(&series.name),
            escape(&quantity(y, chart.unit)),
            f64::midpoint(left, right),
            scale.y(y) - 4.0,
            escape(&quantity(y, chart.unit)),
        );
    }
}

fn legend(out: &mut String, chart: &Chart) {
    let mut x = LEFT;
    for (index, series) in chart.series.iter().enumerate() {
        let colour = index % COLOURS;
        let _ = writeln!(
            out,
            "<text class=\"k{colour}\" x=\"{x:.0}\" y=\"14\">■ {}</text>",
            escape(&series.name)
        );
        x += 26.0 + 7.0 * series.name.chars().count() as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round() {
        for (raw, round) in [(0.3, 0.5), (1.0, 1.0), (1.1, 2.0), (4.9, 5.0), (5.1, 10.0), (1234.0, 2000.0)] {
            assert!((step(raw) - round).abs() < 1e-9, "{raw} -> {}", step(raw));
        }
    }
}
