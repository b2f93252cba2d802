//! Goldens, laws and tidiness; ships nowhere.
#![forbid(unsafe_code)]
