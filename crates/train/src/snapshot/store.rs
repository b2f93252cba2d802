//! The folder of snapshots: the newest ones, the best, and those that are averaged.
//!
//! A snapshot is `step-N.safetensors` and, written after it, `step-N.json`, which holds its digest:
//! without a manifest that fits there is no snapshot, whenever the writing was cut off.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use contexture_nn::{Declaration, Stored, Weights};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::tensors;
use crate::TrainError;
use crate::optimiser::OptimiserState;
use crate::run_folder::write_whole;

/// How far a run has come, besides its weights and its optimiser.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps taken.
    pub step: u64,
    /// Tokens that passed through the model.
    pub tokens: u64,
    /// The best evaluation so far.
    pub best: Option<Best>,
    /// Evaluations since then.
    pub evaluations_since_best: usize,
    /// The steps whose weights are kept to be averaged.
    pub averaged: Vec<u64>,
    /// Where each objective's data stand.
    pub data: Vec<Value>,
}

/// The best evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// After which step.
    pub step: u64,
    /// The held-out loss.
    pub loss: f64,
}

/// What stands beside a snapshot's tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The layout of this file.
    pub version: u32,
    /// SHA-256 of the tensors' file.
    pub sha256: String,
    /// How far the run had come.
    pub progress: Progress,
    /// The optimiser's steps.
    pub optimiser_steps: u64,
    /// Bytes of the metrics and of the timings.
    pub log_bytes: [u64; 2],
}

/// A snapshot, read.
#[derive(Debug)]
pub struct Snapshot {
    /// Its manifest.
    pub manifest: Manifest,
    /// The weights, plain.
    pub weights: Weights,
    /// The optimiser's memory.
    pub optimiser: OptimiserState,
}

/// The folder of snapshots.
#[derive(Debug)]
pub struct Snapshots {
    folder: PathBuf,
    keep: usize,
}

const VERSION: u32 = 1;
const BEST: &str = "best";

impl Snapshots {
    /// Makes the folder where it is not there. `keep` of the newest are kept, one at least.
    ///
    /// # Errors
    /// A folder that cannot be made.
    pub fn open(run: &Path, keep: usize) -> Result<Self, TrainError> {
        let folder = run.join("snapshots");
        std::fs::create_dir_all(&folder)
            .map_err(|e| TrainError::io(&folder, "cannot be made", e))?;
        Ok(Self { folder, keep: keep.max(1) })
    }

    /// Where they are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a snapshot, then lets go of the oldest.
    ///
    /// # Errors
    /// A disk that is full, a folder that cannot be written: all earlier snapshots are still there.
    pub fn write(
        &self,
        weights: &Weights,
        optimiser: &OptimiserState,
        progress: &Progress,
        log_bytes: [u64; 2],
    ) -> Result<(), TrainError> {
        let name = name_of(progress.step);
        let sha256 = tensors::write(&self.tensors(&name), weights, Some(optimiser))?;
        let progress = progress.clone();
        let optimiser_steps = optimiser.steps;
        let manifest = Manifest { version: VERSION, sha256, progress, optimiser_steps, log_bytes };
        self.write_manifest(&name, &manifest)?;
        self.prune();
        Ok(())
    }

    /// Keeps these weights as the best.
    ///
    /// # Errors
    /// As [`Snapshots::write`].
    pub fn write_best(&self, weights: &Weights, progress: &Progress) -> Result<(), TrainError> {
        self.write_weights(BEST, weights, progress)
    }

    /// Keeps these weights to be averaged, and lets go of those that no longer are.
    ///
    /// # Errors
    /// As [`Snapshots::write`].
    pub fn write_averaged(&self, weights: &Weights, progress: &Progress) -> Result<(), TrainError> {
        self.write_weights(&averaged_name(progress.step), weights, progress)?;
        for (name, step) in self.named("average-") {
            // What lies ahead of this run's step is of a run that was broken off; it comes again.
            if step < progress.step && !progress.averaged.contains(&step) {
                self.remove(&name);
            }
        }
        Ok(())
    }

    fn write_weights(
        &self,
        name: &str,
        weights: &Weights,
        progress: &Progress,
    ) -> Result<(), TrainError> {
        let sha256 = tensors::write(&self.tensors(name), weights, None)?;
        let progress = progress.clone();
        let manifest =
            Manifest { version: VERSION, sha256, progress, optimiser_steps: 0, log_bytes: [0; 2] };
        self.write_manifest(name, &manifest)
    }

    /// The newest snapshot that is whole, and what is wrong with those that are newer; `None` where
    /// there is none at all, or only the first one's beginning.
    ///
    /// # Errors
    /// Snapshots of which none is whole.
    pub fn newest(
        &self,
        declaration: &Declaration,
    ) -> Result<Option<(Snapshot, Vec<String>)>, TrainError> {
        let mut reasons = Vec::new();
        let found = self.named("step-");
        // The run ended while it wrote its first one: as if there were none.
        if let [(name, _)] = &found[..]
            && !self.manifest(name).exists()
        {
            return Ok(None);
        }
        for (name, _) in found.into_iter().rev() {
            match self.read(&name, declaration) {
                Ok(snapshot) => return Ok(Some((snapshot, reasons))),
                Err(reason) => reasons.push(format!("{name}: {reason}")),
            }
        }
        match reasons.is_empty() {
            true => Ok(None),
            false => {
                let (folder, reasons) = (self.folder.clone(), reasons.join("; "));
                Err(TrainError::Snapshots { folder, reasons })
            }
        }
    }

