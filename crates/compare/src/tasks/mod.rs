//! What trained models know: each task gives a value an item; figures are made of them afterwards.

mod figures;
mod items;
mod measure;
mod settings;

pub use figures::figures;
pub use items::{ItemGroup, RunItems, TaskItems};
pub use measure::{TaskContext, measure};
pub use settings::{AgreementSettings, FileSettings, TaskSettings};
