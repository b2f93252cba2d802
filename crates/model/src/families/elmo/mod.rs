//! ELMo (Peters et al. 2018) as bilm-tf and AllenNLP store it: an `options.json`, the weights in
//! HDF5, sometimes a list of words.

mod files;
mod options;
mod weights;

pub(crate) use files::{ElmoFiles, NAME};
pub(crate) use options::read;
pub(crate) use weights::values;
