//! Small tokenizer files of each type, and a generator of hostile text.
#![allow(dead_code)]

use std::path::Path;

use contexture_text::{TextError, Tokenizer};
use serde_json::{Value, json};
use tokenizers::models::bpe::BPE;
use tokenizers::models::unigram::Unigram;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

/// A folder with one `tokenizer.json`.
pub(crate) fn folder(file: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tokenizer.json"), file).unwrap();
    folder
}

pub(crate) fn open(file: &str) -> Result<Tokenizer, TextError> {
    Tokenizer::open(folder(file).path())
}

pub(crate) fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

pub(crate) fn added(id: u32, content: &str, normalized: bool, lstrip: bool, rstrip: bool) -> Value {
    json!({"id": id, "content": content, "single_word": false, "lstrip": lstrip,
           "rstrip": rstrip, "normalized": normalized, "special": true})
}

pub(crate) fn bert_processing() -> Value {
    json!({"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]})
}

pub(crate) fn template() -> Value {
    json!({"type": "TemplateProcessing", "single": [
        {"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
        {"SpecialToken": {"id": "[SEP]", "type_id": 0}}], "pair": [
        {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {
        "[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
        "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}}})
}

pub(crate) fn roberta_processing(add_prefix_space: bool) -> Value {
    json!({"type": "RobertaProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2],
           "trim_offsets": true, "add_prefix_space": add_prefix_space})
}

/// `clean_text, handle_chinese_chars, strip_accents, lowercase`.
pub(crate) type Switches = (bool, bool, Option<bool>, bool);

pub(crate) fn wordpiece(switches: Switches, post: Value) -> Value {
    let mut tokens: Vec<String> = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<unk>"]
        .iter()
        .map(|t| (*t).to_owned())
        .collect();
    let pieces = [
        "token", "tok", "en", "ens", "Token", "ing", "caf", "é", "e", "É", "ß", "ss", "中", "文",
        "가", "ᄀ", "ᅡ", "ᆨ", "ı", "i", "i\u{307}", "\u{301}", "\u{323}", "👩", "ﬁ", "<", ">", "unk",
        "[", "]", "mask", "CLS", "“", "—", "…", "'", "#", "\0", "\u{fffd}", "\u{1c}", "Å",
        "a\u{30a}", "\u{f71}", "\u{f72}", "\u{200b}", "don", "t", ".", ",", "12", "3",
    ];
    for piece in pieces {
        tokens.extend([piece.to_owned(), format!("##{piece}")]);
    }
    for c in ('a'..='z').chain('A'..='M') {
        tokens.extend([c.to_string(), format!("##{c}")]);
    }
    let mut vocab = serde_json::Map::new();
    for token in tokens {
        let next = json!(vocab.len());
        vocab.entry(token).or_insert(next);
    }
    let size = vocab.len() as u32;
    let (clean_text, handle_chinese_chars, strip_accents, lowercase) = switches;
    json!({
        "version": "1.0",
        "truncation": {"max_length": 8, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 128}, "direction": "Right", "pad_to_multiple_of": null,
                    "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": [
            added(0, "[PAD]", false, false, false), added(2, "[CLS]", false, false, false),
            added(3, "[SEP]", false, false, true), added(4, "[MASK]", false, true, false),
            added(5, "<unk>", true, false, false), added(size, "[MASK]]", false, true, true),
            added(size + 1, "Éxtra [token]", true, true, true),
        ],
        "normalizer": {"type": "BertNormalizer", "clean_text": clean_text,
            "handle_chinese_chars": handle_chinese_chars, "strip_accents": strip_accents,
            "lowercase": lowercase},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": post,
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": vocab}
    })
}

/// Byte-level BPE as RoBERTa has it.
pub(crate) fn bpe() -> Value {
    let mut tokens = vec!["[PAD]".to_owned(), "[UNK]".into(), "[CLS]".into(), "[SEP]".into()];
    let mut alphabet: Vec<char> = ByteLevel::alphabet().into_iter().collect();
    alphabet.sort_unstable();
    tokens.extend(alphabet.iter().map(char::to_string));
    let merges = [("t", "o"), ("k", "e"), ("to", "ke"), ("toke", "n"), ("Ġ", "t"), ("Ġ", "a")];
    tokens.extend(merges.iter().map(|(a, b)| format!("{a}{b}")));
    let vocab: std::collections::HashMap<String, u32> =
        tokens.into_iter().enumerate().map(|(id, t)| (t, id as u32)).collect();
    let merges = merges.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let vocab: tokenizers::models::bpe::Vocab = vocab.into_iter().collect();
    let model = BPE::builder().vocab_and_merges(vocab, merges).build().unwrap();
    json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [added(2, "[CLS]", false, false, false), added(3, "[SEP]", false, false, false)],
        "normalizer": null,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
                          "use_regex": true},
        "post_processor": roberta_processing(false),
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true,
                    "use_regex": true},
        "model": serde_json::to_value(&model).unwrap()
    })
}

/// Unigram with Metaspace, as SentencePiece models come.
pub(crate) fn unigram() -> Value {
    let mut pieces: Vec<(String, f64)> = ["<s>", "<pad>", "[CLS]", "[SEP]", "<unk>"]
        .iter()
        .map(|t| ((*t).to_owned(), 0.0))
        .collect();
    for (k, piece) in ["▁", "▁token", "token", "▁t", "en", "s", "é", "中"].iter().enumerate()
    {
        pieces.push(((*piece).to_owned(), -1.0 - k as f64));
    }
    pieces.extend(('a'..='z').map(|c| (c.to_string(), -12.0)));
    let model = Unigram::from(pieces, Some(4), false).unwrap();
    json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [added(2, "[CLS]", false, false, false), added(3, "[SEP]", false, false, false)],
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"},
            {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]},
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always",
                          "split": true},
        "post_processor": template(),
        "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always",
                    "split": true},
        "model": serde_json::to_value(&model).unwrap()
    })
}

