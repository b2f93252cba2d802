//! Comparison: several models on the same data with the same budget, and what can be measured of
//! them: what they cost, how they learn, what they know.
//!
//! ```no_run
//! use contexture_compare::{Comparer, Config, Phase};
//! use contexture_train::Control;
//! # fn main() -> Result<(), contexture_compare::CompareError> {
//! let config = Config::read("compare.toml".as_ref(), &["budget.tokens=100000".into()])?;
//! let outcome = Comparer::open(config)?.run(&Phase::ALL, false, &mut |event| {
//!     println!("{event:?}");
//!     Control::GoOn
//! })?;
//! println!("{}: {} models", outcome.json.display(), outcome.report.models.len());
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod assemble;
mod check;
mod compare;
pub mod config;
mod error;
mod estimate;
mod event;
mod fit;
mod knowledge;
mod logs;
mod machine;
mod page;
pub mod report;
mod runs;
mod sizes;
mod speed;
mod store;
pub mod tasks;
mod wording;

pub use compare::{Comparer, Outcome};
pub use config::Config;
pub use error::CompareError;
pub use estimate::{Estimate, ModelEstimate};
pub use event::{Event, Phase};
pub use page::{figures, page};
pub use report::Comparison;
