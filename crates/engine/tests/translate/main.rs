//! Translators over small random models: what must hold whatever their weights are.

mod forcing;
mod laws;
mod refused;
mod tiny;
