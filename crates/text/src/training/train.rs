//! From texts to a tokenizer's files.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use tokenizers::ModelWrapper;

use super::counts::count;
use super::files::{assemble, write, write_characters};
use super::merges::{bpe, wordpiece};
use super::pieces::unigram;
use super::settings::{TokenizerKind, TokenizerSettings};
use crate::characters::BEGINS;
use crate::error::TextError;

/// What came of a training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrainedTokenizer {
    /// Number of tokens, special ones included: at most what was asked for.
    pub vocabulary: usize,
    /// Texts read.
    pub texts: u64,
    /// Words seen, each occurrence counted.
    pub words: u64,
    /// Different words.
    pub distinct_words: u64,
    /// Single letters among the tokens (bytes for BPE; those inside words counted apart for
    /// WordPiece).
    pub letters: usize,
    /// Characters of the text beyond `alphabet`, which the tokenizer does not know.
    pub dropped_characters: usize,
}

/// A model with what is to be told of it.
pub(crate) struct Learned<M> {
    pub model: M,
    pub letters: usize,
    pub dropped: usize,
}

impl<M: Into<ModelWrapper>> Learned<M> {
    fn wrap(self) -> Learned<ModelWrapper> {
        Learned { model: self.model.into(), letters: self.letters, dropped: self.dropped }
    }
}

/// Trains a tokenizer and writes it into `folder`, which is made where it is absent:
/// `tokenizer.json`, `tokenizer_config.json`, `special_tokens_map.json` and, for WordPiece,
/// `vocab.txt`, each put into its place at once. [`Tokenizer::open`](crate::Tokenizer::open) and
/// transformers' `AutoTokenizer` read them and give the same ids.
///
/// The special tokens are `[PAD]` 0, `[UNK]` 1, `[CLS]` 2, `[SEP]` 3 and `[MASK]` 4; a text is
/// encoded as `[CLS] text [SEP]`. The same texts, in whatever order, give the same files bit for
/// bit. Texts are read once and not kept; memory goes by the number of different words.
///
/// # Errors
/// [`TextError::Source`] for a text that could not be read, [`TextError::NoText`] where there is
/// no word, [`TextError::SmallVocabulary`], [`TextError::Write`], and [`TextError::Training`]
/// where the `tokenizers` crate fails.
///
/// ```
/// use contexture_text::Tokenizer;
/// use contexture_text::training::{TokenizerSettings, train};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let folder = folder.path();
/// let texts = ["The cat sat on the mat.", "The dog sat on the cat."];
/// let settings = TokenizerSettings { vocabulary: 60, ..TokenizerSettings::default() };
/// let texts = texts.map(|text| Ok::<_, std::io::Error>(text.to_owned()));
/// let trained = train(&settings, texts.into_iter(), folder)?;
/// assert_eq!(trained.words, 14);
/// let tokenizer = Tokenizer::open(folder)?;
/// assert_eq!(tokenizer.vocabulary_size(), trained.vocabulary);
/// assert!(tokenizer.id("the").is_some() && tokenizer.is_fast());
/// # Ok::<(), contexture_text::TextError>(())
/// ```
pub fn train<E>(
    settings: &TokenizerSettings,
    texts: impl Iterator<Item = Result<String, E>>,
    folder: &Path,
) -> Result<TrainedTokenizer, TextError>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let counts = count(settings, texts)?;
    let texts = counts.texts;
    if counts.words.is_empty() {
        return Err(TextError::NoText { texts });
    }
    let distinct_words = counts.words.len() as u64;
    let words = counts.words.iter().fold(0u64, |sum, (_, count)| sum.saturating_add(*count));
    if settings.kind == TokenizerKind::Characters {
        let ranked = ranked(settings, counts.words)?;
        write_characters(settings, &ranked, folder)?;
        let (vocabulary, letters) = (ranked.len() + BEGINS.len(), 256);
        let told = TrainedTokenizer {
            vocabulary,
            texts,
            words,
            distinct_words,
            letters,
            dropped_characters: 0,
        };
        return Ok(told);
    }
    let learned = match settings.kind {
        TokenizerKind::WordPiece => wordpiece(settings, counts.words)?.wrap(),
        TokenizerKind::Bpe => bpe(settings, counts.words)?.wrap(),
        TokenizerKind::Unigram | TokenizerKind::Characters => {
            unigram(settings, counts.words)?.wrap()
        }
    };
    let (letters, dropped_characters) = (learned.letters, learned.dropped);
    let tokenizer = assemble(settings, learned.model)?;
    write(settings, &tokenizer, folder)?;
    let vocabulary = tokenizer.get_vocab_size(true);
    Ok(TrainedTokenizer { vocabulary, texts, words, distinct_words, letters, dropped_characters })
}

/// The most frequent words, by falling frequency, as many as the vocabulary holds.
fn ranked(
    settings: &TokenizerSettings,
    mut words: Vec<(String, u64)>,
) -> Result<Vec<String>, TextError> {
    let Some(room) = settings.vocabulary.checked_sub(BEGINS.len()).filter(|room| *room > 0) else {
        let (vocabulary, special) = (settings.vocabulary, BEGINS.len());
        return Err(TextError::SmallVocabulary { vocabulary, special, letters: 1 });
    };
    words.retain(|(word, count)| {
        *count >= settings.min_frequency && !BEGINS.contains(&word.as_str())
    });
    words.sort_by(|(a, many), (b, few)| few.cmp(many).then_with(|| a.cmp(b)));
    words.truncate(room);
    Ok(words.into_iter().map(|(word, _)| word).collect())
}

/// Runs a trainer on one thread, so that sums are taken in one order; its panics are errors.
pub(crate) fn alone<T: Send>(
    work: impl FnOnce() -> tokenizers::Result<T> + Send,
) -> Result<T, TextError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let pool = pool.map_err(TextError::training)?;
    match catch_unwind(AssertUnwindSafe(|| pool.install(work))) {
        Ok(done) => done.map_err(TextError::training),
        Err(panic) => {
            let words = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let words = words.or_else(|| panic.downcast_ref::<String>().cloned());
            Err(TextError::training(words.unwrap_or_else(|| "the trainer gave up".to_owned())))
        }
    }
}
