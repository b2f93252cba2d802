//! A comparison of models as one page.

mod data;
mod learning;
mod page;
mod rows;
mod speed;
mod tables;
mod tasks;

pub use data::{
    ComparedModel, ComparedRun, ComparisonPage, Cost, CostPoint, LearningCurve, LearningPoint,
    PowerLaw, TaskCell, TaskPanel, TaskSection, TaskSeries, Varied,
};
pub use page::{comparison_figures, comparison_page};
