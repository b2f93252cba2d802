//! Axes: from values to pixels, with ticks at round numbers.

use crate::markup::superscript;

/// One axis of a plot. Values map to `0..=1`, from low to high.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scale {
    pub low: f64,
    pub high: f64,
    pub log: bool,
    /// Whether it has no values between its ticks, which are names.
    pub named: bool,
    /// Values and their names.
    pub ticks: Vec<(f64, String)>,
    /// What the ticks' names are to be multiplied by, for the axis' title: ` (×10⁻⁴)`.
    pub unit: String,
}

/// How an axis takes its bounds from its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    /// From the least value to the greatest.
    Tight,
    /// Out to the next ticks.
    Ticks,
    /// As `Ticks`, and from zero on.
    Zero,
}

impl Scale {
    /// An axis for finite values, `ticks` or so of them marked. Without values it runs from 0 to 1.
    pub(crate) fn linear(values: impl Iterator<Item = f64>, fit: Fit, ticks: usize) -> Self {
        let (mut low, mut high) = bounds(values).unwrap_or((0.0, 1.0));
        if fit == Fit::Zero {
            (low, high) = (low.min(0.0), high.max(0.0));
        }
        if high - low <= f64::EPSILON * high.abs().max(low.abs()) * 8.0 {
            let room = if high == 0.0 { 1.0 } else { high.abs() * 0.1 };
            (low, high) = (low - room, high + room);
        }
        let step = round_step((high - low) / ticks.max(1) as f64);
        if fit != Fit::Tight {
            low = (low / step + 1e-9).floor() * step;
            high = (high / step - 1e-9).ceil() * step;
        }
        let first = (low / step - 1e-9).ceil() as i64;
        let last = (high / step + 1e-9).floor() as i64;
        let marks: Vec<f64> = (first..=last).map(|n| n as f64 * step).collect();
        let (names, unit) = linear_names(&marks, step);
        Self {
            low,
            high,
            log: false,
            named: false,
            ticks: marks.into_iter().zip(names).collect(),
            unit,
        }
    }

    /// A logarithmic axis for positive values; linear where there are none.
    pub(crate) fn logarithmic(values: impl Iterator<Item = f64>, fit: Fit) -> Self {
        let Some((mut low, mut high)) = bounds(values.filter(|v| *v > 0.0)) else {
            return Self::linear(std::iter::empty(), fit, 5);
        };
        let decades = high.log10() - low.log10();
        // Within one decade, steps of a linear axis serve better than 1, 2 and 5.
        if decades < 1.0 {
            let fit = if fit == Fit::Tight { Fit::Tight } else { Fit::Ticks };
            let linear = Self::linear([low, high].into_iter(), fit, 5);
            if linear.low > 0.0 || high <= low {
                return Self { log: linear.low > 0.0, ..linear };
            }
        }
        let steps: &[f64] = match decades {
            d if d <= 2.0 => &[1.0, 2.0, 5.0],
            d if d <= 4.0 => &[1.0, 3.0],
            _ => &[1.0],
        };
        let (from, to) = (low.log10().floor() as i32 - 1, high.log10().ceil() as i32 + 1);
        let every = ((to - from) / 8).max(1);
        let marks: Vec<(f64, i32, f64)> = (from..=to)
            .filter(|exponent| exponent.rem_euclid(every) == 0)
            .flat_map(|exponent| {
                steps.iter().map(move |s| (s * 10f64.powi(exponent), exponent, *s))
            })
            .filter(|mark| mark.0.is_normal())
            .collect();
        if fit != Fit::Tight {
            let near = 1.0 + 1e-9;
            let below = marks.iter().map(|m| m.0).rfind(|m| *m <= low * near);
            let above = marks.iter().map(|m| m.0).find(|m| *m * near >= high);
            (low, high) = (below.unwrap_or(low), above.unwrap_or(high));
        }
        let ticks = marks
            .into_iter()
            .filter(|(value, ..)| *value >= low * (1.0 - 1e-9) && *value <= high * (1.0 + 1e-9))
            .map(|(value, exponent, step)| (value, power_name(value, exponent, step)))
            .collect();
        Self { low, high, log: true, named: false, ticks, unit: String::new() }
    }

