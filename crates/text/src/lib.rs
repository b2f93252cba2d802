//! Tokenizers, encodings, truncation and chunking with byte spans.
#![forbid(unsafe_code)]
