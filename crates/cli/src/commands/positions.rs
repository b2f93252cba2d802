//! `contexture positions`: how a model would know order, looked at before it is trained.

mod show;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use contexture::positions::{
    DEFAULT_TOLERANCE, Divisor, LONGEST, Layout, PositionReport, PositionSettings, ReportSettings,
    report,
};
use contexture_view::{PositionPicture, position_page, position_picture};

use crate::say;

/// Look at a position function: its table, how far places lie apart, its periods, and whether any
/// two places coincide. Nothing is learned or fetched.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    contexture positions sinusoidal\n  \
    contexture positions sinusoidal --layout marian --out sinusoid.html\n  \
    contexture positions 'sin(pos / 10000^(2*floor(i/2)/d))' --length 4096\n  \
    contexture positions 'if(i % 2 == 0, sin(pos/100), cos(pos/100))' --length 1000\n  \
    contexture positions alibi --heads 4 --out alibi.svg\n  \
    contexture positions rotary --base 160000 --json\n\n\
    A formula is an expression in pos (the place, from 0), i (the column, from 0), d (the number of\n\
    columns) and n (the number of places), with + - * / % ^, comparisons (1 or 0),\n\
    if(condition, a, b), sin cos tan tanh atan exp ln log2 log10 sqrt abs sign floor ceil round,\n\
    mod(a, b), min(..), max(..), atan2(a, b), pi, tau and e.\n\n\
    Exit codes: 0 all places differ, or need not; 1 two places coincide, or an error.")]
pub(crate) struct PositionsArguments {
    /// sinusoidal, learned, rotary, alibi, relative (T5's and MPNet's buckets), none, or a formula.
    #[arg(value_name = "NAME|FORMULA", allow_hyphen_values = true)]
    function: String,
    /// Width of a token's row: the columns of the table.
    #[arg(long, default_value_t = 64, value_parser = counted(1, 1 << 15))]
    hidden: usize,
    /// Places to look at.
    #[arg(long, default_value_t = 512, value_parser = counted(1, LONGEST))]
    length: usize,
    /// Attention heads; they divide the width.
    #[arg(long, default_value_t = 8, value_parser = counted(1, 1 << 10))]
    heads: usize,
    /// The layout of a sinusoid.
    #[arg(long, value_enum, default_value_t = Sinusoid::Paper)]
    layout: Sinusoid,
    /// The place of the first token; fairseq's layout begins at 2 (its padding is number 1).
    #[arg(long, value_parser = counted(0, 1 << 24))]
    offset: Option<usize>,
    /// The base of a rotation.
    #[arg(long, default_value_t = 10_000.0)]
    base: f32,
    /// How near, in every column, the rows of two places count as the same.
    #[arg(long, default_value_t = DEFAULT_TOLERANCE)]
    tolerance: f32,
    /// Draw a picture into this file: .svg, or .html for a page of its own.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Print the whole table: tab-separated, a line a place; with --json, as its `table`.
    #[arg(long)]
    values: bool,
}

/// The layouts in use; they are never mixed up silently.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sinusoid {
    /// Sine and cosine by turns: the paper, OpenNMT-py, JoeyNMT.
    Paper,
    /// All sines, then all cosines, the paper's frequencies: Marian in Hugging Face's library.
    Marian,
    /// All sines, then all cosines, down to exactly 1/10000: tensor2tensor, marian-nmt.
    Tensor2tensor,
    /// As tensor2tensor, the first place after the padding's number.
    Fairseq,
}

fn counted(least: usize, most: usize) -> impl clap::builder::TypedValueParser<Value = usize> {
    use clap::builder::{RangedU64ValueParser, TypedValueParser};
    RangedU64ValueParser::<u64>::new().range(least as u64..=most as u64).map(|n| n as usize)
}

