//! Recurrent models, as a user has them: what must hold for their vectors whatever their weights,
//! and what becomes of their folders.

mod folders;
mod laws;
mod models;
