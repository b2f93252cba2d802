//! Colours of a terminal, and the ramp from a cosine to one of them.
//!
//! The ramp runs through four anchors and is interpolated in Oklab (Ottosson 2020), where equal
//! steps look equal. Its lightness rises from -1 to 1, so that the order survives on a screen
//! without colours and for eyes that see few.

/// What the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColourMode {
    /// Numbers only.
    Plain,
    /// The 256 colours of xterm.
    Colours256,
    /// 24 bits.
    TrueColour,
}

impl ColourMode {
    /// What to use for an output, by the customs of the environment: a `NO_COLOR` that is not
    /// empty or `TERM=dumb` turn colours off, and so does anything but a terminal;
    /// `COLORTERM=truecolor` (or `24bit`) promises 24 bits.
    pub fn detect(is_terminal: bool, variable: impl Fn(&str) -> Option<String>) -> Self {
        let is = |name: &str, values: &[&str]| {
            variable(name).is_some_and(|value| values.contains(&value.as_str()))
        };
        let refused = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
        if !is_terminal || refused || is("TERM", &["dumb", ""]) {
            Self::Plain
        } else if is("COLORTERM", &["truecolor", "24bit"]) {
            Self::TrueColour
        } else {
            Self::Colours256
        }
    }
}

pub(crate) type Rgb = [u8; 3];

const ANCHORS: [(f32, Rgb); 4] =
    [(-1.0, [12, 8, 48]), (0.0, [46, 62, 120]), (0.5, [126, 120, 128]), (1.0, [252, 220, 96])];

/// The colour of a cosine; values beyond -1 and 1 take the ends'.
pub(crate) fn ramp(cosine: f32) -> Rgb {
    let value = cosine.clamp(-1.0, 1.0);
    let upper = ANCHORS.iter().position(|(at, _)| value <= *at).unwrap_or(3).max(1);
    let ((from, low), (to, high)) = (ANCHORS[upper - 1], ANCHORS[upper]);
    let share = (value - from) / (to - from);
    blend(low, high, share)
}

/// The colour `share` of the way between two, by even steps to the eye.
pub(crate) fn blend(from: Rgb, to: Rgb, share: f32) -> Rgb {
    let (from, to) = (oklab(from), oklab(to));
    rgb(std::array::from_fn(|axis| from[axis] + share * (to[axis] - from[axis])))
}

/// A cell's text in front of its colour, black or white, whichever stands out more.
pub(crate) fn paint(text: &str, colour: Rgb, mode: ColourMode) -> String {
    match mode {
        ColourMode::Plain => text.to_owned(),
        ColourMode::TrueColour => {
            let [r, g, b] = colour;
            let ink = if black_stands_out(colour) { "0;0;0" } else { "255;255;255" };
            format!("\x1b[48;2;{r};{g};{b}m\x1b[38;2;{ink}m{text}\x1b[0m")
        }
        ColourMode::Colours256 => {
            let (index, shown) = nearest_256(colour);
            let ink = if black_stands_out(shown) { 16 } else { 231 };
            format!("\x1b[48;5;{index}m\x1b[38;5;{ink}m{text}\x1b[0m")
        }
    }
}

/// The nearest entry of xterm's 6 x 6 x 6 cube, and its colour.
fn nearest_256(colour: Rgb) -> (u8, Rgb) {
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let nearest = |value: u8| {
        let distance = |step: &usize| STEPS[*step].abs_diff(value);
        (0..STEPS.len()).min_by_key(distance).unwrap_or(0)
    };
    let steps = colour.map(nearest);
    let index = 16 + 36 * steps[0] + 6 * steps[1] + steps[2];
    (index as u8, steps.map(|step| STEPS[step]))
}

/// Relative luminance as WCAG 2 defines it, from 0 to 1.
fn luminance(colour: Rgb) -> f32 {
    let [r, g, b] = colour.map(linear);
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

/// Whether black has the greater contrast, (1 + 0.05) / (l + 0.05) against (l + 0.05) / 0.05.
fn black_stands_out(colour: Rgb) -> bool {
    let luminance = luminance(colour) + 0.05;
    luminance / 0.05 > 1.05 / luminance
}

fn linear(channel: u8) -> f32 {
    let value = f32::from(channel) / 255.0;
    if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

fn channel(linear: f32) -> u8 {
    let value = linear.clamp(0.0, 1.0);
    let value =
        if value <= 0.003_130_8 { value * 12.92 } else { 1.055 * value.powf(1.0 / 2.4) - 0.055 };
    (value * 255.0).round() as u8
}

fn oklab(colour: Rgb) -> [f32; 3] {
    let [r, g, b] = colour.map(linear);
    let l = (0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b).cbrt();
    let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
    let s = (0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b).cbrt();
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}

fn rgb([lightness, a, b]: [f32; 3]) -> Rgb {
    let l = (lightness + 0.396_337_78 * a + 0.215_803_76 * b).powi(3);
    let m = (lightness - 0.105_561_346 * a - 0.063_854_17 * b).powi(3);
    let s = (lightness - 0.089_484_18 * a - 1.291_485_5 * b).powi(3);
    [
        channel(4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_94 * s),
        channel(-1.268_438 * l + 2.609_757_4 * m - 0.341_319_38 * s),
        channel(-0.004_196_086_3 * l - 0.703_418_6 * m + 1.707_614_7 * s),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oklab_and_back_is_the_same_colour() {
        for colour in [[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [12, 200, 77]] {
            assert_eq!(rgb(oklab(colour)), colour);
        }
    }

    #[test]
    fn the_ramp_rises_in_lightness_by_even_steps_and_text_is_legible() {
        let mut last = -1.0;
        for step in 0..=200 {
            let colour = ramp(step as f32 / 100.0 - 1.0);
            let lightness = oklab(colour)[0];
            assert!(lightness > last - 0.003, "step {step}: {last} then {lightness}");
            last = lightness;
            for shown in [colour, nearest_256(colour).1] {
                let light = luminance(shown) + 0.05;
                let contrast = if black_stands_out(shown) { light / 0.05 } else { 1.05 / light };
                assert!(contrast >= 4.5, "step {step}: contrast {contrast}");
            }
        }
        for (at, anchor) in ANCHORS {
            assert_eq!(ramp(at), anchor);
        }
        assert_eq!((ramp(-7.0), ramp(7.0)), (ANCHORS[0].1, ANCHORS[3].1));
    }

    #[test]
    fn the_environment_decides() {
        let detect = |is_terminal, set: &[(&str, &str)]| {
            ColourMode::detect(is_terminal, |name| {
                set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            })
        };
        let full = [("COLORTERM", "truecolor"), ("TERM", "xterm-256color")];
        assert_eq!(detect(true, &full), ColourMode::TrueColour);
        assert_eq!(detect(false, &full), ColourMode::Plain);
        assert_eq!(detect(true, &[("TERM", "xterm-256color")]), ColourMode::Colours256);
        assert_eq!(detect(true, &[("TERM", "dumb")]), ColourMode::Plain);
        assert_eq!(detect(true, &[("NO_COLOR", "1"), full[0]]), ColourMode::Plain);
        assert_eq!(detect(true, &[("NO_COLOR", ""), full[0]]), ColourMode::TrueColour);
    }
}
