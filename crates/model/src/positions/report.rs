//! What there is to say about a position function before a model learns with it.

use contexture_nn::ops::bucket;
use contexture_nn::{Builder, Initial, Weights};
use serde::Serialize;

use super::alibi::slopes;
use super::formula::Formula;
use super::settings::PositionSettings;
use super::sinusoidal;
use super::spectrum::{Tone, spectrum};
use super::table::{Coincidence, Table};
use crate::ModelError;
use crate::architectures::{Aggregator, EncoderSettings};

/// How near, in every column, the rows of two places count as the same where nobody says: a
/// quarter of the deviation with which words' rows begin. A single wave of 2 pi 100 places comes
/// within 0.0032 of itself after 628.
pub const DEFAULT_TOLERANCE: f32 = 5e-3;

/// What to report on.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportSettings {
    /// The position function; `None` for a model without one.
    pub position: Option<PositionSettings>,
    /// Width of a token's row. A rotation has a width of its own.
    pub hidden: usize,
    /// Attention heads.
    pub heads: usize,
    /// Places to look at.
    pub length: usize,
    /// The base of a rotation.
    pub rotary_base: f32,
    /// How near, in every column, rows count as the same.
    pub tolerance: f32,
    /// A learned table's values: `[entries, hidden]`, or `[buckets, heads]`.
    pub values: Option<Vec<f32>>,
}

/// The least and the most of a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Range {
    /// The least value.
    pub least: f32,
    /// The greatest value.
    pub greatest: f32,
    /// The largest length of a row.
    pub largest_norm: f32,
}

/// What scores gain by distance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bias {
    /// Whether the numbers are those with which a new model begins, because learned ones were not
    /// given.
    pub fresh: bool,
    /// The key's place less the query's, rising.
    pub distances: Vec<i64>,
    /// One list a head, as long as `distances`.
    pub by_head: Vec<Vec<f32>>,
    /// The bucket of each distance, where distances share biases.
    pub buckets: Option<Vec<usize>>,
}

/// A position function, looked at over a length. Plain data.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PositionReport {
    /// The function's name.
    pub name: String,
    /// Its formula, where it is one.
    pub formula: Option<String>,
    /// Places that were looked at.
    pub length: usize,
    /// Columns of the table; 0 where there is none.
    pub hidden: usize,
    /// The table `[length, hidden]`, row by row; of a rotation the cosine and sine of each angle.
    pub table: Vec<f32>,
    /// The table's range; `None` where there is none.
    pub range: Option<Range>,
    /// Mean distance of the rows of places k apart, for k from 0.
    pub distances: Vec<f32>,
    /// Mean cosine of the rows of places k apart, for k from 0.
    pub cosines: Vec<f32>,
    /// Each column's strongest period.
    pub tones: Vec<Tone>,
    /// The columns' mean power by period, from short to long.
    pub spectrum: Vec<Tone>,
    /// What scores gain by distance, where the function says so.
    pub bias: Option<Bias>,
    /// The tolerance that was asked for.
    pub tolerance: f32,
    /// Two places that cannot be told apart, though the function should.
    pub coincide: Option<Coincidence>,
    /// All of it in words.
    pub verdict: String,
}

/// Looks at a position function.
///
/// Errors: a formula that cannot be read or computed; values of another size than the table.
pub fn report(settings: &ReportSettings) -> Result<PositionReport, ModelError> {
    let r = settings;
    let (table, width) = table(r)?;
    let view = Table { values: &table, width };
    let (distances, cosines) = if width > 0 { view.profile() } else { Default::default() };
    let (tones, all) = if width > 0 { spectrum(view) } else { Default::default() };
    let coincide = match &r.position {
        None if r.length > 1 => Some(Coincidence { first: 0, second: 1, difference: 0.0 }),
        _ if width > 0 => view.coincidence(r.tolerance),
        _ => None,
    };
    let verdict = verdict(r, view, coincide);
    Ok(PositionReport {
        name: r.position.as_ref().map_or("none", PositionSettings::name).into(),
        formula: match &r.position {
            Some(PositionSettings::Formula { source, .. }) => Some(source.clone()),
            _ => None,
        },
        length: r.length,
        hidden: width,
        range: (width > 0).then(|| range(view)),
        distances,
        cosines,
        tones,
        spectrum: all,
        bias: bias(r),
        tolerance: r.tolerance,
        coincide,
        verdict,
        table,
    })
}

