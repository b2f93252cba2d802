//! What a tokenizer makes of one text.

/// Bytes `[start, end)` of the user's text, always in range and on character boundaries.
pub type Span = [usize; 2];

/// One text as token ids, whole: nothing has been cut yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Encoding {
    /// Token ids, special tokens of the post-processor included.
    pub ids: Vec<u32>,
    /// Token type of each id; empty where all are zero, as is usual.
    pub type_ids: Vec<u32>,
    /// For each id its bytes in the user's text; `None` for tokens that do not come from it
    /// (special tokens that were added, and tokens of a prompt).
    pub spans: Vec<Option<Span>>,
    /// How many of the first ids the post-processor added.
    pub prefix: usize,
    /// How many of the last ids the post-processor added.
    pub suffix: usize,
    /// Leading tokens that belong to the prompt, counted as sentence-transformers counts them
    /// for `include_prompt = false`: the prompt's own encoding, leading special tokens included,
    /// the trailing one not. Zero without a prompt.
    pub prompt_tokens: usize,
    /// Length of the user's text in bytes.
    pub text_bytes: usize,
    /// Where words are spelled out: each token's character numbers, `[tokens, most]`; else empty.
    pub characters: Vec<u16>,
    /// The tokens, rising, whose words were too long to be spelled out whole.
    pub cut: Vec<usize>,
}

impl Encoding {
    /// Number of ids, special tokens included.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no id at all (an empty text with a tokenizer that adds nothing).
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Empties the encoding and keeps its memory, so that a loop need not allocate.
    pub fn clear(&mut self) {
        self.ids.clear();
        self.type_ids.clear();
        self.spans.clear();
        self.prefix = 0;
        self.suffix = 0;
        self.prompt_tokens = 0;
        self.text_bytes = 0;
        self.characters.clear();
        self.cut.clear();
    }

    pub(crate) fn push(&mut self, id: u32, start: usize, end: usize) {
        self.ids.push(id);
        self.spans.push(Some([start, end]));
    }
}
