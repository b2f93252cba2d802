//! A sentence as words with classes, and the operations that rules are made of.

use std::ops::Range;

use super::forms::article;

/// Defines an enum of names that a treebank writes, in the order of their numbers.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $written:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs)]
        pub(crate) enum $name {
            $($variant),*
        }

        impl $name {
            /// All of them, in the order of their numbers.
            pub(crate) const ALL: [Self; [$($written),*].len()] = [$(Self::$variant),*];

            /// As treebanks write it.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $written),*
                }
            }
        }
    };
}

named! {
    /// The universal word classes (de Marneffe et al. 2021, section 2.2.2).
    Tag {
        Adj = "ADJ", Adp = "ADP", Adv = "ADV", Aux = "AUX", Cconj = "CCONJ", Det = "DET",
        Intj = "INTJ", Noun = "NOUN", Num = "NUM", Part = "PART", Pron = "PRON", Propn = "PROPN",
        Punct = "PUNCT", Sconj = "SCONJ", Sym = "SYM", Verb = "VERB", X = "X",
    }
}

named! {
    /// What a word is to its head (de Marneffe et al. 2021, section 2.2.3); rare ones are `Other`.
    Relation {
        Nsubj = "nsubj", NsubjPass = "nsubj:pass", Obj = "obj", Iobj = "iobj", Obl = "obl",
        OblAgent = "obl:agent", OblUnmarked = "obl:unmarked", Nmod = "nmod",
        NmodPoss = "nmod:poss", NmodUnmarked = "nmod:unmarked", Amod = "amod",
        Compound = "compound", CompoundPrt = "compound:prt", Conj = "conj", Cc = "cc",
        Case = "case", Appos = "appos", Acl = "acl", AclRelcl = "acl:relcl", Advcl = "advcl",
        Advmod = "advmod", Mark = "mark", Aux = "aux", AuxPass = "aux:pass", Cop = "cop",
        Det = "det", Nummod = "nummod", Flat = "flat", Fixed = "fixed", Punct = "punct",
        Root = "root", Xcomp = "xcomp", Ccomp = "ccomp", Expl = "expl", Parataxis = "parataxis",
        Other = "other",
    }
}

impl Tag {
    /// The class of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tag| tag.name() == name)
    }
}

impl Relation {
    /// The relation of this name.
    pub(crate) fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|relation| relation.name() == name).unwrap_or(Self::Other)
    }
}

/// A word's name within its sentence, which it keeps when it is moved.
pub(crate) type Id = usize;

/// A word or a mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// Its letters; the capital of a sentence's first word is taken off unless it is a name's.
    pub(crate) text: String,
    /// Its class.
    pub(crate) tag: Tag,
    /// Whether no blank stands before it.
    pub(crate) glued: bool,
    /// Its name; `None` for a word that a rule put in.
    pub(crate) id: Option<Id>,
    /// Its head's name.
    pub(crate) head: Option<Id>,
    /// What it is to its head.
    pub(crate) relation: Relation,
}

impl Token {
    /// A word of this class with a blank before it.
    pub(crate) fn word(text: &str, tag: Tag) -> Self {
        let (id, head, relation) = (None, None, Relation::Other);
        Self { text: text.to_owned(), tag, glued: false, id, head, relation }
    }

    /// A mark that stands at the word before it.
    pub(crate) fn mark(text: &str) -> Self {
        Self { glued: true, ..Self::word(text, Tag::Punct) }
    }

    /// Whether the word is this one, in whatever case.
    pub(crate) fn is(&self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word)
    }

    /// Whether the word is one of these, in whatever case.
    pub(crate) fn among(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }
}

/// Whether both are the same words, in whatever case.
pub(crate) fn same_words(a: &[Token], b: &[Token]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is(&b.text))
}

/// A sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sentence {
    /// Its words and marks.
    pub(crate) tokens: Vec<Token>,
    /// Whether it begins with a capital.
    pub(crate) capital: bool,
}

impl Sentence {
    /// The words before `range`, `by`, and the words after it.
    pub(crate) fn replace(&self, range: Range<usize>, by: Vec<Token>) -> Self {
        let mut tokens = self.tokens.clone();
        let glued = tokens.get(range.start).is_some_and(|token| token.glued);
        let count = by.len();
        let start = range.start;
        tokens.splice(range, by);
        if let Some(first) = tokens[start..start + count].first_mut() {
            first.glued = glued;
        }
        self.with(tokens)
    }

    /// Words put in before the word at this place.
    pub(crate) fn insert(&self, at: usize, words: Vec<Token>) -> Self {
        let mut tokens = self.tokens.clone();
        tokens.splice(at..at, words);
        self.with(tokens)
    }

    /// One word in place of another; its class stays.
    pub(crate) fn reword(&self, at: usize, text: &str) -> Self {
        let mut tokens = self.tokens.clone();
        text.clone_into(&mut tokens[at].text);
        self.with(tokens)
    }

    /// Two phrases exchanged; the first ends before the second begins.
    pub(crate) fn exchange(&self, first: Range<usize>, second: Range<usize>) -> Self {
        assert!(first.end <= second.start, "{first:?} reaches into {second:?}");
        let (a, b) = (self.tokens[first.clone()].to_vec(), self.tokens[second.clone()].to_vec());
        self.replace(second, a).replace(first, b)
    }

    /// A name that no word has.
    pub(crate) fn fresh_id(&self) -> Id {
        self.tokens.iter().filter_map(|token| token.id).max().map_or(0, |id| id + 1)
    }

