//! Finds model folders: cache, archives, the Hugging Face Hub, and packages.
#![forbid(unsafe_code)]
