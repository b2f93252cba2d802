//! Rows of files, mixed, shuffled by seed, from any place on.

mod files;
mod paragraphs;
mod stream;
mod tokens;
mod vectors;

pub use files::{Row, RowReader};
pub use stream::{RowStream, Side, StreamState};
pub use tokens::{Sequence, TokenState, TokenStream, Tokens};