    /// These words, begun as this sentence is.
    pub(crate) fn with(&self, tokens: Vec<Token>) -> Self {
        Self { tokens, capital: self.capital }
    }

    /// The text: blanks, a capital, and `a` or `an` as the next word asks.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (at, token) in self.tokens.iter().enumerate() {
            if !token.glued && !text.is_empty() {
                text.push(' ');
            }
            match self.tokens.get(at + 1) {
                Some(next) if token.tag == Tag::Det && token.among(&["a", "an"]) => {
                    text.push_str(article(&next.text));
                }
                _ => text.push_str(&token.text),
            }
        }
        if self.capital
            && let Some((at, first)) = text.char_indices().find(|(_, c)| c.is_alphanumeric())
        {
            let capital: String = first.to_uppercase().collect();
            text.replace_range(at..at + first.len_utf8(), &capital);
        }
        text
    }

    /// The place of the mark that ends the sentence, or its length.
    pub(crate) fn body(&self) -> usize {
        let marks = self.tokens.iter().rev().take_while(|token| token.tag == Tag::Punct).count();
        self.tokens.len() - marks
    }
}

#[cfg(test)]
impl Sentence {
    /// A sentence for tests: `text/TAG/head/relation`, heads from 1, 0 for the root, as treebanks
    /// number them. Marks stand at the word before.
    pub(crate) fn of(notation: &str) -> Self {
        let token = |(at, word): (usize, &str)| {
            let fields: Vec<&str> = word.split('/').collect();
            let [text, tag, head, relation] = fields[..] else { panic!("{word}") };
            let head: usize = head.parse().expect("a number");
            let tag = Tag::named(tag).expect("a class");
            Token {
                glued: tag == Tag::Punct || text.starts_with('\'') || text == "n't",
                id: Some(at),
                head: head.checked_sub(1),
                relation: Relation::named(relation),
                ..Token::word(text, tag)
            }
        };
        let tokens = notation.split_whitespace().enumerate().map(token).collect();
        Self { tokens, capital: true }
    }
}

/// Clitics that a treebank counts as words.
const CLITICS: &[&str] = &["n't", "'s", "'re", "'ve", "'ll", "'d", "'m"];

/// Words and marks of a text, with whether each stands at the one before it.
pub(crate) fn split(text: &str) -> Vec<(String, bool)> {
    let text = text.replace(['\u{2019}', '\u{2018}'], "'");
    let mut found = Vec::new();
    for word in text.split_whitespace() {
        let inner = word.trim_start_matches(opening);
        for mark in word[..word.len() - inner.len()].chars() {
            found.push(mark.to_string());
        }
        let core = inner.trim_end_matches(closing);
        let (core, tail) = match abbreviation(core, &inner[core.len()..]) {
            true => inner.split_at(core.len() + 1),
            false => inner.split_at(core.len()),
        };
        let lower = core.to_lowercase();
        match CLITICS.iter().find(|clitic| lower.len() > clitic.len() && lower.ends_with(*clitic)) {
            Some(clitic) => {
                let (stem, end) = core.split_at(core.len() - clitic.len());
                found.extend([stem.to_owned(), end.to_owned()]);
            }
            None if core.is_empty() => {}
            None => found.push(core.to_owned()),
        }
        found.extend(tail.chars().map(String::from));
    }
    glue(&text, found)
}

fn opening(c: char) -> bool {
    "\"'([{\u{201c}\u{ab}$\u{a3}".contains(c)
}

fn closing(c: char) -> bool {
    "\"')]}.,;:!?\u{201d}\u{bb}%".contains(c)
}

/// Whether a full stop belongs to the word: initials, titles, and letters with stops between.
fn abbreviation(core: &str, tail: &str) -> bool {
    let initial = core.chars().count() == 1 && core.chars().all(char::is_uppercase) && core != "I";
    let title = ["Mr", "Mrs", "Ms", "Dr", "St", "Jr", "Sr", "Prof", "Gen"].contains(&core);
    let stops = core.contains('.') && core.chars().all(|c| c == '.' || c.is_alphabetic());
    tail.starts_with('.') && (initial || title || stops)
}

/// Finds each word in the text again, to see whether a blank stands before it.
fn glue(text: &str, words: Vec<String>) -> Vec<(String, bool)> {
    let mut at = 0;
    let mut found = Vec::with_capacity(words.len());
    for word in words {
        let start = at + text[at..].find(&word).expect("a word of this text");
        let glued = start == at && at > 0;
        at = start + word.len();
        found.push((word, glued));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(text: &str) -> Sentence {
        let word = |(text, glued): (String, bool)| Token { glued, ..Token::word(&text, Tag::X) };
        Sentence { tokens: split(text).into_iter().map(word).collect(), capital: true }
    }

    #[test]
    fn a_text_survives_being_split() {
        let text = "\"It isn't Mr. Smith's,\" said J. R. (of the U.S.) for $5.";
        assert_eq!(sentence(text).text(), text);
        let words: Vec<String> = split("It isn't Tom's.").into_iter().map(|w| w.0).collect();
        assert_eq!(words, ["It", "is", "n't", "Tom", "'s", "."]);
    }

    #[test]
    fn exchanged_phrases_leave_the_rest_in_place() {
        let s = sentence("dogs chase the cats.");
        assert_eq!(s.exchange(0..1, 2..4).text(), "The cats chase dogs.");
        assert_eq!(s.reword(1, "see").text(), "Dogs see the cats.");
    }
}
