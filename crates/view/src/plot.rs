//! Curves in a frame with axes, as SVG.
//!
//! Written here rather than by a plotting crate: the pictures follow the reader's light or dark
//! mode through classes, carry their scales for the read-out, and need no font to be measured.

use crate::markup::{escape, pixels, shorten};
use crate::scale::Scale;

/// How many colours tell curves apart; further curves take them again with dashes.
pub(crate) const COLOURS: usize = 8;

/// Colours for eyes with any kind of colour vision (Okabe and Ito 2008, the yellow darkened), on
/// white and on near black.
const LIGHT: [&str; COLOURS] =
    ["#0072b2", "#d55e00", "#009e73", "#b8558e", "#b07d00", "#3a9fd8", "#444444", "#7a4fb5"];
const DARK: [&str; COLOURS] =
    ["#4ba3e3", "#ff8533", "#2cc99b", "#e597c4", "#e6b422", "#8ed2ff", "#d6d6d6", "#b89af0"];
const DASHES: [&str; 4] = ["", "7 3", "2 3", "9 3 2 3"];

pub(crate) const FONT: &str =
    "system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',Helvetica,Arial,sans-serif";

/// An average character's width at the font's size of 13.
const CHARACTER: f64 = 7.0;
/// A digit's, in the widest of the fonts.
const DIGIT: f64 = 8.3;
const LEGEND_LINE: f64 = 19.0;
const LEGEND_NAME: usize = 44;

/// How a curve is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// A line, named in legend and read-out.
    Line,
    /// A pale line behind the others, without a name.
    Faint,
    /// A line with a dot at each point.
    Dots,
    /// Dots without a line between them, named: what was measured where a [`Look::Fit`] is drawn.
    Points,
    /// A thin line behind the others, without a name: what was fitted to points.
    Fit,
}

impl Look {
    /// Whether legend and read-out name it.
    fn named(self) -> bool {
        !matches!(self, Look::Faint | Look::Fit)
    }
}

/// One curve.
#[derive(Debug, Clone)]
pub(crate) struct Curve {
    pub name: String,
    pub colour: usize,
    pub look: Look,
    /// In rising order of x; a point that is not finite breaks the line.
    pub points: Vec<[f64; 2]>,
    /// Each point's interval along y, low and high; not finite where a point has none. Empty: no
    /// point has one.
    pub intervals: Vec<[f64; 2]>,
}

/// A frame with its axes and curves.
#[derive(Debug, Clone)]
pub(crate) struct Plot {
    pub title: String,
    pub x: Scale,
    pub x_name: String,
    pub y: Scale,
    pub y_name: String,
    pub curves: Vec<Curve>,
    /// A level of y that is marked by a dashed line, and its name: what chance gives.
    pub level: Option<(f64, String)>,
    /// Whether the curves' names stand above the frame.
    pub legend: bool,
    pub width: f64,
    pub height: f64,
}

