//! Position functions, each at one of three doors: on the input, on the heads, on the scores; and
//! what there is to say about one before a model learns with it.

mod alibi;
mod buckets;
mod door;
mod fixed;
mod formula;
mod learned;
mod report;
mod rotary;
mod settings;
mod sinusoidal;
mod spectrum;
mod table;

pub use door::{Heads, Position};
pub use formula::Formula;
pub use report::{
    Bias, DEFAULT_TOLERANCE, LONGEST, PositionReport, Range, ReportSettings, check, report,
};
pub use settings::PositionSettings;
pub use sinusoidal::{Divisor, Layout};
pub use spectrum::Tone;
pub use table::Coincidence;
