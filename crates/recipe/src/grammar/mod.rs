//! What the rules know of English: words, word classes, phrases and forms.

mod forms;
mod lexicon;
mod phrases;
mod sentence;
mod tagger;

pub(crate) use forms::{base, ing, is_past, participle, past, third};
pub(crate) use lexicon::Lexicon;
pub(crate) use phrases::{
    DAYS, MONTHS, Number, Phrase, date_end, phrases, time_phrase, verb_group,
};
pub(crate) use sentence::{Sentence, Tag, Token};
pub(crate) use tagger::Tagger;
