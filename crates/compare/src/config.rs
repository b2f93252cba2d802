//! A comparison, as its file describes it.

use std::path::{Path, PathBuf};

use contexture_train::Config as RunConfig;
use contexture_train::config::{
    AveragingSettings, Decay, EvaluationSettings, ModelSettings, ObjectiveSettings,
    OptimiserSettings, ScheduleSettings, SnapshotSettings, TokenizerSettings, parse_toml,
};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::CompareError;
use crate::tasks::TaskSettings;

/// A comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The comparison's folder: runs, what was measured, the page.
    pub output: PathBuf,
    /// Each model is trained once with each of them.
    #[serde(default = "one_seed")]
    pub seeds: Vec<u64>,
    /// What is equal.
    pub budget: BudgetSettings,
    /// Who is compared.
    #[serde(rename = "model", default)]
    pub models: Vec<NamedModel>,
    /// What all of them learn, and how.
    pub training: TrainingSettings,
    /// What a step costs.
    #[serde(default)]
    pub speed: SpeedSettings,
    /// What they know then.
    #[serde(rename = "task", default)]
    pub tasks: Vec<TaskSettings>,
}

/// What is equal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetSettings {
    /// Which of the three.
    pub by: Budget,
    /// The tokens that each run sees, by tokens and by parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// The seconds that each run's steps take, by seconds: evaluations and snapshots not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

/// What is held equal between models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Budget {
    /// Tokens seen.
    Tokens,
    /// Seconds of training.
    Seconds,
    /// Parameters besides those of words, and tokens: widths are fitted to the first model's.
    Parameters,
}

impl Budget {
    /// As the file spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Seconds => "seconds",
            Self::Parameters => "parameters",
        }
    }
}

/// A model under a name: the keys of a run's `[model]`, and `name`.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedModel {
    /// Its name in folders and reports.
    pub name: String,
    /// What it is.
    pub settings: ModelSettings,
}

impl<'de> Deserialize<'de> for NamedModel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut table = toml::Table::deserialize(deserializer)?;
        let name = match table.remove("name") {
            Some(toml::Value::String(name)) => name,
            Some(other) => {
                return Err(D::Error::custom(format!("name: expected a text, found {other}")));
            }
            None => return Err(D::Error::missing_field("name")),
        };
        let settings = ModelSettings::deserialize(table);
        let settings = settings.map_err(|error| D::Error::custom(error.message()))?;
        Ok(Self { name, settings })
    }
}

impl Serialize for NamedModel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut table = toml::Table::try_from(&self.settings).map_err(serde::ser::Error::custom)?;
        table.insert("name".into(), self.name.clone().into());
        table.serialize(serializer)
    }
}

/// What all models learn, and how: the keys of a run that a comparison does not decide itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingSettings {
    /// Threads; 0: as many as this process may use.
    #[serde(default)]
    pub threads: usize,
    /// How text becomes tokens, for all models alike.
    #[serde(default)]
    pub tokenizer: TokenizerSettings,
    /// What they learn from.
    #[serde(rename = "objective", default)]
    pub objectives: Vec<ObjectiveSettings>,
    /// How gradients become steps.
    #[serde(default)]
    pub optimiser: OptimiserSettings,
    /// At what rate. How long follows from the budget.
    #[serde(default)]
    pub schedule: RateSettings,
    /// Held-out data on the way.
    #[serde(default)]
    pub evaluation: EvaluationSettings,
    /// What is kept to go on from.
    #[serde(default)]
    pub snapshots: SnapshotSettings,
    /// The mean of several states of the weights.
    #[serde(default)]
    pub averaging: AveragingSettings,
}

/// A schedule without an end: a rate that looks ahead to the last step would look ahead
/// differently where budgets give models different numbers of steps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateSettings {
    /// Steps in which the rate rises from 0.
    pub warmup: u64,
    /// What it does then: `constant` or `inverse_square_root`.
    pub decay: Decay,
    /// The rate's floor, as a share of its top.
    pub floor: f64,
}

