//! One file an op: the equation, `forward`, `backward`, `reveal` and its tests.

mod activate;
mod attention;
mod cross_entropy;
mod dropout;
mod feed_forward;
mod gather;
mod linear;
mod lookup;
mod norm;
mod place;
mod pool;
mod rotate;
mod sum;

pub use activate::Activate;
pub use attention::{Attention, ScoreBias, bucket};
pub use cross_entropy::CrossEntropy;
pub use dropout::Dropout;
pub use feed_forward::FeedForward;
pub use gather::Gather;
pub use linear::Linear;
pub use lookup::Lookup;
pub use norm::LayerNorm;
pub use place::Places;
pub use pool::{Concatenate, Normalize, Pool, Pooling};
pub use rotate::Rotate;
pub use sum::{Add, Mix, Scale};
