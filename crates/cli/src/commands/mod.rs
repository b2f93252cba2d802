//! One file a command.

pub(crate) mod compare;
pub(crate) mod embed;
pub(crate) mod eval;
pub(crate) mod export;
pub(crate) mod feed;
pub(crate) mod info;
pub(crate) mod interrupt;
pub(crate) mod positions;
pub(crate) mod pull;
pub(crate) mod reading;
pub(crate) mod similarity;
pub(crate) mod spool;
pub(crate) mod tokenize;
pub(crate) mod train;
pub(crate) mod translate;
