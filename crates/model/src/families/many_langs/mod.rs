//! ELMoForManyLangs (Che et al. 2018): ELMo over Unicode characters, with a table of words beside
//! them. Its weights are PyTorch pickles, which are never read; docs/elmo.md turns them into
//! safetensors.

mod dictionary;
mod files;
mod sizes;
mod weights;

pub(crate) use files::{LISTS, ManyLangsFiles, NAME};
