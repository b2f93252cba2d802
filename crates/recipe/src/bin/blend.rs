//! `blend A B SHARE OUT` writes the mean of two models of one shape, weight by weight: `1 - SHARE` of A
//! and `SHARE` of B (Wortsman et al. 2022, eq. 1). Where B was trained on from A, the mean keeps much of
//! what each is good at. OUT is B's folder with other weights.
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

/// Write the mean of two models of one shape.
#[derive(Parser)]
#[command(name = "blend")]
struct Arguments {
    /// The folder of the first model
    a: PathBuf,
    /// The folder of the second
    b: PathBuf,
    /// How much of the second, from 0 to 1
    share: f32,
    /// The folder to write to
    out: PathBuf,
}

const WEIGHTS: &str = "model.safetensors";
/// What a run leaves beside its model.
const RUN: [&str; 5] = ["snapshots", "config.toml", "metrics.jsonl", "timings.jsonl", "train.lock"];

fn main() -> Result<()> {
    let Arguments { a, b, share, out } = Arguments::parse();
    ensure!((0.0..=1.0).contains(&share), "a share of {share}: expected 0 to 1");
    let read = |folder: &Path| {
        let path = folder.join(WEIGHTS);
        fs::read(&path).with_context(|| format!("{}: cannot be read", path.display()))
    };
    let (first, second) = (read(&a)?, read(&b)?);
    let [first, second] = [(&a, &first), (&b, &second)].map(|(folder, bytes)| {
        SafeTensors::deserialize(bytes).with_context(|| format!("{}: {WEIGHTS}", folder.display()))
    });
    let (first, second) = (first?, second?);
    let (one, two) = (first.names().len(), second.names().len());
    ensure!(one == two, "{one} tensors in {}, {two} in {}", a.display(), b.display());
    let mut blended = Vec::new();
    for name in second.names() {
        let (x, y) = (first.tensor(name)?, second.tensor(name)?);
        let fits = x.shape() == y.shape() && [x.dtype(), y.dtype()] == [Dtype::F32; 2];
        ensure!(
            fits,
            "{name}: expected F32 of one shape, found {:?} and {:?}",
            x.shape(),
            y.shape()
        );
        let values: Vec<u8> = floats(x.data())
            .zip(floats(y.data()))
            .flat_map(|(x, y)| (x * (1.0 - share) + y * share).to_le_bytes())
            .collect();
        blended.push((name, y.shape().to_vec(), values));
    }
    copy(&b, &out)?;
    let views = blended.iter().map(|(name, shape, values)| {
        Ok((*name, TensorView::new(Dtype::F32, shape.clone(), values)?))
    });
    let views = views.collect::<Result<Vec<_>>>()?;
    safetensors::serialize_to_file(views, None, &out.join(WEIGHTS))?;
    Ok(())
}

fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

/// Everything of a model's folder but its weights and what its run left.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("{}: cannot be created", to.display()))?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            bail!("{}: its name is not UTF-8", path.display());
        };
        if path.is_dir() && !RUN.contains(&name) {
            copy(&path, &to.join(name))?;
        } else if path.is_file() && name != WEIGHTS && !RUN.contains(&name) {
            fs::copy(&path, to.join(name))
                .with_context(|| format!("{}: cannot be copied", path.display()))?;
        }
    }
    Ok(())
}
