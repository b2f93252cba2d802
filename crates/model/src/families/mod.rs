//! Model families as data: each turns its configuration into an encoder's properties, and names
//! its tensors. Other people's spellings live here and nowhere else.

mod bert;
mod contexture;
pub(crate) mod ctranslate2;
mod distilbert;
mod elmo;
pub(crate) mod foreign;
mod heads;
mod jina_bert;
mod many_langs;
mod marian;
mod modernbert;
mod mpnet;
mod nomic_bert;
mod roberta;
mod shared;
mod t5;
mod table;

pub(crate) use bert::FAMILY as BERT;
pub(crate) use contexture::{DECODER_KEY, ENCODER_KEY, FAMILY as CONTEXTURE};
pub(crate) use heads::{HEADS_KEY, Heads, heads};
pub(crate) use shared::ACTIVATIONS;
pub(crate) use table::decoder;
pub use table::{FAMILIES, Family, read};