const FRAGMENTS: &[&str] = &[
    "token",
    "Tokens",
    "TOKENING",
    "café",
    "CAFE\u{301}",
    "naïve",
    " ",
    " ",
    " ",
    "  ",
    "\t",
    "\n",
    "\r\n",
    "\0",
    "\u{b}",
    "\u{1c}",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{2003}",
    "\u{200b}",
    "\u{200d}",
    "\u{feff}",
    "\u{fffd}",
    "\u{301}",
    "\u{323}",
    "\u{344}",
    "\u{f73}",
    "\u{f75}",
    "\u{f81}",
    "é",
    "É",
    "ẞ",
    "İ",
    "ı",
    "ǅ",
    "Å",
    "ﬁ",
    "≮",
    "中",
    "文",
    "かな",
    "가",
    "각",
    "שָׁלוֹם",
    "مَرْحَبًا",
    "नमस्ते",
    "👩\u{200d}👩",
    "🇩🇪",
    "[MASK]",
    "[MASK]]",
    "[CLS]",
    " [SEP] ",
    "[sep]",
    "<unk>",
    "<UNK>",
    "≮unk>",
    "éxtra [TOKEN] ",
    "[",
    "]",
    "<",
    ">",
    "#",
    "##en",
    "don't",
    "12.3",
    "“quoted”",
    "—",
    "…",
    "\u{e000}",
    "Ġ",
    "▁",
    "\u{10ffff}",
    "\u{e0001}",
    "a\u{300}\u{323}\u{f73}\u{301}",
    ".",
    ",",
    "!?",
];

/// A seeded stream of numbers: splitmix64.
pub(crate) struct Seeded(pub(crate) u64);

impl Seeded {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// A short text of fragments that tokenizers have stumbled over.
    pub(crate) fn text(&mut self) -> String {
        let mut text = String::new();
        for _ in 0..self.below(14) {
            match self.below(40) {
                0 => text.push_str(&"x".repeat(98 + self.below(5))),
                1 | 2 => text.extend(char::from_u32(self.below(0x11_0000) as u32)),
                3 => text.extend(char::from_u32(self.below(0x3000) as u32)),
                _ => text.push_str(FRAGMENTS[self.below(FRAGMENTS.len())]),
            }
        }
        text
    }
}
