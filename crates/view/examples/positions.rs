//! Draws the sinusoidal positions of Vaswani et al. (2017, section 3.5) and a bias by distance.
//!
//! `cargo run --release -p contexture-view --example positions -- FOLDER`

use std::path::Path;

use contexture_view::{PositionPicture, position_page, position_picture};

const LENGTH: usize = 512;
const HIDDEN: usize = 256;

fn sinusoidal() -> Vec<f32> {
    let value = |n: usize| {
        let (place, i) = ((n / HIDDEN) as f64, n % HIDDEN);
        let angle = place / 10_000f64.powf((i / 2 * 2) as f64 / HIDDEN as f64);
        if i % 2 == 0 { angle.sin() as f32 } else { angle.cos() as f32 }
    };
    (0..LENGTH * HIDDEN).map(value).collect()
}

fn profile(table: &[f32], of: impl Fn(&[f32], &[f32]) -> f32) -> Vec<f32> {
    let row = |n: usize| &table[n * HIDDEN..(n + 1) * HIDDEN];
    let mean = |k: usize| {
        let pairs = (0..LENGTH - k).map(|n| of(row(n), row(n + k)));
        pairs.sum::<f32>() / (LENGTH - k) as f32
    };
    (0..LENGTH).map(mean).collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("expected a folder")?;
    let table = sinusoidal();
    let distance =
        |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f32>().sqrt();
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    let cosine = |a: &[f32], b: &[f32]| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    let period = |i: usize| std::f32::consts::TAU * 10_000f32.powf(2.0 * i as f32 / HIDDEN as f32);
    let sinusoids = PositionPicture {
        name: "sinusoidal".to_owned(),
        formula: Some("sin(pos / 10000^(2*floor(i/2)/d)), cos for odd i".to_owned()),
        length: LENGTH,
        hidden: HIDDEN,
        distances: profile(&table, distance),
        cosines: profile(&table, cosine),
        spectrum: (0..HIDDEN / 2).map(|i| (period(i), 0.5 + 1.0 / (i as f32 + 1.0))).collect(),
        range: (-1.0, 1.0),
        verdict: "all 512 positions differ; the nearest two lie 1.9 apart".to_owned(),
        table,
        ..PositionPicture::default()
    };
    let slopes = (1..=8).map(|head| 2f32.powi(-head));
    let biases = slopes.map(|s| (-64i32..=64).map(|k| -s * k.abs() as f32).collect()).collect();
    let alibi = PositionPicture {
        name: "alibi".to_owned(),
        length: 65,
        bias_by_head: Some(biases),
        bias_distances: Some((-64..=64).collect()),
        verdict: "positions 0 and 64 coincide: only distances are told apart".to_owned(),
        coincide: Some((0, 64)),
        ..PositionPicture::default()
    };
    for picture in [sinusoids, alibi] {
        let base = Path::new(&folder).join(&picture.name);
        std::fs::write(base.with_extension("svg"), position_picture(&picture))?;
        std::fs::write(base.with_extension("html"), position_page(&picture))?;
    }
    Ok(())
}