    /// A logarithmic axis whose ticks are powers of two, for lengths that were doubled; as
    /// [`Scale::logarithmic`] where the values span less than two doublings or more than twenty.
    pub(crate) fn doublings(values: impl Iterator<Item = f64> + Clone) -> Self {
        let ends = bounds(values.clone().filter(|v| *v > 0.0));
        let Some((low, high)) = ends.filter(|(low, high)| {
            (2.0..=20.0).contains(&(high / low).log2()) && *low >= 1.0 && *high < 1e9
        }) else {
            return Self::logarithmic(values, Fit::Tight);
        };
        let (from, to) = (low.log2().ceil() as i32, high.log2().floor() as i32);
        let power = |exponent: i32| {
            let value = 2f64.powi(exponent);
            (value, crate::markup::whole(value))
        };
        let ticks = (from..=to).map(power).collect();
        Self { low, high, log: true, named: false, ticks, unit: String::new() }
    }

    /// Places with names, at 0, 1, 2, …, with half a place at both ends.
    pub(crate) fn names(names: &[String]) -> Self {
        let ticks = names.iter().enumerate().map(|(at, name)| (at as f64, name.clone())).collect();
        let high = names.len().max(1) as f64 - 0.5;
        Self { low: -0.5, high, log: false, named: true, ticks, unit: String::new() }
    }

    /// Where a value lies between low (0) and high (1); beyond the ends at the ends.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let share = if self.log {
            let low = self.low.ln();
            (value.max(f64::MIN_POSITIVE).ln() - low) / (self.high.ln() - low)
        } else {
            (value - self.low) / (self.high - self.low)
        };
        share.clamp(0.0, 1.0)
    }
}

/// Least and greatest of the finite values.
fn bounds(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.filter(|v| v.is_finite()).fold(None, |seen, v| match seen {
        None => Some((v, v)),
        Some((low, high)) => Some((low.min(v), high.max(v))),
    })
}

/// The least of 1, 2, 5 times a power of ten that is not below `step`.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powi(step.log10().floor() as i32);
    let lead = step / power;
    let round = [1.0, 2.0, 5.0].into_iter().find(|r| *r >= lead - 1e-9).unwrap_or(10.0);
    round * power
}

/// Names of evenly spaced ticks, all in one unit.
fn linear_names(marks: &[f64], step: f64) -> (Vec<String>, String) {
    let largest = marks.iter().fold(0.0f64, |most, mark| most.max(mark.abs()));
    let (divisor, suffix, unit) = match largest {
        l if l >= 1e15 => power_unit(l),
        l if l >= 1e12 => (1e12, "T", String::new()),
        l if l >= 1e9 => (1e9, "G", String::new()),
        l if l >= 1e6 => (1e6, "M", String::new()),
        l if l >= 1e4 => (1e3, "k", String::new()),
        l if l >= 0.01 || l == 0.0 => (1.0, "", String::new()),
        l => power_unit(l),
    };
    let decimals = (-(step / divisor * (1.0 + 1e-9)).log10().floor()).clamp(0.0, 6.0) as usize;
    let name = |mark: &f64| {
        let text = format!("{:.decimals$}", mark / divisor);
        let zero = text.chars().all(|c| matches!(c, '0' | '.' | '-'));
        if zero { "0".to_owned() } else { format!("{}{suffix}", text.replace('-', "−")) }
    };
    (marks.iter().map(name).collect(), unit)
}

fn power_unit(largest: f64) -> (f64, &'static str, String) {
    let exponent = largest.log10().floor() as i32;
    (10f64.powi(exponent), "", format!(" (×10{})", superscript(exponent)))
}

