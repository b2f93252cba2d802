//! Results as terminal text.
#![forbid(unsafe_code)]
