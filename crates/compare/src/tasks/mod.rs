//! What trained models know: each task gives a value an item; figures are made of them afterwards.

mod agreement;
#[cfg(test)]
mod agreement_tests;
mod figures;
mod items;
mod layers;
mod measure;
#[cfg(test)]
mod measure_tests;
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
