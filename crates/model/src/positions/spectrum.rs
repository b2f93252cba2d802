//! The periods in a table of places: each column's discrete Fourier transform over the places.
//!
//! ```text
//! X_f = sum_p (t_p - mean t) exp(-2 pi i p f / m),   period m / f,   power 2 |X_f|^2 / places^2
//! ```
//!
//! Columns are lengthened with zeros to m, a power of two of at least four times the places, so
//! that periods fall between the lines of a plain transform. A sine of amplitude 1 has power 0.5
//! at its period. `rustfft` transforms.

use rustfft::FftPlanner;
use rustfft::num_complex::Complex;
use serde::Serialize;

use super::table::Table;

/// A wave in a column, or in all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Tone {
    /// Places until it comes again; 0 for what does not vary.
    pub period: f32,
    /// The mean square of the wave.
    pub power: f32,
}

/// Each column's strongest tone, and the columns' mean power by period, from short to long ones.
pub(super) fn spectrum(table: Table<'_>) -> (Vec<Tone>, Vec<Tone>) {
    let places = table.places();
    if places < 2 {
        return (vec![Tone::default(); table.width], Vec::new());
    }
    let size = (4 * places).next_power_of_two();
    let transform = FftPlanner::<f32>::new().plan_fft_forward(size);
    let mut buffer = vec![Complex::default(); size];
    let mut scratch = vec![Complex::default(); transform.get_inplace_scratch_len()];
    let mut total = vec![0.0f64; size / 2];
    let mut tones = Vec::with_capacity(table.width);
    for column in 0..table.width {
        let values = (0..places).map(|place| table.row(place)[column]);
        let mean = values.clone().map(f64::from).sum::<f64>() / places as f64;
        buffer.fill(Complex::default());
        for (into, value) in buffer.iter_mut().zip(values) {
            into.re = (f64::from(value) - mean) as f32;
        }
        transform.process_with_scratch(&mut buffer, &mut scratch);
        let scale = 2.0 / (places as f32 * places as f32);
        let mut strongest = Tone::default();
        for (line, x) in buffer[..size / 2].iter().enumerate().skip(1) {
            let power = x.norm_sqr() * scale;
            total[line] += f64::from(power);
            if power > strongest.power && power > LEAST {
                strongest = Tone { period: size as f32 / line as f32, power };
            }
        }
        tones.push(strongest);
    }
    let mean = |line: usize| (total[line] / table.width.max(1) as f64) as f32;
    let lines = (1..size / 2).rev();
    let all = lines.map(|line| Tone { period: size as f32 / line as f32, power: mean(line) });
    (tones, all.collect())
}

/// Rounding alone gives this much.
const LEAST: f32 = 1e-12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_and_powers_of_sines_are_found() {
        let column = |place: usize| {
            let turns = place as f32 * std::f32::consts::TAU;
            [(turns / 25.0).sin(), 3.0 * (turns / 7.3).cos() + 5.0, 2.5]
        };
        let values: Vec<f32> = (0..400).flat_map(column).collect();
        let (tones, all) = spectrum(Table { values: &values, width: 3 });
        for (tone, (period, power)) in tones.iter().zip([(25.0, 0.5), (7.3, 4.5)]) {
            assert!((tone.period - period).abs() < 0.05 * period, "{tone:?}");
            assert!((tone.power - power).abs() < 0.1 * power, "{tone:?}");
        }
        assert_eq!(tones[2], Tone::default());
        assert!(all.windows(2).all(|pair| pair[0].period < pair[1].period));
        let strongest = all.iter().max_by(|a, b| a.power.total_cmp(&b.power)).unwrap();
        assert!((strongest.period - 7.3).abs() < 0.4, "{strongest:?}");
    }
}
