//! Which files a tokenizer is made of.

/// Every file that a tokenizer's folder can have; those of [`TELLING`] come last, so that who copies
/// them in this order has the others when one of them is there.
pub const TOKENIZER_FILES: [&str; 18] = [
    "vocab.txt.gz",
    "char.dic",
    "word.dic",
    "vocab.json",
    "target_vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "added_tokens.json",
    "special_tokens_map.json",
    "tokenizer_config.json",
    "target.spm",
    "target_vocabulary.txt",
    TELLING[0],
    TELLING[1],
    TELLING[2],
    TELLING[3],
    TELLING[4],
    TELLING[5],
];

/// The files of which one tells that a tokenizer stands in a folder.
pub const TELLING: [&str; 6] = [
    "vocab.txt",
    "source_vocabulary.txt",
    "spiece.model",
    "source.spm",
    "characters.json",
    "tokenizer.json",
];
