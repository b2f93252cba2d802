//! Contextual embeddings from text, on a CPU, in Rust.
//!
//! A word's meaning comes from its context: an encoder gathers it by self-attention, and its
//! positions tell it the order. Open a model, give it texts, get vectors:
//!
//! ```no_run
//! use contexture::{Embedder, cosine};
//!
//! # fn main() -> Result<(), contexture::EngineError> {
//! let embedder = Embedder::built_in()?; // no file, no network
//! let records = embedder.embed(&["ram hits sam", "sam hits ram"])?;
//! let similar = cosine(records[0].vector(), records[1].vector());
//! assert!(similar < 0.9999, "the order of words matters");
//! assert!(records.iter().all(|record| !record.truncated), "nothing is cut silently");
//! # Ok(())
//! # }
//! ```
//!
//! [`Embedder::built_in`] is the model inside the program ([`BUILT_IN`] by name; the feature `built-in`,
//! on by default, leaves it out where it is off). [`Embedder::open`] takes another one's name, its
//! folder or an archive: a model that is not in the cache is fetched on first use, which
//! [`OpenOptions::pull`] forbids.
//!
//! ```no_run
//! # fn main() -> Result<(), contexture::EngineError> {
//! let embedder = contexture::Embedder::open("all-MiniLM-L6-v2")?;
//! # Ok(())
//! # }
//! ```
//!
//! # Words and tokens
//!
//! ```no_run
//! use contexture::{EmbedOptions, Embedder, Levels};
//!
//! # fn main() -> Result<(), contexture::EngineError> {
//! # let embedder = Embedder::built_in()?;
//! let options = EmbedOptions { levels: Levels::WORDS, ..EmbedOptions::default() };
//! for record in embedder.embed_with(&["The bank of the river"], &options)? {
//!     for word in record.words.iter().flatten() {
//!         println!("{:?} {} {:?}", word.span, word.text, &word.embedding[..3]);
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Threads and async code
//!
//! [`Embedder`] is cheap to clone, `Send` and `Sync`; any number of threads may call it at once.
//! [`Embedder::embed`] computes: from async code call it inside `spawn_blocking` (or the
//! equivalent of your runtime). A text's vector is bitwise the same alone and in any batch, on
//! any number of threads.
//!
//! ```
//! fn shared_between_threads<T: Send + Sync + Clone + 'static>() {}
//! shared_between_threads::<contexture::Embedder>();
//! ```
//!
//! # Smaller vectors
//!
//! ```
//! use contexture::quantize::{Ranges, binary};
//!
//! let vectors = [[1.0f32, -255.0, 300.0], [256.0, 0.0, 45.0]];
//! let ranges = Ranges::of(vectors.iter().map(|v| v.as_slice())).expect("there are vectors");
//! assert_eq!(ranges.int8(&vectors[1]), [127, 127, -128]);
//! assert_eq!(binary(&vectors[0]), [0b1010_0000u8 as i8 ^ -128]);
//! ```
#![forbid(unsafe_code)]

/// A model's folder written anew, in other numbers.
pub use contexture_engine::export;
/// Position functions, and what there is to say about one: table, distances, spectrum, verdict.
pub use contexture_engine::positions;
pub use contexture_engine::quantize;
pub use contexture_engine::translate;
pub use contexture_engine::{
    BUILT_IN, DEFAULT_BUDGET_TOKENS, EmbedOptions, Embedder, Encoding, EngineError, Folder, Info,
    Input, Isa, Layer, Levels, Located, Next, OpenOptions, Overflow, Pooling, Positions, Record,
    Span, Tokenizer, TranslateOptions, Translation, Translator, Unit, Vector, WeightFormat,
    WeightType, built_in, cosine, locate,
};

/// Finds models on this machine and fetches them: cache, archives, the Hugging Face Hub, packages.
pub use contexture_hub as hub;
