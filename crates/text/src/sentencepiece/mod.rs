//! SentencePiece model files: what a text becomes is decided as SentencePiece itself decides it.

mod bpe;
mod character_map;
mod engine;
mod files;
mod lexicon;
mod normalize;
mod pieces;
mod proto;
mod unigram;
mod vocabulary;

pub(crate) use engine::SentencePiece;
pub(crate) use files::{Opened, Side, open};
