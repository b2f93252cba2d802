//! `split TEXTS VECTORS OUT` parts texts and their vectors by source, so that sources can be drawn
//! by weight: `OUT/texts-SOURCE.jsonl` beside `OUT/teacher-SOURCE.npy`, rows in their order.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use npyz::{NpyFile, NpyWriter, WriterBuilder};
use serde::Deserialize;

/// Part texts and their vectors by source.
#[derive(Parser)]
#[command(name = "split")]
struct Arguments {
    /// JSON lines with `text` and `source`
    texts: PathBuf,
    /// Their vectors, as `contexture embed --output vectors.npy` writes them
    vectors: PathBuf,
    /// The folder to write to
    out: PathBuf,
}

#[derive(Deserialize)]
struct Line {
    source: String,
}

fn main() -> Result<()> {
    let Arguments { texts, vectors, out } = Arguments::parse();
    let counts = count(&texts)?;
    let rows: u64 = counts.values().sum();
    let npy = NpyFile::new(BufReader::new(open(&vectors)?))
        .with_context(|| format!("{}: not a matrix of NumPy's", vectors.display()))?;
    let shape = npy.shape().to_vec();
    let [stored, width] = shape[..] else {
        bail!("{}: expected [rows, values], found {shape:?}", vectors.display());
    };
    ensure!(
        stored == rows,
        "{}: expected {rows} rows, one for each line of {}, found {stored}",
        vectors.display(),
        texts.display()
    );
    let mut parts: BTreeMap<&str, Part> = BTreeMap::new();
    for (source, count) in &counts {
        parts.insert(source, Part::create(&out, source, [*count, width])?);
        eprintln!("{count:>7} of {source}");
    }
    let mut values = npy.data::<f32>().context("values that are not f32")?;
    for line in BufReader::new(open(&texts)?).lines() {
        let line = line.context("the texts")?;
        let Line { source } = serde_json::from_str(&line).context("the texts")?;
        let part = parts.get_mut(source.as_str()).context("a source that was not there before")?;
        writeln!(part.texts, "{line}")?;
        for _ in 0..width {
            part.vectors.push(&values.next().context("the vectors end early")??)?;
        }
    }
    parts.into_values().try_for_each(Part::finish)
}

/// One source's two files.
struct Part {
    texts: BufWriter<File>,
    vectors: NpyWriter<f32, BufWriter<File>>,
}

impl Part {
    fn create(out: &Path, source: &str, shape: [u64; 2]) -> Result<Self> {
        let create = |name: String| {
            let path = out.join(name);
            File::create(&path).with_context(|| format!("{}: cannot be created", path.display()))
        };
        let texts = BufWriter::new(create(format!("texts-{source}.jsonl"))?);
        let vectors = BufWriter::new(create(format!("teacher-{source}.npy"))?);
        let options = npyz::WriteOptions::<f32>::new().default_dtype().shape(&shape);
        Ok(Self { texts, vectors: options.writer(vectors).begin_nd()? })
    }

    fn finish(mut self) -> Result<()> {
        self.texts.flush()?;
        Ok(self.vectors.finish()?)
    }
}

fn count(texts: &Path) -> Result<BTreeMap<String, u64>> {
    let mut counts = BTreeMap::new();
    for (number, line) in BufReader::new(open(texts)?).lines().enumerate() {
        let place = || format!("{}:{}", texts.display(), number + 1);
        let line = line.with_context(place)?;
        let Line { source } = serde_json::from_str(&line).with_context(place)?;
        *counts.entry(source).or_default() += 1;
    }
    Ok(counts)
}

fn open(path: &Path) -> Result<File> {
    File::open(path).with_context(|| format!("{}: cannot be read", path.display()))
}
