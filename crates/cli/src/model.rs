//! Which model a command uses, and how it is opened.

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use contexture::hub::{self, HubError};
use contexture::{BUILT_IN, Embedder, EngineError, Located, OpenOptions, WeightType, locate};

use crate::progress::PullDisplay;

/// Options that every command with a model shares.
#[derive(Args, Debug)]
#[command(next_help_heading = "Model")]
pub(crate) struct ModelArguments {
    /// A model's name, its folder, or an archive (.zip, .whl) that holds one. The default is inside
    /// this program and needs neither file nor network; others, such as all-MiniLM-L6-v2, are
    /// fetched on first use.
    #[arg(short, long, default_value = BUILT_IN, env = "CONTEXTURE_MODEL")]
    pub(crate) model: String,
    /// Threads to use; 0: as many as this process may.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1024))]
    pub(crate) threads: u16,
    /// Numbers to compute with: int8 is faster and takes a quarter of the memory, at a small angle to
    /// f32. Default: as the model is stored.
    #[arg(long, value_name = "TYPE")]
    pub(crate) weights: Option<Numbers>,
    /// Never touch the network: a model that is not cached is an error.
    #[arg(long)]
    pub(crate) offline: bool,
}

/// How `--weights` is spelled.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Numbers {
    /// 32-bit floats.
    F32,
    /// Bytes with a scale a row.
    Int8,
}

impl ModelArguments {
    /// How the model is opened.
    pub(crate) fn options(&self) -> OpenOptions {
        let weights = self.weights.map(|weights| match weights {
            Numbers::F32 => WeightType::F32,
            Numbers::Int8 => WeightType::Int8,
        });
        OpenOptions { threads: self.threads.into(), weights, ..OpenOptions::default() }
    }

    /// Finds the model, pulling it into the cache on first use.
    pub(crate) fn locate(&self, quiet: bool) -> Result<Located> {
        let options = hub::Options { offline: self.offline, ..hub::Options::default() };
        match locate(&self.model, &options, None) {
            Err(EngineError::Hub(HubError::NotCached { .. })) if !self.offline => {
                let mut display = PullDisplay::new(quiet);
                let pulled = locate(&self.model, &options, Some(&mut |p| display.show(p)));
                display.finish();
                pulled.with_context(|| format!("pulling {}", self.model))
            }
            other => Ok(other?),
        }
    }

    /// Opens the model, pulling it into the cache on first use.
    pub(crate) fn open(&self, quiet: bool) -> Result<Embedder> {
        let located = self.locate(quiet)?;
        Ok(Embedder::open_in(located.folder, &self.options())?)
    }

    /// Says once what the model's folder leaves open and how it was decided.
    pub(crate) fn say_what_is_assumed(&self, embedder: &Embedder) -> Result<()> {
        if embedder.info(false)?.model.pooling_assumed {
            eprintln!(
                "contexture: {}: the folder does not say how tokens become a sentence vector; \
                 their mean is used",
                self.model
            );
        }
        Ok(())
    }
}
