//! A table of numbers as a map of colours.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::colour::{Rgb, blend};
use crate::markup::{escape, figure, pixels};
use crate::scale::{Fit, Scale};

/// A table `[rows, columns]` with its names.
pub(crate) struct Heat<'a> {
    pub title: &'a str,
    pub rows: usize,
    pub columns: usize,
    pub row_name: &'a str,
    pub column_name: &'a str,
    pub values: &'a [f32],
}

/// Cells at most, each way.
const MOST_CELLS: usize = 256;
/// Blue below zero, orange above: both kinds of colour blindness keep them apart.
const ENDS: [Rgb; 3] = [[20, 82, 160], [242, 240, 236], [190, 74, 0]];
const UNKNOWN: Rgb = [128, 128, 128];
const LEVELS: usize = 255;

/// Means over blocks, `[rows, columns]` of them.
pub(crate) struct Cells {
    rows: usize,
    columns: usize,
    means: Vec<f64>,
    /// Rows and columns of a block.
    pub block: (usize, usize),
}

/// `[title, what it shows, elements]` of the map, within `width` x `height` pixels.
pub(crate) fn heat_map(heat: &Heat, width: f64, height: f64) -> [String; 3] {
    let cells = average(heat);
    let finite = || cells.means.iter().copied().filter(|v| v.is_finite());
    let (low, high) = finite().fold((0.0f64, 0.0f64), |(l, h), v| (l.min(v), h.max(v)));
    // The same length on both sides, so that zero is pale and equal colours are equal sizes.
    let end = if high.max(-low) > 0.0 { high.max(-low) } else { 1.0 };
    let block = match cells.block {
        (1, 1) => String::new(),
        (rows, columns) => format!(" (means of {rows} × {columns})"),
    };
    let title = format!("{}{block}", heat.title);
    let what = format!(
        "{} down, {} across, from {} to {}{block}",
        heat.row_name,
        heat.column_name,
        figure(finite().fold(f64::INFINITY, f64::min)),
        figure(finite().fold(f64::NEG_INFINITY, f64::max))
    );
    let rows = Scale::linear([0.0, heat.rows as f64].into_iter(), Fit::Tight, 6);
    let columns = Scale::linear([0.0, heat.columns as f64].into_iter(), Fit::Tight, 6);
    let (left, top, bottom) = (50.0, 44.0, height - 42.0);
    let right = width - 84.0;
    let mut out = format!("<text class=\"head\" x=\"2\" y=\"15\">{}</text>\n", escape(&title));
    out.push_str(&image(&png(&cells, end), (left, top), (right - left, bottom - top)));
    for (value, name) in &rows.ticks {
        let y = top + rows.place(*value) * (bottom - top);
        out.push_str(&tick(name, "end", left - 6.0, y + 4.5));
    }
    for (value, name) in &columns.ticks {
        out.push_str(&tick(
            name,
            "middle",
            left + columns.place(*value) * (right - left),
            bottom + 17.0,
        ));
    }
    let middle = (left + right) / 2.0;
    out.push_str(&name(heat.column_name, "middle", middle, height - 7.0));
    out.push_str(&name(heat.row_name, "start", 2.0, top - 10.0));
    draw_key(&mut out, (-end, end), (right + 16.0, top), bottom - top);
    [title, what, out]
}

fn tick(text: &str, anchor: &str, x: f64, y: f64) -> String {
    label("tick", text, anchor, x, y)
}

fn name(text: &str, anchor: &str, x: f64, y: f64) -> String {
    label("name", text, anchor, x, y)
}

fn label(class: &str, text: &str, anchor: &str, x: f64, y: f64) -> String {
    let (x, y) = (pixels(x), pixels(y));
    let text = escape(text);
    format!("<text class=\"{class}\" text-anchor=\"{anchor}\" x=\"{x}\" y=\"{y}\">{text}</text>\n")
}

/// The bar that tells which colour is which value, from `low` to the scale's `end`.
pub(crate) fn draw_key(
    out: &mut String,
    (low, end): (f64, f64),
    (x, top): (f64, f64),
    height: f64,
) {
    let steps = 64;
    let value = |n: usize| end - (end - low) * n as f64 / (steps - 1) as f64;
    let means = (0..steps).map(value).collect();
    let bar = Cells { rows: steps, columns: 1, means, block: (1, 1) };
    out.push_str(&image(&png(&bar, end), (x, top), (14.0, height)));
    let scale = Scale::linear([low, end].into_iter(), Fit::Tight, 5);
    for (value, name) in &scale.ticks {
        let y = top + (1.0 - scale.place(*value)) * height;
        out.push_str(&tick(&format!("{name}{}", scale.unit), "start", x + 20.0, y + 4.5));
    }
}

/// The table brought to at most so many cells.
pub(crate) fn average(heat: &Heat) -> Cells {
    let block = (heat.rows.div_ceil(MOST_CELLS).max(1), heat.columns.div_ceil(MOST_CELLS).max(1));
    let (rows, columns) = (heat.rows.div_ceil(block.0), heat.columns.div_ceil(block.1));
    let mut sums = vec![0.0; rows * columns];
    let mut counts = vec![0u32; rows * columns];
    for (row, values) in heat.values.chunks_exact(heat.columns).enumerate() {
        for (column, value) in values.iter().enumerate() {
            let cell = row / block.0 * columns + column / block.1;
            sums[cell] += f64::from(*value);
            counts[cell] += 1;
        }
    }
    let means = sums.iter().zip(counts).map(|(sum, count)| sum / f64::from(count.max(1))).collect();
    Cells { rows, columns, means, block }
}

/// The cells as a picture of so many pixels, in a palette of 256 colours for `-end` to `end`.
pub(crate) fn png(cells: &Cells, end: f64) -> Vec<u8> {
    let level = |value: f64| {
        if !value.is_finite() {
            return LEVELS as u8;
        }
        ((value / end).clamp(-1.0, 1.0) * 127.0 + 127.0).round() as u8
    };
    let mut palette: Vec<u8> = (0..LEVELS)
        .flat_map(|n| {
            let share = n as f32 / 127.0 - 1.0;
            let far = if share < 0.0 { ENDS[0] } else { ENDS[2] };
            blend(ENDS[1], far, share.abs())
        })
        .collect();
    palette.extend(UNKNOWN);
    let pixels: Vec<u8> = cells.means.iter().map(|value| level(*value)).collect();
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, cells.columns as u32, cells.rows as u32);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette);
    encoder.set_compression(png::Compression::High);
    // Writing into memory fails only for a picture without pixels: then there is none.
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels));
    if written.is_err() {
        return Vec::new();
    }
    file
}

/// The element that shows a picture.
pub(crate) fn image(file: &[u8], (x, y): (f64, f64), (width, height): (f64, f64)) -> String {
    if file.is_empty() {
        return String::new();
    }
    format!(
        "<image x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\" \
         style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{}\"/>\n",
        pixels(x),
        pixels(y),
        pixels(width),
        pixels(height),
        STANDARD.encode(file)
    )
}