/// Looks at each position function of an encoder over all its places, before it is trained. An
/// encoder without one gets the report of that.
///
/// Errors: a sinusoid, formula or rotation under which two places coincide; the message names them
/// and says what to do. A formula's own tolerance counts, else [`DEFAULT_TOLERANCE`].
pub fn check(e: &EncoderSettings) -> Result<Vec<PositionReport>, ModelError> {
    let mut positions: Vec<Option<PositionSettings>> =
        e.positions.iter().cloned().map(Some).collect();
    if positions.is_empty() {
        if e.aggregator == Aggregator::Lstm {
            // Reading in order is how it knows order.
            return Ok(Vec::new());
        }
        positions.push(None);
    }
    let look = |position: Option<PositionSettings>| {
        let tolerance = match &position {
            Some(PositionSettings::Formula { tolerance, .. }) => *tolerance,
            _ => DEFAULT_TOLERANCE,
        };
        let found = report(&ReportSettings {
            position,
            hidden: e.word_width(),
            heads: e.heads,
            length: e.maximum_tokens.unwrap_or(UNLIMITED).min(LONGEST),
            rotary_base: e.layers.first().map_or(1.0, |layer| layer.rotary_base),
            tolerance,
            values: None,
        })?;
        match found.coincide {
            Some(_) if found.hidden > 0 => Err(ModelError::Coincide { verdict: found.verdict }),
            _ => Ok(found),
        }
    };
    positions.into_iter().map(look).collect()
}

/// Places that are looked at where a model has no limit.
const UNLIMITED: usize = 4096;
/// Places that are looked at, at most.
pub const LONGEST: usize = 1 << 16;

/// The table of places and its width; empty for what has none.
fn table(r: &ReportSettings) -> Result<(Vec<f32>, usize), ModelError> {
    let wrong = |found: usize, expected: usize| ModelError::Contradiction {
        key: "values".into(),
        expected: format!("{expected} values"),
        found: format!("{found} values"),
    };
    match &r.position {
        Some(PositionSettings::Sinusoidal { layout, divisor, offset }) => {
            let rows = sinusoidal::table(*layout, *divisor, *offset, r.length, r.hidden);
            Ok((rows.into_vec(), r.hidden))
        }
        Some(PositionSettings::Formula { source, .. }) => {
            Ok((Formula::parse(source)?.table(r.length, r.hidden)?.into_vec(), r.hidden))
        }
        Some(PositionSettings::Learned { entries, offset, .. }) => match &r.values {
            None => Ok((Vec::new(), 0)),
            Some(values) if values.len() == entries * r.hidden => {
                let last = offset.saturating_add(r.length).min(*entries);
                Ok((values[(*offset).min(last) * r.hidden..last * r.hidden].to_vec(), r.hidden))
            }
            Some(values) => Err(wrong(values.len(), entries * r.hidden)),
        },
        Some(PositionSettings::Buckets { buckets, .. }) => match &r.values {
            Some(values) if values.len() != buckets * r.heads => {
                Err(wrong(values.len(), buckets * r.heads))
            }
            _ => Ok((Vec::new(), 0)),
        },
        Some(PositionSettings::Rotary { width, .. }) => {
            let base = f64::from(r.rotary_base);
            let angle = move |place: usize, k: usize| {
                place as f64 * base.powf(-2.0 * k as f64 / *width as f64)
            };
            let row = |place: usize| {
                (0..width / 2).flat_map(move |k| {
                    let (sine, cosine) = angle(place, k).sin_cos();
                    [cosine as f32, sine as f32]
                })
            };
            Ok(((0..r.length).flat_map(row).collect(), *width))
        }
        Some(PositionSettings::Alibi) | None => Ok((Vec::new(), 0)),
    }
}

fn range(table: Table<'_>) -> Range {
    let norm = |place| table.row(place).iter().map(|v| v * v).sum::<f32>().sqrt();
    Range {
        least: table.values.iter().copied().fold(f32::INFINITY, f32::min),
        greatest: table.values.iter().copied().fold(f32::NEG_INFINITY, f32::max),
        largest_norm: (0..table.places()).map(norm).fold(0.0, f32::max),
    }
}