impl Default for RateSettings {
    fn default() -> Self {
        Self { warmup: 100, decay: Decay::InverseSquareRoot, floor: 0.0 }
    }
}

/// What a step costs, and where that is measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpeedSettings {
    /// Tokens of a sequence; empty: not measured.
    pub lengths: Vec<usize>,
    /// Layers; empty: not measured.
    pub depths: Vec<usize>,
    /// Tokens of a sequence while depths vary.
    pub depth_length: usize,
    /// Numbers of threads.
    pub threads: Vec<usize>,
    /// Tokens of a step: sequences of each length so many that they make up this, one at least.
    pub tokens: usize,
    /// Steps that are timed at each point, after one that is not.
    pub repeats: usize,
    /// A step that would take longer is made of fewer tokens, or left out.
    pub limit_seconds: f64,
}

impl Default for SpeedSettings {
    fn default() -> Self {
        Self {
            lengths: (4..=12).map(|power| 1 << power).collect(),
            depths: vec![1, 2, 4, 8],
            depth_length: 128,
            threads: vec![1, 2],
            tokens: 4096,
            repeats: 5,
            limit_seconds: 60.0,
        }
    }
}

fn one_seed() -> Vec<u64> {
    vec![1]
}

/// A run with a budget of seconds has no last step that is known beforehand.
const NO_LAST_STEP: u64 = 1_000_000_000;

impl Config {
    /// Reads a file, with `key=value` overrides (`budget.tokens=1000`, `model.0.layers=2`).
    ///
    /// # Errors
    /// [`CompareError`] that names file, line, key and the nearest known key.
    pub fn read(path: &Path, overrides: &[String]) -> Result<Self, CompareError> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| CompareError::io(path, "cannot be read", e))?;
        Self::parse(&text, path, overrides)
    }

    /// As [`Config::read`], from text; `path` is for messages.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn parse(text: &str, path: &Path, overrides: &[String]) -> Result<Self, CompareError> {
        let config: Self = parse_toml(text, path, overrides)?;
        config.check()?;
        Ok(config)
    }

    /// The configuration in full, defaults included.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("a configuration is plain data")
    }

    /// The run of model number `model` with `seed`.
    pub fn run(&self, model: usize, seed: u64) -> RunConfig {
        let (t, named) = (&self.training, &self.models[model]);
        let tokenizer = TokenizerSettings {
            from: Some(self.tokenizer_folder().display().to_string()),
            ..t.tokenizer.clone()
        };
        RunConfig {
            output: self.run_folder(model, seed),
            seed,
            threads: t.threads,
            model: named.settings.clone(),
            tokenizer,
            target_tokenizer: None,
            objectives: t.objectives.clone(),
            optimiser: t.optimiser.clone(),
            schedule: ScheduleSettings {
                steps: self.most_steps(),
                warmup: t.schedule.warmup,
                decay: t.schedule.decay,
                floor: t.schedule.floor,
            },
            evaluation: t.evaluation.clone(),
            snapshots: t.snapshots.clone(),
            averaging: t.averaging.clone(),
        }
    }

    /// What no run can exceed: the budget ends it before.
    fn most_steps(&self) -> u64 {
        match self.budget.by {
            Budget::Seconds => NO_LAST_STEP,
            _ => self.budget.tokens.unwrap_or(0).max(1) + self.training.schedule.warmup,
        }
    }

    /// Where the tokenizer of all runs stands.
    pub fn tokenizer_folder(&self) -> PathBuf {
        self.output.join("tokenizer")
    }

    /// `<model>-<seed>`.
    pub fn run_name(&self, model: usize, seed: u64) -> String {
        format!("{}-{seed}", self.models[model].name)
    }

    /// The run's folder.
    pub fn run_folder(&self, model: usize, seed: u64) -> PathBuf {
        self.output.join("runs").join(self.run_name(model, seed))
    }

    /// Every run, all models of a seed before the next seed.
    pub fn runs(&self) -> Vec<(usize, u64)> {
        let models = 0..self.models.len();
        self.seeds.iter().flat_map(|seed| models.clone().map(move |model| (model, *seed))).collect()
    }
}