fn power_name(value: f64, exponent: i32, step: f64) -> String {
    match exponent {
        -2..=2 => format!("{value:.*}", usize::try_from(-exponent).unwrap_or(0)),
        3..=5 => format!("{:.0}k", value / 1e3),
        6..=8 => format!("{:.0}M", value / 1e6),
        _ if step == 1.0 => format!("10{}", superscript(exponent)),
        _ => format!("{step:.0}·10{}", superscript(exponent)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(scale: &Scale) -> Vec<&str> {
        scale.ticks.iter().map(|(_, name)| name.as_str()).collect()
    }

    #[test]
    fn linear_ticks_are_round() {
        let scale = Scale::linear([2.13, 9.87].into_iter(), Fit::Ticks, 5);
        assert_eq!((scale.low, scale.high), (2.0, 10.0));
        assert_eq!(names(&scale), ["2", "4", "6", "8", "10"]);
        let tokens = Scale::linear([0.0, 41_000_000.0].into_iter(), Fit::Tight, 4);
        assert_eq!(names(&tokens), ["0", "20M", "40M"]);
        let rate = Scale::linear([0.0, 5e-4].into_iter(), Fit::Zero, 5);
        assert_eq!(
            (names(&rate), rate.unit.as_str()),
            (vec!["0", "1", "2", "3", "4", "5"], " (×10⁻⁴)")
        );
        let share = Scale::linear([0.61, 0.64].into_iter(), Fit::Ticks, 4);
        assert_eq!(names(&share), ["0.61", "0.62", "0.63", "0.64"]);
        let both = Scale::linear([-1.0, 1.0].into_iter(), Fit::Ticks, 4);
        assert_eq!(names(&both), ["−1.0", "−0.5", "0", "0.5", "1.0"]);
    }

    #[test]
    fn axes_of_one_value_or_none_still_have_a_length() {
        for values in [vec![], vec![0.0], vec![3.5], vec![-2.0; 5], vec![1e300], vec![f64::NAN]] {
            for fit in [Fit::Tight, Fit::Ticks, Fit::Zero] {
                for scale in [
                    Scale::linear(values.iter().copied(), fit, 5),
                    Scale::logarithmic(values.iter().copied(), fit),
                ] {
                    assert!(scale.high > scale.low, "{values:?} {scale:?}");
                    assert!(!scale.ticks.is_empty() && scale.ticks.len() < 12, "{scale:?}");
                    for value in &values {
                        let place = scale.place(*value);
                        assert!(value.is_nan() || (0.0..=1.0).contains(&place), "{scale:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn doubled_lengths_are_marked_by_powers_of_two() {
        let lengths = [16.0, 32.0, 64.0, 4096.0];
        let scale = Scale::doublings(lengths.into_iter());
        assert_eq!(
            names(&scale),
            ["16", "32", "64", "128", "256", "512", "1,024", "2,048", "4,096"]
        );
        assert!(scale.log && (scale.place(256.0) - 0.5).abs() < 1e-12);
        assert_eq!(
            names(&Scale::doublings([1.0, 2.0, 4.0, 8.0].into_iter())),
            ["1", "2", "4", "8"]
        );
        for odd in [vec![], vec![3.0], vec![0.0, f64::NAN], vec![1.0, 1e300]] {
            let scale = Scale::doublings(odd.iter().copied());
            assert!(scale.high > scale.low && scale.ticks.len() < 12, "{scale:?}");
        }
    }

    #[test]
    fn names_stand_in_the_middle_of_their_places() {
        let scale = Scale::names(&["a".to_owned(), "b".to_owned()]);
        assert_eq!((scale.place(0.0), scale.place(1.0)), (0.25, 0.75));
        assert!(Scale::names(&[]).high > Scale::names(&[]).low);
    }

    #[test]
    fn logarithmic_ticks_are_powers() {
        let wide = Scale::logarithmic([3e-7, 0.4].into_iter(), Fit::Ticks);
        assert_eq!(names(&wide), ["10⁻⁷", "10⁻⁶", "10⁻⁵", "10⁻⁴", "10⁻³", "0.01", "0.1", "1"]);
        let close = Scale::logarithmic([1.3, 60.0].into_iter(), Fit::Ticks);
        assert_eq!(names(&close), ["1", "2", "5", "10", "20", "50", "100"]);
        assert!((close.place(10.0) - 0.5).abs() < 1e-12);
        let within = Scale::logarithmic([2.0, 4.1].into_iter(), Fit::Ticks);
        assert!(within.log && within.low > 0.0);
        let vast = Scale::logarithmic([1e-300, 1e300].into_iter(), Fit::Tight);
        assert!(vast.ticks.len() < 12, "{vast:?}");
    }
}