pub(crate) fn run(arguments: PositionsArguments) -> Result<()> {
    let a = &arguments;
    if !(a.tolerance >= 0.0 && a.tolerance.is_finite()) {
        bail!("--tolerance {}: a finite number of at least 0 is expected", a.tolerance);
    }
    if !(1.0..=1e12).contains(&a.base) {
        bail!("--base {}: a number from 1 to 1e12 is expected", a.base);
    }
    if a.hidden.max(2 * a.heads).saturating_mul(a.length) > LARGEST {
        bail!("a table of {} places of {} values: take fewer of either", a.length, a.hidden);
    }
    let found = report(&ReportSettings {
        position: position(a)?,
        hidden: a.hidden,
        heads: a.heads,
        length: a.length,
        rotary_base: a.base,
        tolerance: a.tolerance,
        values: None,
    })?;
    if let Some(path) = &a.out {
        draw(path, &found)?;
    }
    match (a.json, a.values) {
        (true, _) => say::out(&json(&found, a.values)?)?,
        (false, true) => say::out(&show::values(&found))?,
        (false, false) => say::out(&show::text(&found))?,
    }
    if let Some(path) = &a.out {
        eprintln!("{}: written", path.display());
    }
    match found.coincide {
        Some(_) => bail!("{}", found.verdict),
        None => Ok(()),
    }
}

/// Values of a table: beyond them, a look takes minutes.
const LARGEST: usize = 1 << 26;

/// The function by its name; what is no name is a formula.
fn position(a: &PositionsArguments) -> Result<Option<PositionSettings>> {
    let position = match a.function.as_str() {
        "none" => return Ok(None),
        "sinusoidal" => {
            let (layout, divisor, offset) = match a.layout {
                Sinusoid::Paper => (Layout::Interleaved, Divisor::Paper, 0),
                Sinusoid::Marian => (Layout::Halves, Divisor::Paper, 0),
                Sinusoid::Tensor2tensor => (Layout::Halves, Divisor::Tensor2Tensor, 0),
                Sinusoid::Fairseq => (Layout::Halves, Divisor::Tensor2Tensor, 2),
            };
            PositionSettings::Sinusoidal { layout, divisor, offset: a.offset.unwrap_or(offset) }
        }
        "learned" => PositionSettings::Learned { entries: a.length, offset: 0, skips: None },
        "rotary" => {
            let width = a.hidden / a.heads;
            if !a.hidden.is_multiple_of(a.heads) || !width.is_multiple_of(2) {
                bail!(
                    "--hidden {} and --heads {}: rotation needs heads of an even, whole width",
                    a.hidden,
                    a.heads
                );
            }
            PositionSettings::Rotary { width, interleaved: false }
        }
        "alibi" => PositionSettings::Alibi,
        "relative" => PositionSettings::Buckets { buckets: 32, farthest: 128, one_sided: false },
        source => PositionSettings::Formula { source: source.into(), tolerance: a.tolerance },
    };
    Ok(Some(position))
}

fn json(found: &PositionReport, values: bool) -> Result<String> {
    // Through text, so that numbers keep the few digits of an f32.
    let mut fields: serde_json::Value = serde_json::from_str(&serde_json::to_string(found)?)?;
    if let (Some(fields), false) = (fields.as_object_mut(), values) {
        fields.remove("table");
    }
    Ok(format!("{fields:#}\n"))
}

fn draw(path: &Path, found: &PositionReport) -> Result<()> {
    let picture = picture(found);
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    let text = match ending.as_deref() {
        Some("svg") => position_picture(&picture),
        Some("html" | "htm") => position_page(&picture),
        _ => bail!("{}: a name that ends in .svg or .html is expected", path.display()),
    };
    std::fs::write(path, text).with_context(|| format!("{}: cannot be written", path.display()))
}

fn picture(found: &PositionReport) -> PositionPicture {
    let bias = found.bias.as_ref();
    let fresh = bias.is_some_and(|bias| bias.fresh);
    PositionPicture {
        name: found.name.clone() + if fresh { " (biases of a new model)" } else { "" },
        formula: found.formula.clone(),
        length: found.length,
        hidden: found.hidden,
        table: found.table.clone(),
        distances: found.distances.clone(),
        cosines: found.cosines.clone(),
        spectrum: found.spectrum.iter().map(|tone| (tone.period, tone.power)).collect(),
        bias_by_head: bias.map(|bias| bias.by_head.clone()),
        bias_distances: bias.map(|bias| bias.distances.clone()),
        verdict: found.verdict.clone(),
        coincide: found.coincide.map(|pair| (pair.first, pair.second)),
        range: found.range.map_or((0.0, 0.0), |range| (range.least, range.greatest)),
    }
}
