//! What trained models know: each task gives a value an item; figures are made of them afterwards.

mod agreement;
mod figures;
mod items;
mod layers;
mod measure;
mod order;
mod probing;
mod sentences;
mod settings;
mod templates;
mod word_in_context;

pub use figures::{figures, notes};
pub use items::{ItemGroup, RunItems, TaskItems};
pub use measure::{TaskContext, measure};
pub use settings::{
    AgreementSettings, OrderSettings, ProbingSettings, TaskSettings, WordInContextSettings,
};
