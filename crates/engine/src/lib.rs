//! Texts in, vectors out: the public core.
#![forbid(unsafe_code)]
