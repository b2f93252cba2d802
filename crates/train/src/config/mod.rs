//! What a run is: a TOML file, checked before the first step.

mod check;
mod data;
mod file;
mod kinds;
mod model;
mod objective;
mod presets;
mod training;

pub use data::{DataSettings, Fields, Join, SourceSettings};
pub use file::{Config, parse_toml};
pub use kinds::{
    BidirectionalSettings, CausalSettings, ClassificationSettings, ContrastiveSettings, Distance,
    DistillationSettings, MaskedSettings, PairsSettings, TranslationSettings, TriplesSettings,
};
pub use model::{
    Aggregator, CharactersTable, DecoderTable, EmbeddingVectors, KeepTable, ModelSettings,
    NormPlaceName, PositionsChoice, PositionsTable, TokenizerSettings,
};
pub use objective::ObjectiveSettings;
pub use presets::{PRESETS, Preset};
pub use training::{
    AveragingSettings, Decay, EvaluationSettings, OptimiserKind, OptimiserSettings,
    ScheduleSettings, SnapshotSettings,
};
