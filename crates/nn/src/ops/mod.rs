//! One file an op: the equation, `forward`, `backward`, `reveal` and its tests.

mod activate;
mod attention;
mod characters;
mod columns;
mod cross_entropy;
mod dropout;
mod feed_forward;
mod gather;
mod highway;
mod layer_mix;
mod linear;
mod lookup;
mod lstm;
mod norm;
mod place;
mod pool;
mod rotate;
mod sum;

pub use activate::Activate;
pub use attention::{Attention, ScoreBias, bucket};
pub use characters::{CharacterConvolution, Filter};
pub use columns::Columns;
pub use cross_entropy::CrossEntropy;
pub use dropout::Dropout;
pub use feed_forward::FeedForward;
pub use gather::Gather;
pub use highway::Highway;
pub use layer_mix::LayerMix;
pub use linear::Linear;
pub use lookup::Lookup;
pub use lstm::{Lstm, LstmCarry, LstmDirection, LstmState, Reads};
pub use norm::LayerNorm;
pub use place::Places;
pub use pool::{Concatenate, Normalize, Pool, Pooling};
pub use rotate::Rotate;
pub use sum::{Add, Mix, Scale};
