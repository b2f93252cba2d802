//! What the rules know of English: words, word classes, phrases and forms.

mod forms;
mod lexicon;
mod parser;
mod perceptron;
mod phrases;
mod sentence;
mod tagger;
mod tree;
mod treebank;

pub(crate) use forms::{base, ing, is_past, participle, past, third};
pub(crate) use lexicon::Lexicon;
pub(crate) use phrases::{
    DAYS, MONTHS, Number, Phrase, date_end, number, phrases, time_phrase, verb_group,
};
pub(crate) use sentence::{Relation, Sentence, Tag, Token, same_words};
pub(crate) use tagger::Reader;
pub(crate) use tree::Tree;