/// The frame's place within the picture, in pixels.
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Plot {
    /// The picture as an `svg` element; `id` must be the document's only one.
    pub(crate) fn svg(&self, id: &str, style: &str) -> String {
        let size = (self.width, self.height);
        let title = format!("{} against {}", self.y_name, self.x_name);
        svg(id, [&title, &self.summary()], size, &self.scales(), style, &self.draw())
    }

    /// What the picture shows, for those who do not see it.
    pub(crate) fn summary(&self) -> String {
        let ends = |curve: &Curve| {
            let mut known = curve.points.iter().filter(|p| p[1].is_finite());
            let first = known.next()?;
            let last = known.next_back().unwrap_or(first);
            let (from, to) = (crate::markup::figure(first[1]), crate::markup::figure(last[1]));
            Some(format!("{}: from {from} to {to}", curve.name))
        };
        let curves = self.curves.iter().filter(|c| c.look.named()).filter_map(ends);
        let all: Vec<String> = curves.collect();
        let (y, x) = (&self.y_name, &self.x_name);
        if all.is_empty() {
            return format!("{y} against {x}: no values");
        }
        format!("{y} against {x}. {}", all.join("; "))
    }

    /// The elements of the picture, its upper left corner at 0, 0.
    pub(crate) fn draw(&self) -> String {
        let mut out = String::new();
        if !self.title.is_empty() {
            let title = escape(&self.title);
            out.push_str(&format!("<text class=\"head\" x=\"2\" y=\"15\">{title}</text>\n"));
        }
        let frame = self.frame();
        self.draw_legend(&mut out);
        self.draw_axes(&frame, &mut out);
        self.draw_level(&frame, &mut out);
        for curve in self.curves.iter().filter(|c| !c.look.named()) {
            self.draw_curve(curve, &frame, &mut out);
        }
        for curve in self.curves.iter().filter(|c| c.look.named()) {
            self.draw_curve(curve, &frame, &mut out);
        }
        if self.curves.iter().all(|curve| curve.points.is_empty()) {
            let (x, y) = ((frame.left + frame.right) / 2.0, (frame.top + frame.bottom) / 2.0);
            out.push_str(&format!(
                "<text class=\"tick\" text-anchor=\"middle\" x=\"{}\" y=\"{}\">no values</text>\n",
                pixels(x),
                pixels(y)
            ));
        }
        out
    }

    fn frame(&self) -> Frame {
        let widest = self.y.ticks.iter().map(|t| t.1.chars().count()).max().unwrap_or(1);
        let legend = self.legend_places().last().map_or(0.0, |last| last.2 + 6.0);
        Frame {
            left: widest as f64 * DIGIT + 8.0,
            right: self.width - 16.0,
            top: legend.max(self.head()) + 24.0,
            bottom: self.height - 42.0,
        }
    }

    /// Height of the title.
    fn head(&self) -> f64 {
        if self.title.is_empty() { 0.0 } else { 20.0 }
    }

    /// Each name of the legend with its place, in lines as wide as the picture.
    fn legend_places(&self) -> Vec<(&Curve, f64, f64)> {
        let (mut x, mut y) = (2.0, self.head() + 15.0);
        let mut places = Vec::new();
        let named = |curve: &&Curve| self.legend && curve.look.named();
        for curve in self.curves.iter().filter(named) {
            let letters = curve.name.chars().count().min(LEGEND_NAME);
            let width = letters as f64 * CHARACTER + 44.0;
            if x > 2.0 && x + width > self.width {
                (x, y) = (2.0, y + LEGEND_LINE);
            }
            places.push((curve, x, y));
            x += width;
        }
        places
    }

    fn draw_legend(&self, out: &mut String) {
        for (curve, x, y) in self.legend_places() {
            out.push_str(&format!(
                "<path class=\"line c{}\"{} d=\"M{} {}h22\"/>\
                 <text class=\"tick\" x=\"{}\" y=\"{}\">{}</text>\n",
                curve.colour % COLOURS,
                dash(curve.colour),
                pixels(x),
                pixels(y - 4.5),
                pixels(x + 28.0),
                pixels(y),
                escape(&shorten(&curve.name, LEGEND_NAME))
            ));
        }
    }

    fn draw_axes(&self, frame: &Frame, out: &mut String) {
        let mut grid = String::new();
        let mut names = String::new();
        for (value, name) in &self.y.ticks {
            let y = frame.y(&self.y, *value);
            grid.push_str(&format!(
                "M{} {}H{}",
                pixels(frame.left),
                pixels(y),
                pixels(frame.right)
            ));
            names.push_str(&format!(
                "<text class=\"tick\" text-anchor=\"end\" x=\"{}\" y=\"{}\">{}</text>\n",
                pixels(frame.left - 6.0),
                pixels(y + 4.5),
                escape(name)
            ));
        }
        // Names that would touch the one before them are left out; their lines stay.
        let mut free = f64::NEG_INFINITY;
        for (value, name) in &self.x.ticks {
            let x = frame.x(&self.x, *value);
            grid.push_str(&format!(
                "M{} {}V{}",
                pixels(x),
                pixels(frame.top),
                pixels(frame.bottom)
            ));
            let half = name.chars().count() as f64 * DIGIT / 2.0;
            let at = x.min(self.width - half - 1.0).max(half);
            if at - half < free {
                continue;
            }
            free = at + half + 8.0;
            names.push_str(&format!(
                "<text class=\"tick\" text-anchor=\"middle\" x=\"{}\" y=\"{}\">{}</text>\n",
                pixels(at),
                pixels(frame.bottom + 17.0),
                escape(name)
            ));
        }
        out.push_str(&format!("<path class=\"grid\" d=\"{grid}\"/>\n{names}"));
        out.push_str(&format!(
            "<path class=\"axis\" d=\"M{} {}V{}H{}\"/>\n",
            pixels(frame.left),
            pixels(frame.top),
            pixels(frame.bottom),
            pixels(frame.right)
        ));
        let middle = pixels((frame.left + frame.right) / 2.0);
        let x =
            format!("text-anchor=\"middle\" x=\"{middle}\" y=\"{}\"", pixels(self.height - 7.0));
        let y = format!("x=\"2\" y=\"{}\"", pixels(frame.top - 10.0));
        for (place, name, scale) in [(x, &self.x_name, &self.x), (y, &self.y_name, &self.y)] {
            let log = if scale.log { "log scale" } else { "" };
            let comma = if scale.log && !name.is_empty() { ", " } else { "" };
            let name = escape(&format!("{name}{}{comma}{log}", scale.unit));
            out.push_str(&format!("<text class=\"name\" {place}>{name}</text>\n"));
        }
    }

    fn draw_curve(&self, curve: &Curve, frame: &Frame, out: &mut String) {
        let mut path = String::new();
        let mut dots = String::new();
        let mut pen_down = false;
        let mut known = 0;
        for [x, y] in &curve.points {
            let unseen = (self.y.log && *y <= 0.0) || (self.x.log && *x <= 0.0);
            if !x.is_finite() || !y.is_finite() || unseen {
                pen_down = false;
                continue;
            }
            known += 1;
            let (x, y) = (pixels(frame.x(&self.x, *x)), pixels(frame.y(&self.y, *y)));
            path.push_str(&format!("{}{x} {y}", if pen_down { "L" } else { "M" }));
            dots.push_str(&format!("M{x} {y}h0"));
            pen_down = true;
        }
        if path.is_empty() {
            return;
        }
        let class = match curve.look {
            Look::Faint => "faint",
            Look::Fit => "fit",
            Look::Points => "unseen",
            Look::Line | Look::Dots => "line",
        };
        let named = match curve.look.named() {
            false => String::new(),
            true => format!(" data-name=\"{}\"", escape(&curve.name)),
        };
        let colour = curve.colour % COLOURS;
        self.draw_intervals(curve, frame, out);
        out.push_str(&format!(
            "<path class=\"{class} c{colour}\"{}{named} d=\"{path}\"/>\n",
            dash(curve.colour)
        ));
        // A line of one point would not be seen.
        if matches!(curve.look, Look::Dots | Look::Points) || known == 1 {
            out.push_str(&format!("<path class=\"dots c{colour}\" d=\"{dots}\"/>\n"));
        }
    }

    /// A bar from each interval's low end to its high one, with short ends across.
    fn draw_intervals(&self, curve: &Curve, frame: &Frame, out: &mut String) {
        let mut bars = String::new();
        for ([x, y], [low, high]) in curve.points.iter().zip(&curve.intervals) {
            if ![*x, *y, *low, *high].iter().all(|value| value.is_finite()) {
                continue;
            }
            let x = frame.x(&self.x, *x);
            let ends = [*low, *high].map(|end| frame.y(&self.y, end));
            let across = |y: f64| format!("M{} {}h7", pixels((x - 3.5).max(0.0)), pixels(y));
            let [low, high] = ends;
            let (at, to) = (pixels(x), pixels(high));
            bars.push_str(&format!("M{at} {}V{to}{}{}", pixels(low), across(low), across(high)));
        }
        if !bars.is_empty() {
            let colour = curve.colour % COLOURS;
            out.push_str(&format!("<path class=\"bar c{colour}\" d=\"{bars}\"/>\n"));
        }
    }

    fn draw_level(&self, frame: &Frame, out: &mut String) {
        let Some((level, name)) = self.level.as_ref().filter(|level| level.0.is_finite()) else {
            return;
        };
        let y = frame.y(&self.y, *level);
        out.push_str(&format!(
            "<path class=\"level\" d=\"M{} {}H{}\"/>\n\
             <text class=\"name\" text-anchor=\"end\" x=\"{}\" y=\"{}\">{}</text>\n",
            pixels(frame.left),
            pixels(y),
            pixels(frame.right),
            pixels(frame.right - 3.0),
            pixels(y - 4.0),
            escape(name)
        ));
    }

    /// The scales as attributes, for the read-out of a page.
    fn scales(&self) -> String {
        // Between named places along x there is nothing to read.
        if self.x.named {
            return String::new();
        }
        let frame = self.frame();
        let scale = |name: &str, scale: &Scale, from: f64, to: f64| {
            let (log, low, high) = (u8::from(scale.log), scale.low, scale.high);
            format!(" data-{name}=\"{log} {low:e} {high:e} {} {}\"", pixels(from), pixels(to))
        };
        let x = scale("x", &self.x, frame.left, frame.right);
        let y = scale("y", &self.y, frame.bottom, frame.top);
        format!("{x}{y} data-of=\"{}\"", escape(&self.x_name))
    }
}

