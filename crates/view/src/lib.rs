//! Results as terminal text; training runs, comparisons, position functions and attention as
//! pictures.
//!
//! Pictures are self-contained SVG or HTML: nothing comes from elsewhere, light and dark mode
//! follow the reader's, and the same input gives the same bytes.
//!
//! ```
//! use contexture_view::{ColourMode, similarity_grid};
//! let labels = ["ram hits sam", "sam hits ram"];
//! let table = similarity_grid(&labels, &[1.0, 0.9, 0.9, 1.0], Some(80), ColourMode::Plain);
//! let lines: Vec<&str> = table.lines().collect();
//! assert_eq!(lines, [
//!     "                  1      2",
//!     "1 ram hits sam  1.000  0.900",
//!     "2 sam hits ram  0.900  1.000",
//! ]);
//! ```
#![forbid(unsafe_code)]

mod attention;
mod colour;
mod comparison;
mod curves;
mod error;
mod grid;
mod heat;
mod label;
mod markup;
mod metrics;
mod page;
mod plot;
mod positions;
mod report;
mod scale;
mod timings;

pub use attention::{AttentionPicture, attention_page};
pub use colour::ColourMode;
pub use comparison::{
    ComparedModel, ComparedRun, ComparisonPage, Cost, CostPoint, LearningCurve, LearningPoint,
    PowerLaw, TaskCell, TaskPanel, TaskSection, TaskSeries, Varied, comparison_figures,
    comparison_page,
};
pub use curves::{HeldOut, Point, RunCurves};
pub use error::ViewError;
pub use grid::similarity_grid;
pub use label::fit;
pub use metrics::{Against, CurveKind};
pub use positions::{PositionPicture, position_page, position_picture};
pub use report::{curves_svg, run_report};