fn bias(r: &ReportSettings) -> Option<Bias> {
    let farthest = r.length.saturating_sub(1) as i64;
    let distances: Vec<i64> = (-farthest..=farthest).collect();
    let (fresh, by_head, buckets) = match &r.position {
        Some(PositionSettings::Alibi) => {
            let row = |slope: f32| distances.iter().map(|d| -slope * d.abs() as f32).collect();
            (false, slopes(r.heads).into_iter().map(row).collect(), None)
        }
        Some(PositionSettings::Buckets { buckets, farthest, one_sided }) => {
            let number =
                |distance: &i64| bucket(*distance as isize, *buckets, *farthest, *one_sided);
            let numbers: Vec<usize> = distances.iter().map(number).collect();
            let values = r.values.clone().unwrap_or_else(|| fresh_values(*buckets, r.heads));
            let row = |head| numbers.iter().map(|b| values[b * r.heads + head]).collect();
            (r.values.is_none(), (0..r.heads).map(row).collect(), Some(numbers))
        }
        _ => return None,
    };
    Some(Bias { fresh, distances, by_head, buckets })
}

/// What a new model's biases are.
fn fresh_values(buckets: usize, heads: usize) -> Vec<f32> {
    let mut builder = Builder::new();
    let table = builder.table("buckets", buckets, heads, Initial::Normal(0.02));
    Weights::initial(builder.finish(), 0).plain(table).to_vec()
}