    /// The best weights, where they are those of `best`.
    ///
    /// # Errors
    /// Why they cannot be used.
    pub fn best(&self, best: Best, declaration: &Declaration) -> Result<Weights, String> {
        let found = self.read(BEST, declaration)?;
        match found.manifest.progress.step == best.step {
            true => Ok(found.weights),
            false => Err(format!("it is of step {}", found.manifest.progress.step)),
        }
    }

    /// The weights that were kept at `step` to be averaged.
    ///
    /// # Errors
    /// Why they cannot be used.
    pub fn averaged(&self, step: u64, declaration: &Declaration) -> Result<Weights, String> {
        self.read(&averaged_name(step), declaration).map(|snapshot| snapshot.weights)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.named("step-").is_empty()
    }

    /// The newest snapshot's name, for messages.
    pub fn newest_name(&self) -> String {
        match self.named("step-").last() {
            Some((name, _)) => self.tensors(name).display().to_string(),
            None => "none yet".into(),
        }
    }

    /// Removes all of them.
    ///
    /// # Errors
    /// A folder that cannot be changed.
    pub fn clear(&self) -> Result<(), TrainError> {
        let failed = |e| TrainError::io(&self.folder, "cannot be emptied", e);
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            std::fs::remove_file(entry.map_err(failed)?.path()).map_err(failed)?;
        }
        Ok(())
    }

    fn read(&self, name: &str, declaration: &Declaration) -> Result<Snapshot, String> {
        let text = std::fs::read_to_string(self.manifest(name))
            .map_err(|e| format!("its manifest: {e}"))?;
        let manifest: Manifest =
            serde_json::from_str(&text).map_err(|e| format!("its manifest: {e}"))?;
        if manifest.version != VERSION {
            return Err(format!("version {}, expected {VERSION}", manifest.version));
        }
        let found = tensors::read(&self.tensors(name), &manifest.sha256, declaration)?;
        let stored = found.weights.into_iter().map(Stored::Plain).collect();
        let weights = Weights::new(declaration.clone(), stored);
        let optimiser = OptimiserState { steps: manifest.optimiser_steps, moments: found.moments };
        Ok(Snapshot { manifest, weights, optimiser })
    }

    fn write_manifest(&self, name: &str, manifest: &Manifest) -> Result<(), TrainError> {
        let text = serde_json::to_vec_pretty(manifest).expect("a manifest is plain data");
        write_whole(&self.manifest(name), |file| std::io::Write::write_all(file, &text))
    }

    /// Snapshots by the number in their names, oldest first. A file without the other counts too.
    fn named(&self, start: &str) -> Vec<(String, u64)> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut found: Vec<(String, u64)> = entries
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let stem = name.strip_suffix(".json").or(name.strip_suffix(".safetensors"))?;
                let number = stem.strip_prefix(start)?.parse().ok()?;
                Some((stem.to_owned(), number))
            })
            .collect();
        found.sort_by_key(|(_, number)| *number);
        found.dedup();
        found
    }

    /// Lets go of all but the newest. A failure is no reason to stop: the next one tries again.
    fn prune(&self) {
        let found = self.named("step-");
        let whole = found.iter().filter(|(name, _)| self.manifest(name).is_file()).count();
        let surplus = whole.saturating_sub(self.keep);
        let old = found.iter().filter(|(name, _)| self.manifest(name).is_file()).take(surplus);
        old.for_each(|(name, _)| self.remove(name));
    }

    /// The manifest first: what is left without one is no snapshot.
    fn remove(&self, name: &str) {
        for path in [self.manifest(name), self.tensors(name)] {
            match std::fs::remove_file(&path) {
                // A process that was killed between the two left only one.
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    tracing::warn!("{}: cannot be removed: {error}", path.display());
                }
                _ => {}
            }
        }
    }

    fn tensors(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.safetensors"))
    }

    fn manifest(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }
}

fn name_of(step: u64) -> String {
    format!("step-{step:09}")
}

fn averaged_name(step: u64) -> String {
    format!("average-{step:09}")
}

/// The mean of several states of the weights, value by value, in f64.
pub fn mean(states: &[Weights]) -> Option<Arc<Weights>> {
    let first = states.first()?;
    let stored = first.declaration().params.iter().map(|declared| {
        let all: Vec<&[f32]> = states.iter().map(|w| w.plain(declared.param)).collect();
        let count = all.len() as f64;
        let value = |at: usize| all.iter().map(|v| f64::from(v[at])).sum::<f64>() / count;
        Stored::Plain((0..declared.param.len()).map(|at| value(at) as f32).collect())
    });
    Some(Arc::new(Weights::new(first.declaration().clone(), stored.collect())))
}
