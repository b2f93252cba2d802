//! Training: an encoder of one's own, from scratch or from a model that is there.
//!
//! A [`Config`] says what is trained on what; a [`Trainer`] takes steps until it is done, or until
//! it is told to stop, and can go on from any snapshot as if nothing had happened: the same
//! weights and the same log, to the bit.
//!
//! ```no_run
//! use contexture_train::{Config, Control, Options, Trainer};
//! # fn main() -> Result<(), contexture_train::TrainError> {
//! let config = Config::read("run.toml".as_ref(), &["schedule.steps=1000".into()])?;
//! let mut trainer = Trainer::open(config, &Options::default())?;
//! let outcome = trainer.run(&mut |event| {
//!     println!("{event:?}");
//!     Control::GoOn
//! })?;
//! println!("{} after {} steps", outcome.folder.display(), outcome.steps);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod config;
pub mod data;
mod error;
mod forecast;
mod learner;
pub mod losses;
pub mod objectives;
pub mod optimiser;
mod parts;
pub mod random;
mod run_folder;
pub mod schedule;
pub mod snapshot;
mod tokenizer;
mod trainer;
mod vectors;

pub use config::Config;
pub use contexture_model::positions::PositionReport;
pub use error::TrainError;
pub use forecast::Forecast;
pub use parts::{available_memory, new_model, step_bytes, tokenizer};
pub use run_folder::{METRICS, TIMINGS};
pub use trainer::{Control, Event, Options, Outcome, StepReport, Trainer};
