//! Model families as data: each turns its configuration into an encoder's properties, and names
//! its tensors. Other people's spellings live here and nowhere else.

mod bert;
mod distilbert;
mod jina_bert;
mod modernbert;
mod mpnet;
mod nomic_bert;
mod roberta;
mod shared;
mod table;

pub use table::{FAMILIES, Family, read};
