//! ELMo (Peters et al. 2018) as bilm-tf and AllenNLP store it: an `options.json`, the weights in
//! HDF5, sometimes a list of words.

mod files;
mod options;
mod weights;

pub(crate) use files::{ElmoFiles, LISTS, NAME};
pub(crate) use options::{ACTIVATIONS, clip, filters};