fn verdict(r: &ReportSettings, table: Table<'_>, coincide: Option<Coincidence>) -> String {
    match (&r.position, coincide) {
        (None, _) => "no positions: all places coincide, so that a sentence and its words in any \
                      other order have the same vectors"
            .into(),
        (Some(PositionSettings::Alibi | PositionSettings::Buckets { .. }), _) => {
            "relative: scores depend on how far two tokens stand apart; by construction this does \
             not tell absolute places apart, and it needs no table of them"
                .into()
        }
        (Some(PositionSettings::Learned { .. }), None) if table.width == 0 => {
            "learned: rows begin at random and training decides how far apart they lie; places \
             that no training text reaches stay random"
                .into()
        }
        (Some(_), Some(Coincidence { first, second, difference })) => format!(
            "positions {first} and {second} coincide: their rows differ by at most {difference} \
             in a column (tolerance {}); take more frequencies or longer periods, at most {second} \
             places, or a smaller tolerance",
            r.tolerance
        ),
        (Some(_), None) => {
            let places = table.places();
            let far =
                format!("all {places} places differ by more than {} in a column", r.tolerance);
            match table.closest_neighbours() {
                Some((place, step)) => {
                    let next = place + 1;
                    format!("{far}; the closest neighbours, {place} and {next}, by {step:.4}")
                }
                None => far,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Divisor, Layout};
    use super::*;
    use crate::architectures::Sizes;

    fn settings(
        position: Option<PositionSettings>,
        hidden: usize,
        length: usize,
    ) -> ReportSettings {
        let (tolerance, rotary_base) = (DEFAULT_TOLERANCE, 10_000.0);
        ReportSettings { position, hidden, heads: 8, length, rotary_base, tolerance, values: None }
    }

    fn formula(source: &str) -> Option<PositionSettings> {
        let tolerance = DEFAULT_TOLERANCE;
        Some(PositionSettings::Formula { source: source.into(), tolerance })
    }

    #[test]
    fn the_papers_sinusoid_tells_ten_thousand_places_apart() {
        let (layout, divisor, offset) = (Layout::Interleaved, Divisor::Paper, 0);
        let position = Some(PositionSettings::Sinusoidal { layout, divisor, offset });
        let found = report(&settings(position, 512, 10_000)).unwrap();
        assert_eq!(found.coincide, None, "{}", found.verdict);
        let range = found.range.unwrap();
        assert!(range.greatest <= 1.0 && range.least >= -1.0, "{range:?}");
        assert!((range.largest_norm - 16.0).abs() < 1e-3, "256 pairs of length 1: {range:?}");
        assert!(
            (found.tones[0].period - std::f32::consts::TAU).abs() < 0.01,
            "{:?}",
            found.tones[0]
        );
    }

    #[test]
    fn one_period_in_every_column_comes_again() {
        let source = "if(i % 2 == 0, sin(pos / 100), cos(pos / 100))";
        let found = report(&settings(formula(source), 64, 1000)).unwrap();
        let coincide = found.coincide.unwrap();
        assert_eq!((coincide.first, coincide.second), (0, 628));
        assert!(found.verdict.starts_with("positions 0 and 628 coincide"), "{}", found.verdict);
        assert!((found.tones[0].period - 628.3).abs() < 63.0, "{:?}", found.tones[0]);
        assert_eq!(report(&settings(formula(source), 64, 628)).unwrap().coincide, None);
        // A sine alone already comes back after half a period.
        let half = report(&settings(formula("sin(pos / 100)"), 4, 1000)).unwrap().coincide;
        assert_eq!(half.map(|c| (c.first, c.second)), Some((0, 314)));
    }

    #[test]
    fn rotation_is_judged_by_its_angles() {
        let rotary = |width| Some(PositionSettings::Rotary { width, interleaved: false });
        assert_eq!(report(&settings(rotary(32), 64, 4096)).unwrap().coincide, None);
        let one = report(&settings(rotary(2), 64, 1000)).unwrap();
        let coincide = one.coincide.unwrap();
        // 710 / (2 pi) is 113.00001.
        assert_eq!((coincide.first, coincide.second), (0, 710), "{}", one.verdict);
    }

    #[test]
    fn biases_are_functions_of_distance() {
        let found = report(&settings(Some(PositionSettings::Alibi), 64, 5)).unwrap();
        let bias = found.bias.unwrap();
        assert_eq!(bias.distances, [-4, -3, -2, -1, 0, 1, 2, 3, 4]);
        assert_eq!(bias.by_head[0], [-2.0, -1.5, -1.0, -0.5, 0.0, -0.5, -1.0, -1.5, -2.0]);
        assert!(found.coincide.is_none() && found.verdict.contains("not tell absolute places"));

        let t5 = Some(PositionSettings::Buckets { buckets: 32, farthest: 128, one_sided: false });
        let mut asked = settings(t5, 64, 200);
        let bias = report(&asked).unwrap().bias.unwrap();
        let buckets = bias.buckets.unwrap();
        let at = |distance: i64| buckets[(distance + 199) as usize];
        // Raffel et al.'s own code: 8 exact distances a side, then by logarithm up to 128.
        for (distance, expected) in [(0, 0), (-7, 7), (-8, 8), (-199, 15), (1, 17), (12, 25)] {
            assert_eq!(at(distance), expected, "{distance}");
        }
        asked.values = Some((0..256).map(|v| v as f32).collect());
        let learned = report(&asked).unwrap().bias.unwrap();
        assert_eq!((learned.fresh, learned.by_head.len()), (false, 8));
        assert_eq!(learned.by_head[3][(-7 + 199) as usize], 7.0 * 8.0 + 3.0);
        asked.values = Some(vec![0.0; 3]);
        assert!(report(&asked).is_err());
    }

    #[test]
    fn an_encoder_is_checked_before_training() {
        let sizes = Sizes { hidden: 16, heads: 2, inner: 32, vocabulary: 9, layers: 1 };
        let with = |position: Option<PositionSettings>| EncoderSettings {
            positions: position.into_iter().collect(),
            maximum_tokens: Some(700),
            ..EncoderSettings::plain(sizes)
        };
        let none = check(&with(None)).unwrap();
        assert!(none[0].verdict.contains("all places coincide"));
        assert!(check(&with(formula("sin(pos / 10000^(i/d))"))).is_ok());
        let source = "if(i % 2 == 0, sin(pos / 100), cos(pos / 100))";
        let error = check(&with(formula(source))).unwrap_err().to_string();
        assert!(error.contains("positions 0 and 628 coincide"), "{error}");
        let learned = PositionSettings::Learned { entries: 700, offset: 0, skips: None };
        assert!(check(&with(Some(learned))).unwrap()[0].table.is_empty());
    }

    #[test]
    fn a_learned_table_is_judged_by_its_values() {
        let learned = PositionSettings::Learned { entries: 6, offset: 2, skips: None };
        let mut asked = settings(Some(learned), 2, 4);
        asked.values = Some(vec![0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 1.0, 2.0]);
        let found = report(&asked).unwrap();
        assert_eq!(found.table.len(), 8);
        assert_eq!(found.coincide, Some(Coincidence { first: 0, second: 3, difference: 0.0 }));
    }
}