impl Frame {
    fn x(&self, scale: &Scale, value: f64) -> f64 {
        self.left + scale.place(value) * (self.right - self.left)
    }

    fn y(&self, scale: &Scale, value: f64) -> f64 {
        self.bottom - scale.place(value) * (self.bottom - self.top)
    }
}

/// The dashes of a colour that is used again.
pub(crate) fn dash(colour: usize) -> String {
    match DASHES[colour / COLOURS % DASHES.len()] {
        "" => String::new(),
        dashes => format!(" stroke-dasharray=\"{dashes}\""),
    }
}

/// An `svg` element with a title and a description for those who do not see it.
pub(crate) fn svg(
    id: &str,
    [title, description]: [&str; 2],
    (width, height): (f64, f64),
    attributes: &str,
    style: &str,
    content: &str,
) -> String {
    let style = if style.is_empty() { String::new() } else { format!("<style>{style}</style>\n") };
    let (w, h) = (pixels(width), pixels(height));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" \
         height=\"{h}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\"{attributes}>\n\
         <title id=\"{id}-t\">{}</title>\n<desc id=\"{id}-d\">{}</desc>\n{style}{content}</svg>\n",
        escape(title),
        escape(description)
    )
}

/// Rules for all elements that plots are made of, in light mode and in dark.
pub(crate) fn rules() -> String {
    let colours = |colours: &[&str]| -> String {
        let rule = |(n, c): (usize, &&str)| format!(".c{n}{{stroke:{c}}}.b{n}{{background:{c}}}");
        colours.iter().enumerate().map(rule).collect()
    };
    format!(
        "svg{{font:13px {FONT}}}\
         .paper{{fill:#fff}}text{{fill:#222}}.head{{font-size:15px;font-weight:600}}\
         .name{{fill:#555}}.tick{{fill:#444}}.grid{{stroke:#e4e4e4;fill:none}}\
         .axis{{stroke:#888;fill:none}}.good{{fill:#00704f}}.bad{{fill:#b23c00}}\
         .line{{fill:none;stroke-width:1.8;stroke-linejoin:round}}\
         .faint{{fill:none;stroke-width:1;stroke-opacity:.3;stroke-linejoin:round}}\
         .fit{{fill:none;stroke-width:1.2;stroke-opacity:.75}}path.unseen{{fill:none;stroke:none}}\
         .bar{{fill:none;stroke-width:1.4}}.level{{fill:none;stroke:#777;stroke-dasharray:5 4}}\
         .dots{{fill:none;stroke-width:6;stroke-linecap:round}}{}\
         @media (prefers-color-scheme:dark){{\
         .paper{{fill:#16181c}}text{{fill:#e8e8e8}}.name{{fill:#b0b4ba}}.tick{{fill:#c4c8ce}}\
         .grid{{stroke:#2c3036}}.axis{{stroke:#7a808a}}.level{{stroke:#9aa0a8}}.good{{fill:#3ddba6}}.bad{{fill:#ff9a5c}}{}}}",
        colours(&LIGHT),
        colours(&DARK)
    )
}
